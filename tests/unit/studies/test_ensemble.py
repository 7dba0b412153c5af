"""An ensemble with a trainer that only pretends (tests/fake_trainer.py): what is started, kept, gone on with, told."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import fake_trainer
import understudy.report.ensemble
from understudy.core.errors import ConfigError, DataError, Interrupted
from understudy.policies.act.config import ActConfig
from understudy.studies import ensemble, ensemble_processes
from understudy.studies.ensemble import check_ensemble, run_ensemble
from understudy.studies.ensemble_config import EnsembleConfig
from understudy.studies.ensemble_folder import EnsembleFolder
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig


@pytest.fixture(autouse=True)
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that the configuration was checked with; nothing is really checked nor trained."""
    seeds: list[int] = []
    monkeypatch.setattr(ensemble_processes, "_POLL_S", 0.02)
    monkeypatch.setattr(understudy.report.ensemble, "write_ensemble_plots", lambda runs, folder, name: [])
    monkeypatch.setattr(ensemble, "PROGRAM", (sys.executable, str(fake_trainer.__file__)))
    monkeypatch.setattr(ensemble, "_rehearse", lambda shared, seed, run: seeds.append(seed))
    monkeypatch.setattr(ensemble, "settle_precision", lambda shared, _: shared.model_copy(update={"precision": "bf16"}))
    monkeypatch.setattr(ensemble, "choose_together", lambda config, shared, left, threads: (False, "not tried"))
    return seeds


def a_config(folder: Path, seeds: tuple[int, ...] = (1000, 1001, 1002), **more: Any) -> EnsembleConfig:
    train = TrainConfig(dataset=DatasetConfig(repo_id="u/n"), policy=ActConfig(device="cpu"), **more.pop("train", {}))
    return EnsembleConfig(train=train, seeds=seeds, folder=folder / "ens", **{"threads": 1, "jobs": 3, **more})


def behave(folder: Path, **behaviour: str) -> None:
    (folder / "behaviour.json").write_text(json.dumps({k.removeprefix("seed_"): v for k, v in behaviour.items()}))


def log_of(folder: Path, seed: int) -> str:
    return EnsembleFolder(folder / "ens").log(seed).read_text()


def test_every_seed_gets_a_run_of_its_own_and_the_summary_tells_their_spread(
    tmp_path: Path, rehearsed: list[int]
) -> None:
    result = run_ensemble(a_config(tmp_path))
    assert rehearsed == [1000]
    assert [(s.seed, s.state, s.step) for s in result.seeds] == [(s, "finished", 10) for s in (1000, 1001, 1002)]
    assert result.exit_code == 0
    loss = result.measures["loss"]
    # the pretended loss is seed / 1000 + 0.1
    assert (loss.mean, loss.std, loss.min, loss.max) == pytest.approx((1.101, 0.001, 1.1, 1.102))
    assert loss.interval == pytest.approx([1.101 - 4.30265273 * 0.001 / 3**0.5, 1.101 + 4.30265273 * 0.001 / 3**0.5])
    kept = json.loads((tmp_path / "ens/summary.json").read_text())
    assert kept == json.loads(json.dumps(result.to_json()))
    page = (tmp_path / "ens/ensemble.md").read_text()
    html = (tmp_path / "ens/ensemble.html").read_text()
    assert html.startswith("<!doctype html>") and "3 of 3 seeds finished." in html
    assert "3 of 3 seeds finished." in page and "1.1010 ± 0.0010" in page


def test_all_seeds_hold_out_the_episodes_drawn_from_the_base_seed(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path, train={"seed": 7}))
    drawn = [json.loads((tmp_path / f"ens/seed-{s}/train_config.json").read_text()) for s in (1000, 1001, 1002)]
    assert [(c["seed"], c["dataset"]["split_seed"]) for c in drawn] == [(1000, 7), (1001, 7), (1002, 7)]


def test_what_the_trainer_would_find_out_for_itself_is_decided_once_for_all_seeds(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path, (1,)))
    run_ensemble(a_config(tmp_path, (2,)))
    found = [json.loads((tmp_path / f"ens/seed-{s}/train_config.json").read_text())["precision"] for s in (1, 2)]
    assert found == ["bf16", "bf16"]
    with pytest.raises(ConfigError, match="`--precision`: got `fp32`, but the ensemble has `bf16`"):
        run_ensemble(a_config(tmp_path, (3,), train={"precision": "fp32"}))


@pytest.mark.parametrize("held_out", [{"eval_episodes": [3]}, {"eval_split": 0.0}, {"eval_split": 0.2}])
def test_held_out_episodes_that_are_named_stay_as_they_are(tmp_path: Path, held_out: dict[str, Any]) -> None:
    train = TrainConfig(dataset=DatasetConfig(repo_id="u/n", **held_out), policy=ActConfig())
    assert EnsembleConfig(train=train, seeds=(1,), folder=tmp_path).shared().dataset == train.dataset


def test_each_seed_may_draw_its_own(tmp_path: Path) -> None:
    assert a_config(tmp_path, splits="own").shared().dataset.split_seed is None


def test_a_second_call_keeps_what_is_finished_and_trains_the_seeds_that_are_new(
    tmp_path: Path, rehearsed: list[int]
) -> None:
    run_ensemble(a_config(tmp_path, (1000,)))
    before = (tmp_path / "ens/seed-1000/events.jsonl").read_bytes()
    result = run_ensemble(a_config(tmp_path, (1003,)))
    assert rehearsed == [1000, 1003]
    assert [s.seed for s in result.finished] == [1000, 1003]
    assert (tmp_path / "ens/seed-1000/events.jsonl").read_bytes() == before
    assert result.measures["loss"].n == 2


def test_when_everything_is_finished_only_the_summary_is_made_again(tmp_path: Path, rehearsed: list[int]) -> None:
    first = run_ensemble(a_config(tmp_path))
    (tmp_path / "ens/summary.json").unlink()
    assert run_ensemble(a_config(tmp_path)).to_json()["measures"] == first.to_json()["measures"]
    assert rehearsed == [1000]
    assert (tmp_path / "ens/summary.json").exists()


def test_a_seed_that_fails_stops_no_other_and_is_told_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behave(tmp_path, seed_1001="fails")
    result = run_ensemble(a_config(tmp_path, jobs=1))
    assert [s.state for s in result.seeds] == ["finished", "failed", "finished"]
    assert (result.seeds[1].exit_code, result.exit_code) == (5, 5)
    assert result.seeds[1].reason == "the disk is full\n  where: /somewhere\n  hint: free some space"
    assert result.measures["loss"].n == 2
    assert "seed 1001 failed: the disk is full" in capsys.readouterr().out
    assert "| 1001 | failed | 0 |" in (tmp_path / "ens/ensemble.md").read_text()


def test_a_seed_that_is_killed_is_told_so_and_gone_on_with_by_the_next_call(tmp_path: Path) -> None:
    behave(tmp_path, seed_1000="killed", seed_1002="fails")
    result = run_ensemble(a_config(tmp_path))
    assert "killed by SIGKILL" in (result.seeds[0].reason or "")
    assert result.exit_code == 1  # two seeds failed, each in its own way
    behave(tmp_path)
    assert run_ensemble(a_config(tmp_path)).exit_code == 0
    assert "--resume" in log_of(tmp_path, 1000).splitlines()[2]
    assert "--config_path" in log_of(tmp_path, 1002).splitlines()[-2]


def interrupt_when_there(*files: list[Path]) -> threading.Thread:
    """Send this process Ctrl-C as soon as all of the first files are there, once more after the second, ..."""

    def wait() -> None:
        for together in files:
            while not all(file.exists() for file in together):
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_ctrl_c_lets_every_run_save_and_stop_and_says_how_to_go_on(tmp_path: Path) -> None:
    behave(tmp_path, seed_1000="slow", seed_1001="slow")
    thread = interrupt_when_there([tmp_path / "ens/seed-1000/ready", tmp_path / "ens/seed-1001/ready"])
    with pytest.raises(Interrupted) as stopped:
        run_ensemble(a_config(tmp_path, jobs=2))
    thread.join()
    assert stopped.value.exit_code == 130
    assert stopped.value.hint == f"go on with: understudy ensemble --resume {tmp_path / 'ens'}"
    kept = json.loads((tmp_path / "ens/summary.json").read_text())
    assert [seed["state"] for seed in kept["seeds"]] == ["interrupted", "interrupted", "waiting"]
    assert not (tmp_path / "ens/seed-1002").exists()
    assert [s.state for s in run_ensemble(a_config(tmp_path)).seeds] == ["finished"] * 3


def test_the_second_ctrl_c_does_not_wait_and_leaves_nothing_running(tmp_path: Path) -> None:
    behave(tmp_path, seed_1000="stubborn")
    run = tmp_path / "ens/seed-1000"
    thread = interrupt_when_there([run / "ready"], [run / "asked"])
    with pytest.raises(Interrupted, match="0 of 1 seeds are finished"):
        run_ensemble(a_config(tmp_path, (1000,)))
    thread.join()
    assert '"run_interrupted"' in (run / "events.jsonl").read_text().splitlines()[-1]
    assert run_ensemble(a_config(tmp_path, (1000,))).exit_code == 0


def test_another_configuration_is_refused_by_what_differs(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path))
    before = {path: path.read_bytes() for path in (tmp_path / "ens").rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="`--batch_size`: got `4`, but the ensemble has `8`"):
        run_ensemble(a_config(tmp_path, train={"batch_size": 4}))
    with pytest.raises(ConfigError, match="begun with 1 threads for each run, not 2"):
        run_ensemble(a_config(tmp_path, threads=2))
    assert {path: path.read_bytes() for path in (tmp_path / "ens").rglob("*") if path.is_file()} == before


def test_the_threads_of_the_first_call_stay_those_of_the_ensemble(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path, (1,), threads=3))
    run_ensemble(a_config(tmp_path, (2,), threads=None, jobs=1))
    assert [log_of(tmp_path, seed).splitlines()[1] for seed in (1, 2)] == ["threads 3 gpu None"] * 2


def test_threads_are_divided_among_the_runs_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 9)
    # two seeds are left: four at a time would leave threads idle
    assert run_ensemble(a_config(tmp_path, (1, 2), threads=None, jobs=4)).threads == 4


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ens").mkdir()
    (tmp_path / "ens/thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match=r"something else than an ensemble \(thesis.tex\)"):
        run_ensemble(a_config(tmp_path))
    assert [path.name for path in (tmp_path / "ens").iterdir()] == ["thesis.tex"]


def test_an_ensemble_that_was_killed_before_its_first_seed_began_can_be_begun_again(tmp_path: Path) -> None:
    folder = EnsembleFolder(tmp_path / "ens")
    folder.path.mkdir()
    folder.lock.touch()
    shared = a_config(tmp_path).shared().model_copy(update={"precision": "fp32"})
    folder.config.write_text(json.dumps(shared.to_json()))
    with pytest.raises(ConfigError, match=r"something else than an ensemble \(config.json\)"):
        run_ensemble(a_config(tmp_path, (1,), train={"steps": 3}))
    assert run_ensemble(a_config(tmp_path, (1,))).exit_code == 0


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path, (1,)))
    for content in ("{", "[]", '{"seeds": ["a"], "threads": 1}', '{"seeds": [1]}'):
        (tmp_path / "ens/ensemble.json").write_text(content)
        with pytest.raises(DataError):
            run_ensemble(a_config(tmp_path, (1,)))


def test_a_run_that_was_put_there_by_hand_is_not_taken_for_one_of_the_ensemble(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path, (1, 2)))
    config = tmp_path / "ens/seed-2/train_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"seed": 5}))
    with pytest.raises(ConfigError, match="should be the run of seed 2, but it was trained with seed 5"):
        run_ensemble(a_config(tmp_path, (1, 2)))


def test_two_ensembles_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    run_ensemble(a_config(tmp_path, (1,)))
    folder = EnsembleFolder(tmp_path / "ens")
    with ensemble.held_alone(folder), pytest.raises(ConfigError, match="another process is training this ensemble"):
        run_ensemble(a_config(tmp_path, (1, 2)))


def test_a_run_whose_ensemble_was_killed_and_that_trains_on_is_noticed(tmp_path: Path) -> None:
    from understudy.train.run import held_alone

    behave(tmp_path, seed_2="killed")
    run_ensemble(a_config(tmp_path, (1, 2)))
    run = EnsembleFolder(tmp_path / "ens").run(2)
    with held_alone(run), pytest.raises(ConfigError, match="seed 2 is being trained by another process"):
        run_ensemble(a_config(tmp_path, (1, 2)))


def test_a_dry_run_writes_nothing(tmp_path: Path, rehearsed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert check_ensemble(a_config(tmp_path)).left == [1000, 1001, 1002]
    assert rehearsed == [1000]
    assert list(tmp_path.iterdir()) == []
    assert "3 seeds; 3 at a time, each with 1 thread" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seeds", "words"), [((), "no seeds"), ((1, 2, 1), "seed 1 is given twice"), ((-1,), "seed -1 is below 0")]
)
def test_seeds_that_make_no_sample_are_refused(tmp_path: Path, seeds: tuple[int, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        a_config(tmp_path, seeds)


@pytest.mark.parametrize("name", ["jobs", "threads"])
def test_no_runs_at_a_time_and_no_threads_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 0"):
        a_config(tmp_path, **{name: 0})


def test_pushing_all_seeds_to_one_repository_is_refused(tmp_path: Path) -> None:
    train = TrainConfig(dataset=DatasetConfig(repo_id="u/n"), policy=ActConfig(push_to_hub=True, repo_id="me/policy"))
    with pytest.raises(ConfigError, match="same repository, me/policy"):
        EnsembleConfig(train=train, seeds=(1, 2), folder=tmp_path)


def test_a_full_disk_while_summing_up_leaves_the_runs_and_the_next_call_makes_it_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.core.errors import DiskFull

    def full(*_: Any) -> None:
        raise DiskFull("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ensemble, "_write", full)
        with pytest.raises(DiskFull):
            run_ensemble(a_config(tmp_path, (1,)))
    assert run_ensemble(a_config(tmp_path, (1,))).exit_code == 0
