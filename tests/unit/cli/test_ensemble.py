"""`understudy ensemble`: train's options pass through, its own are understood, faults are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.cli.ensemble import read_ensemble, run
from understudy.cli.main import main
from understudy.core.errors import DataError
from understudy.studies.ensemble_folder import EnsembleFolder, Facts
from understudy.train.command import read_command

BASE = ["--dataset.repo_id=u/n", "--policy.type=act"]


def test_every_option_of_train_is_one_of_ensemble() -> None:
    config, dry_run, as_json = read_ensemble(
        [*BASE, "--seeds=3", "--seed=7", "--policy.kl_weight=2", "--output_dir=o", "--dry_run", "--json"]
    )
    assert (config.seeds, config.folder, dry_run, as_json) == ((7, 8, 9), Path("o"), True, True)
    assert config.train.policy.model_dump()["kl_weight"] == 2


def test_seeds_may_be_listed() -> None:
    assert read_ensemble([*BASE, "--seeds=[1, 5, 9]"])[0].seeds == (1, 5, 9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "`--seeds` is required"),
        (["--seeds=0"], "no seeds"),
        (["--seeds=[]"], "no seeds"),
        (["--seeds=[1, 2, 1]"], "seed 1 is given twice"),
        (["--seeds=ten"], "`--seeds`: got `ten`; expects a whole number or a list"),
        (["--seeds=2", "--job=2"], "did you mean `--jobs`?"),
        (["--seeds=2", "--thread=2"], "did you mean `--threads`?"),
        (["--seeds=2", "--stesp=2"], "did you mean `--steps`?"),
        (["--seeds=2", "--policy.chunk_sze=2"], "did you mean `--policy.chunk_size`?"),
        (["--seeds=2", "--jobs=0"], "`--jobs`: got `0`; expects a whole number of at least 1"),
        (["--seeds=2", "--splits=some"], "`--splits`: got `some`"),
        (["--resume=/nowhere"], "there is no ensemble to go on with"),
        (["--resume=/nowhere", "--output_dir=x"], "leave out --output_dir"),
        (["--resume=/nowhere", "--splits=own"], "leave out --splits"),
    ],
)
def test_a_bad_command_is_answered_with_what_is_wrong(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ensemble", *BASE, *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("splits", ["same", "own"])
def test_an_ensemble_goes_on_as_it_was_begun(tmp_path: Path, splits: str) -> None:
    begun = read_ensemble([*BASE, "--seeds=2", "--seed=5", f"--splits={splits}", "--steps=9", "--policy.device=cpu"])[0]
    folder = EnsembleFolder(tmp_path)
    folder.config.write_text(json.dumps(begun.shared().to_json()))
    Facts([5, 6], threads=2).save(folder.facts)
    again = read_ensemble([f"--resume={tmp_path}"])[0]
    assert (again.seeds, again.folder) == ((5, 6), tmp_path)
    assert again.shared().to_json() == begun.shared().to_json()
    assert read_ensemble([f"--resume={tmp_path}", "--seeds=4", "--jobs=2"])[0].seeds == (5, 6, 7, 8)


def test_a_dataset_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    words = ["--seeds=2", f"--dataset.root={tmp_path / 'no'}", f"--output_dir={tmp_path / 'ens'}"]
    with pytest.raises(DataError):
        run([*BASE, *words, "--policy.device=cpu"])
    assert list(tmp_path.iterdir()) == []


def test_a_seed_is_given_the_configuration_that_train_alone_would_have(tmp_path: Path) -> None:
    flags = [
        *BASE,
        "--optimizer.lr=1e-3",
        "--num_epochs=3",
        "--rename_map={a: b}",
        "--policy.device=cpu",
        "--compile=off",
    ]
    folder = EnsembleFolder(tmp_path / "ens")
    folder.path.mkdir()
    for splits, more in (("own", []), ("same", ["--dataset.split_seed=5"])):
        shared = read_ensemble([*flags, "--seeds=2", "--seed=5", f"--splits={splits}"])[0].shared()
        folder.config.write_text(json.dumps(shared.to_json()))
        place = ["--seed=6", f"--output_dir={folder.run(6).path}"]
        alone = read_command([*flags, *more, *place]).config
        assert read_command([f"--config_path={folder.config}", *place]).config.to_json() == alone.to_json()
