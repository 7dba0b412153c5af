"""All seeds as one computation: when that is chosen, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from make_dataset import make_dataset
from understudy.core.errors import ConfigError
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.studies.ensemble import check_ensemble, run_ensemble
from understudy.studies.ensemble_config import EnsembleConfig
from understudy.studies.ensemble_folder import EnsembleFolder, Facts, read_facts
from understudy.studies.ensemble_together import choose_together, decide
from understudy.train import batched_choice
from understudy.train.batched_choice import Tried
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"), episodes=6, frames=20, cameras=())


def config_of(dataset: Path, folder: Path, **options: Any) -> EnsembleConfig:
    small: dict[str, Any] = {"dim_model": 8, "n_heads": 2, "dim_feedforward": 16, "n_layers": 1, "n_state_layers": 0}
    small |= {"chunk_size": 5, "n_action_steps": 5, "device": "cpu", "dropout": options.pop("dropout", 0.0)}
    train = TrainConfig(
        dataset=DatasetConfig(repo_id=str(dataset)),
        policy=TinyPi0Config.model_validate(small),
        steps=3,
        batch_size=4,
        precision="fp32",
        tensorboard=False,
        report=False,
    )
    return EnsembleConfig(train=train, folder=folder, **{"seeds": (1, 2), "threads": 1, **options})


def choose(config: EnsembleConfig) -> tuple[bool, str]:
    return choose_together(config, config.shared(), len(config.seeds), 1)


@pytest.mark.parametrize(
    ("together_s", "jobs", "expected"),
    [(0.02, 1, True), (0.09, 1, False), (0.12, 1, False), (0.02, 2, True), (0.045, 2, False), (None, 1, False)],
)
def test_one_computation_has_to_be_clearly_sooner(together_s: float | None, jobs: int, expected: bool) -> None:
    assert decide(Tried(0.01, together_s), 10, jobs)[0] is expected


def test_the_reason_names_what_was_measured() -> None:
    chosen, why = decide(Tried(0.01, 0.03), 10, 2)
    assert chosen
    assert why == "an update of one network takes 10.0 ms, of 10 2 at a time 50.0 ms, of 10 at once 30.0 ms"
    assert "keeps the machine busy" in decide(Tried(0.3, None), 10, 1)[1]


def test_more_processes_than_seeds_are_no_quicker() -> None:
    assert decide(Tried(0.01, 0.007), 2, 8)[0]


def test_what_cannot_be_done_is_done_by_processes_or_refused_where_it_was_asked_for(
    dataset: Path, tmp_path: Path
) -> None:
    with_dropout = {"dropout": 0.1}
    chosen, why = choose(config_of(dataset, tmp_path, **with_dropout))
    assert not chosen and "dropout draws differ" in why
    with pytest.raises(ConfigError, match="cannot be trained as one computation: dropout draws differ"):
        choose(config_of(dataset, tmp_path, together="on", **with_dropout))
    with pytest.raises(ConfigError, match="--ray spreads processes"):
        choose(config_of(dataset, tmp_path, together="on", ray="local"))


def test_nothing_is_tried_for_one_seed_or_when_it_is_switched_off(dataset: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "no dataset"
    assert choose(config_of(nowhere, tmp_path, together="off")) == (False, "")
    assert choose(config_of(nowhere, tmp_path, seeds=(1,))) == (False, "there is one seed")


def test_memory_that_does_not_suffice_for_all_is_a_reason(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*arguments: Any, **options: Any) -> Tried:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(batched_choice, "try_together", run_out)
    assert choose(config_of(dataset, tmp_path)) == (False, "the memory does not suffice for all at once")


def test_an_ensemble_trained_at_once_ends_in_the_same_summary_and_goes_on_as_it_was_begun(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import understudy.report.ensemble

    monkeypatch.setattr(understudy.report.ensemble, "write_ensemble_plots", lambda runs, folder, name: [])
    folder = EnsembleFolder(tmp_path / "ens")
    result = run_ensemble(config_of(dataset, folder.path, together="on"))
    assert [(seed.seed, seed.state, seed.step) for seed in result.seeds] == [(1, "finished", 3), (2, "finished", 3)]
    assert result.measures["loss"].n == 2
    assert read_facts(folder) == Facts([1, 2], threads=1, together=1)
    said = capsys.readouterr().out
    assert "as one computation with 1 thread" in said and "seed 2  finished" in said

    monkeypatch.setattr("understudy.studies.ensemble.choose_together", None)  # nothing is tried again
    assert check_ensemble(config_of(dataset, folder.path, seeds=(3,))).together == 1
    result = run_ensemble(config_of(dataset, folder.path, seeds=(3,)))
    assert [seed.seed for seed in result.finished] == [1, 2, 3]


def test_what_earlier_versions_began_goes_on_as_processes(tmp_path: Path) -> None:
    folder = EnsembleFolder(tmp_path)
    folder.facts.write_text('{"version": "0.1.0", "seeds": [1, 2], "threads": 2}')
    assert read_facts(folder) == Facts([1, 2], threads=2, together=0)
