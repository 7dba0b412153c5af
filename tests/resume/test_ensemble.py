"""Real ensembles: each run is bit for bit the one trained alone, after interruptions and on a Ray cluster too."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import TINY_ACT, command, run, start, train_command

pytestmark = pytest.mark.slow

STEPS = 12
OPTIONS = [
    f"--steps={STEPS}",
    "--log_freq=4",
    "--eval_steps=6",
    "--policy.vision_backbone=keypoints",
    "--precision=fp32",
]
AT_ONCE = ["--together=on", "--policy.dropout=0"]
FILES = [f"checkpoints/{STEPS:06d}/{name}" for name in ("pretrained_model/model.safetensors",)]
FILES += [f"checkpoints/{STEPS:06d}/training_state/optimizer_state.safetensors", "split.json"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"), episodes=8, frames=20)


def ensemble_command(dataset: Path, output: Path, *more: str) -> list[str]:
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={output}"]
    return command("ensemble", *where, *TINY_ACT, *OPTIONS, "--seeds=2", "--threads=1", *more)


@pytest.fixture(scope="module")
def alone(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The two runs as `understudy train` makes them; the second with the split of the first."""
    folder = tmp_path_factory.mktemp("alone")
    runs = {1000: folder / "1000", 1001: folder / "1001"}
    for seed, more in ((1000, []), (1001, ["--dataset.split_seed=1000"])):
        done = run(train_command(dataset, runs[seed], *OPTIONS, f"--seed={seed}", *more), OMP_NUM_THREADS="1")
        assert done.returncode == 0, done.stderr
    return runs


def assert_equal(ensemble: Path, alone: dict[int, Path]) -> None:
    for seed, folder in alone.items():
        for name in FILES:
            assert (ensemble / f"seed-{seed}" / name).read_bytes() == (folder / name).read_bytes(), f"{seed}: {name}"


def test_each_run_is_the_one_that_train_alone_makes(dataset: Path, alone: dict[int, Path], tmp_path: Path) -> None:
    done = run(ensemble_command(dataset, tmp_path / "ens", "--jobs=2", "--json"))
    assert done.returncode == 0, done.stderr
    assert_equal(tmp_path / "ens", alone)
    summary = json.loads(done.stdout)
    assert (summary["finished"], summary["failed"], summary["measures"]["action_error"]["n"]) == (2, 0, 2)
    configs = [
        json.loads((folder / "train_config.json").read_text()) for folder in (tmp_path / "ens/seed-1001", alone[1001])
    ]
    for config in configs:
        config.pop("output_dir")
    assert configs[0] == configs[1]


def test_with_splits_of_their_own_they_are_those_of_the_plain_command(
    dataset: Path, alone: dict[int, Path], tmp_path: Path
) -> None:
    done = run(ensemble_command(dataset, tmp_path / "ens", "--splits=own"))
    assert done.returncode == 0, done.stderr
    plain = tmp_path / "plain"
    done = run(train_command(dataset, plain, *OPTIONS, "--seed=1001"), OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert_equal(tmp_path / "ens", {1000: alone[1000], 1001: plain})
    assert json.loads((plain / "split.json").read_text()) != json.loads((alone[1001] / "split.json").read_text())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_an_ensemble_that_was_stopped_goes_on_to_the_same_weights(
    dataset: Path, alone: dict[int, Path], tmp_path: Path, how: signal.Signals
) -> None:
    output = tmp_path / "ens"
    process = start(ensemble_command(dataset, output, "--jobs=1"))
    events = output / "seed-1000/events.jsonl"
    while not (events.exists() and '"event": "step"' in events.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, how)
    _, told = process.communicate(timeout=120)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert f"go on with: understudy ensemble --resume {output}" in told
    # a run whose ensemble was killed trains on alone; until it has ended it is left alone
    while (done := run(command("ensemble", "--resume", str(output)))).returncode == 2:
        assert "is being trained by another process" in done.stderr
    assert done.returncode == 0, done.stderr
    assert_equal(output, alone)


def test_one_seed_that_cannot_train_is_told_and_the_others_are_finished(dataset: Path, tmp_path: Path) -> None:
    # a file where the second run's checkpoints should go
    blocked = tmp_path / "ens/seed-1001"
    first = run(ensemble_command(dataset, tmp_path / "ens", "--dry_run"))
    assert first.returncode == 0, first.stderr
    process = start(ensemble_command(dataset, tmp_path / "ens", "--json"))
    while not (tmp_path / "ens/ensemble.json").exists():
        time.sleep(0.01)
    blocked.write_text("in the way")
    told, _ = process.communicate(timeout=240)
    assert process.returncode == 1
    assert [seed["state"] for seed in json.loads(told)["seeds"]] == ["finished", "failed"]


@pytest.fixture(scope="module")
def at_once(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The two runs as one computation makes them, never stopped. Without dropout, which only processes can have."""
    folder = tmp_path_factory.mktemp("at_once") / "ens"
    done = run(ensemble_command(dataset, folder, *AT_ONCE))
    assert done.returncode == 0, done.stderr
    assert "as one computation" in done.stdout
    return {seed: folder / f"seed-{seed}" for seed in (1000, 1001)}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_one_computation_that_was_stopped_goes_on_to_the_same_weights(
    dataset: Path, at_once: dict[int, Path], tmp_path: Path, how: signal.Signals
) -> None:
    output = tmp_path / "ens"
    process = start(ensemble_command(dataset, output, *AT_ONCE))
    events = output / "seed-1001/events.jsonl"
    while not (events.exists() and '"event": "checkpoint"' in events.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, how)
    process.communicate(timeout=120)
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    done = run(command("ensemble", "--resume", str(output)))
    assert done.returncode == 0, done.stderr
    assert_equal(output, at_once)


def test_on_a_ray_cluster_they_are_the_same(dataset: Path, alone: dict[int, Path], tmp_path: Path) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("NOT RUN: ray is not installed (pip install 'understudy[ray]')")
    done = run(ensemble_command(dataset, tmp_path / "ens", "--ray=local"))
    assert done.returncode == 0, done.stderr
    assert_equal(tmp_path / "ens", alone)


def test_on_a_ray_cluster_ctrl_c_saves_and_the_ensemble_goes_on_without_it(
    dataset: Path, alone: dict[int, Path], tmp_path: Path
) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("NOT RUN: ray is not installed (pip install 'understudy[ray]')")
    output = tmp_path / "ens"
    process = start(ensemble_command(dataset, output, "--ray=local", "--jobs=1"))
    while not (output / "seed-1000/events.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    done = run(command("ensemble", "--resume", str(output)))
    assert done.returncode == 0, done.stderr
    assert_equal(output, alone)
