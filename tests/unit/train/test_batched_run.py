"""Many runs in one process: each leaves the folder that it would have left alone, and ends for reasons of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from make_dataset import make_dataset
from understudy.core.events import read_events
from understudy.core.run_folder import PRETRAINED, TRAINING_STATE, RunFolder
from understudy.nn.weights import read_safetensors
from understudy.policies.base import Policy
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.train import batched_run
from understudy.train.batched_run import Planned, train_together
from understudy.train.batched_update import BatchedUpdate
from understudy.train.command import read_command
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig
from understudy.train.run import train

SEEDS = (3, 4, 5)
STEPS = 6
WEIGHTS, STATE = f"{PRETRAINED}/model.safetensors", f"{TRAINING_STATE}/optimizer_state.safetensors"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"), episodes=8, frames=30, cameras=())


def config_of(dataset: Path, folder: Path, seed: int, **options: Any) -> TrainConfig:
    small: dict[str, Any] = {
        "dim_model": 8,
        "n_heads": 2,
        "dim_feedforward": 16,
        "n_layers": 1,
        "n_state_layers": 1,
        "dim_state": 16,
    }
    small |= {"chunk_size": 5, "n_action_steps": 5, "device": "cpu", "optimizer_lr": options.pop("lr", 1e-3)}
    policy = TinyPi0Config.model_validate(small)
    values = {"steps": STEPS, "eval_steps": 2, "batch_size": 8, "tensorboard": False, "precision": "fp32"} | options
    values = {"scheduler": {"type": "constant_with_warmup"}, "log_freq": 2, "compile": "off", "report": False} | values
    data = DatasetConfig(repo_id=str(dataset), split_seed=0)
    place = {"output_dir": folder / f"seed-{seed}", "seed": seed}
    return TrainConfig.model_validate({"dataset": data, "policy": policy} | values | place)


def planned(dataset: Path, folder: Path, seeds: Sequence[int] = SEEDS, **options: Any) -> list[Planned]:
    return [Planned(config_of(dataset, folder, seed, **options), folder / f"logs/seed-{seed}.txt") for seed in seeds]


def resumed(folder: Path, seeds: Sequence[int] = SEEDS) -> list[Planned]:
    return [
        Planned(read_command([f"--resume={folder / f'seed-{seed}'}"]).config, folder / f"logs/seed-{seed}.txt")
        for seed in seeds
    ]


def together(runs: Sequence[Planned], watch: Callable[[Sequence[int], Mapping[int, int]], None] | None = None) -> Any:
    return train_together(runs, 1, watch or (lambda running, ended: None))


def last(folder: Path, seed: int, file: str = WEIGHTS) -> dict[str, Tensor]:
    return read_safetensors(RunFolder(folder / f"seed-{seed}").last / file)


def greatest_difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """But for the biases of keys, which attention does not depend on: their gradient is rounding."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one if "in_proj_bias" not in name)


def exactly_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def told(folder: Path, seed: int) -> list[tuple[str, int]]:
    events = read_events(RunFolder(folder / f"seed-{seed}").events)
    return [(event["event"], event["step"]) for event in events if event["event"] != "telemetry"]


@pytest.fixture(scope="module")
def straight(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All seeds together, never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert together(planned(dataset, folder)) == (dict.fromkeys(SEEDS, 0), None)
    return folder


def test_each_leaves_the_run_folder_that_train_leaves(dataset: Path, straight: Path, tmp_path: Path) -> None:
    for seed in SEEDS[:2]:
        train(config_of(dataset, tmp_path, seed))
        assert files(straight / f"seed-{seed}") == files(tmp_path / f"seed-{seed}")
        assert told(straight, seed) == told(tmp_path, seed)
        # 6 updates at a rate of 1e-3
        assert greatest_difference(last(straight, seed), last(tmp_path, seed)) < 2e-5
        assert greatest_difference(last(straight, seed, STATE), last(tmp_path, seed, STATE)) < 1e-4
        configs = [read_command([f"--resume={f / f'seed-{seed}'}"]).config for f in (straight, tmp_path)]
        assert configs[0].hash() == configs[1].hash()
    assert "finished 6 steps" in (straight / "logs/seed-3.txt").read_text()


def test_stopped_by_ctrl_c_they_go_on_together_bit_for_bit_and_one_of_them_alone(
    dataset: Path, straight: Path, tmp_path: Path
) -> None:
    updates = iter(range(100))

    def interrupt(running: Sequence[int], ended: Mapping[int, int]) -> None:
        if next(updates) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    assert together(planned(dataset, tmp_path), interrupt) == (dict.fromkeys(SEEDS, 130), 130)
    assert [told(tmp_path, seed)[-1] for seed in SEEDS] == [("run_interrupted", 4)] * 3
    train(resumed(tmp_path, SEEDS[2:])[0].config)
    assert greatest_difference(last(straight, SEEDS[2]), last(tmp_path, SEEDS[2])) < 2e-5
    codes, _ = together(resumed(tmp_path, SEEDS[:2]))
    assert codes == {3: 0, 4: 0}
    for seed in SEEDS[:2]:
        assert exactly_equal(last(straight, seed), last(tmp_path, seed))
        assert exactly_equal(last(straight, seed, STATE), last(tmp_path, seed, STATE))


def test_runs_whose_last_checkpoints_are_of_different_steps_go_on_to_the_same_weights(
    dataset: Path, straight: Path, tmp_path: Path
) -> None:
    """As after a power failure."""
    together(planned(dataset, tmp_path, SEEDS[:1], steps=2))
    together(planned(dataset, tmp_path, SEEDS[1:], steps=4))
    runs = [Planned(plan.config.model_copy(update={"steps": STEPS}), plan.log) for plan in resumed(tmp_path, SEEDS)]
    assert together(runs)[0] == dict.fromkeys(SEEDS, 0)
    for seed in SEEDS:
        assert greatest_difference(last(straight, seed), last(tmp_path, seed)) < 2e-5


def test_a_second_ctrl_c_ends_all_at_once(dataset: Path, tmp_path: Path) -> None:
    def interrupt(running: Sequence[int], ended: Mapping[int, int]) -> None:
        if running:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    assert together(planned(dataset, tmp_path), interrupt) == (dict.fromkeys(SEEDS, 130), 130)
    assert not (tmp_path / "seed-3/checkpoints/last").exists()


def test_each_is_stopped_by_its_own_patience(dataset: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"steps": 12, "eval_steps": 1, "early_stopping": 1, "max_eval_samples": 8, "lr": 0.05}
    codes, _ = together(planned(dataset, tmp_path / "all", **options))
    assert codes == dict.fromkeys(SEEDS, 0)
    ends = []
    for seed in SEEDS:
        train(config_of(dataset, tmp_path, seed, **options))
        assert told(tmp_path / "all", seed) == told(tmp_path, seed)
        ends.append(told(tmp_path, seed)[-1])
    assert len(set(ends)) > 1


def test_a_loss_that_is_not_finite_ends_that_run_only_and_names_its_last_good_checkpoint(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poisoned(BatchedUpdate):
        def __call__(self, batches: Any, steps: Any) -> list[int]:
            if steps[0] == 4 and len(self.members) == 3:
                batches[1][0].action.fill_(float("inf"))
            return super().__call__(batches, steps)

    monkeypatch.setattr(batched_run, "BatchedUpdate", Poisoned)
    codes, stopped = together(planned(dataset, tmp_path))
    assert (codes, stopped) == ({3: 0, 4: 4, 5: 0}, None)
    text = (tmp_path / "logs/seed-4.txt").read_text()
    assert "error: the loss or its gradient was not finite at step 5" in text
    assert f"the last good checkpoint is {(tmp_path / 'seed-4/checkpoints/last').resolve()}" in text
    assert told(tmp_path, 4)[-1] == ("run_failed", 4)


def test_a_run_that_cannot_begin_stops_no_other(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "seed-3").mkdir()
    (tmp_path / "seed-3/in the way").touch()
    codes, _ = together(planned(dataset, tmp_path))
    assert codes == {3: 2, 4: 0, 5: 0}
    assert "error: the output folder is not empty" in (tmp_path / "logs/seed-3.txt").read_text()


def test_memory_that_runs_out_in_the_update_of_all_ends_all_as_that(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(self: Policy, *arguments: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(BatchedUpdate, "__call__", run_out)
    assert together(planned(dataset, tmp_path)) == (dict.fromkeys(SEEDS, 5), None)
    assert "error: the memory did not suffice" in (tmp_path / "logs/seed-5.txt").read_text()


def test_a_fault_of_ours_is_not_hidden(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Policy, *arguments: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(BatchedUpdate, "__call__", fail)
    with pytest.raises(ZeroDivisionError):
        together(planned(dataset, tmp_path))
    assert told(tmp_path, 3)[-1] == ("run_failed", 0)
