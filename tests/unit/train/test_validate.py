"""Held-out validation: real errors beside real baselines, on frames that are always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from make_dataset import make_dataset
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.mixture import join
from understudy.data.rows import rows_of_episodes
from understudy.data.spec import Batch
from understudy.data.windows import Windows
from understudy.policies.act.config import ActConfig
from understudy.train.validate import HeldOut, held_out_rows


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "d", episodes=3, frames=30, cameras=())))


def rows_of(dataset: Dataset, episodes: list[int], most: int | None = None, first_frames: bool = False) -> np.ndarray:
    return held_out_rows(dataset, rows_of_episodes(dataset, episodes), most, first_frames=first_frames)


class PerfectPolicy(torch.nn.Module):
    """Predicts what was demonstrated, plus a known error on one joint."""

    def __init__(self, dataset: Dataset, windows: Windows, error: float) -> None:
        super().__init__()
        self.windows, self.error, self.rows = windows, error, iter([])
        action = dataset.columns["action"]
        self.normalizer = type("N", (), {"statistics": {"action": {"mean": action.mean(0), "std": action.std(0)}}})()

    def loss(self, batch: Batch, rng: object) -> object:
        self.now = batch
        return type("L", (), {"total": torch.tensor(1.5), "parts": {"l1_loss": torch.tensor(0.5)}})()

    def instruction(self, tasks: object) -> dict[str, torch.Tensor]:
        return {}

    def predict(self, observation: object, rng: object) -> torch.Tensor:
        chunk = self.now.action.clone()
        chunk[..., 2] += self.error
        return chunk


def measure(dataset: Dataset, error: float) -> dict[str, object]:
    windows = Windows(dataset, None, action_offsets=range(4), cameras=[])
    policy = PerfectPolicy(dataset, windows, error)
    rows = rows_of(dataset, [1])
    held_out = HeldOut(
        dataset, windows, rows, rows, batch_size=8, episodes=[1], precision="fp32", device=torch.device("cpu")
    )
    return held_out.measure(policy)  # type: ignore[arg-type]


def test_the_error_is_per_joint_in_the_datasets_units_and_the_loss_a_mean_over_frames(dataset: Dataset) -> None:
    result = measure(dataset, 0.25)
    errors = list(result["action_mae"].values())  # type: ignore[attr-defined]
    assert errors == pytest.approx([0, 0, 0.25, 0, 0, 0], abs=1e-6)
    assert result["loss"] == pytest.approx(1.5)
    assert result["l1_loss"] == pytest.approx(0.5)
    assert result["frames"] == 29
    assert result["episodes"] == [1]


def test_baselines_are_the_last_action_held_and_the_mean_action(dataset: Dataset) -> None:
    result = measure(dataset, 0.0)
    action = dataset.columns["action"]
    episode = action[30:60].astype(np.float64)
    spread = action.std(0).astype(np.float64)
    held, mean = [], []
    for frame in range(1, 30):
        for ahead in range(4):
            if frame + ahead < 30:
                held.append(abs(episode[frame + ahead] - episode[frame - 1]))
                mean.append(abs(episode[frame + ahead] - action.mean(0)))
    baselines = result["baselines"]
    assert baselines["hold"] == pytest.approx((np.mean(held, 0) / spread).mean(), rel=1e-4)  # type: ignore[index]
    assert baselines["mean"] == pytest.approx((np.mean(mean, 0) / spread).mean(), rel=1e-4)  # type: ignore[index]


def test_the_error_can_be_measured_on_fewer_frames_than_the_loss(dataset: Dataset) -> None:
    windows = Windows(dataset, None, action_offsets=range(4), cameras=[])
    every, few = rows_of(dataset, [1], 0, first_frames=True), np.array([31, 45, 59])

    class Counting(PerfectPolicy):
        predicted = 0

        def predict(self, observation: object, rng: object) -> torch.Tensor:
            self.predicted += len(observation["observation.state"])  # type: ignore[index]
            return torch.zeros(len(observation["observation.state"]), 4, 6)  # type: ignore[index]

    policy = Counting(dataset, windows, 0.0)
    cpu = torch.device("cpu")
    held_out = HeldOut(dataset, windows, every, few, batch_size=8, episodes=[1], precision="fp32", device=cpu)
    result = held_out.measure(policy)  # type: ignore[arg-type]
    assert (result["frames"], policy.predicted) == (30, 3)
    assert result["loss"] == pytest.approx(1.5)
    # the last of the three windows has one action in the episode, the others four
    action = np.abs(dataset.columns["action"].astype(np.float64))
    inside = np.concatenate([action[31:35], action[45:49], action[59:60]])
    assert list(result["action_mae"].values()) == pytest.approx(inside.mean(0).tolist(), rel=1e-4)


def test_rows_are_spread_over_the_held_out_episodes_without_their_first_frames(dataset: Dataset) -> None:
    rows = rows_of(dataset, [0, 2], 10)
    assert len(rows) == 10
    assert rows.min() == 1
    assert rows.max() == 89
    assert not set(rows) & {0, 60, *range(30, 60)}
    assert len(rows_of(dataset, [0, 2], 0)) == 58
    assert len(rows_of(dataset, [0, 2], 0, first_frames=True)) == 60


def test_an_act_is_left_in_training_mode_with_its_weights_untouched(dataset: Dataset) -> None:
    config = ActConfig.tiny()
    assert config.chunk_size == 5
    environment = load_dataset(str(dataset.root), rename_map={"observation.state": "observation.environment_state"})
    config = config.model_copy(update={"input_features": {}, "output_features": {}}).with_features(environment.spec)
    policy = config.build(config.fake_statistics()).train()
    before = [p.clone() for p in policy.parameters()]
    windows = Windows(environment, None, action_offsets=config.action_offsets(), cameras=[])
    rows = rows_of(environment, [1])
    device = torch.device("cpu")
    held_out = HeldOut(environment, windows, rows, rows, batch_size=8, episodes=[1], precision="fp32", device=device)
    first, second = held_out.measure(policy), held_out.measure(policy)
    assert first == second
    assert policy.training
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))


def test_of_several_datasets_the_error_on_each_is_told(dataset: Dataset, tmp_path: Path) -> None:
    both = join([dataset, load_dataset(str(make_dataset(tmp_path / "e", episodes=2, frames=20, cameras=(), seed=5)))])
    windows = Windows(both, None, action_offsets=range(4), cameras=[])

    class WrongOnTheSecond(PerfectPolicy):
        def predict(self, observation: object, rng: object) -> torch.Tensor:
            chunk = self.now.action.clone()
            chunk[torch.from_numpy(np.asarray(self.now.rows) >= 90)] += 0.25
            return chunk

    rows = rows_of(both, [1, 4])
    held_out = HeldOut(
        both, windows, rows, rows, batch_size=8, episodes=[1, 4], precision="fp32", device=torch.device("cpu")
    )
    result = held_out.measure(WrongOnTheSecond(both, windows, 0.0))  # type: ignore[arg-type]
    first, second = result["datasets"].values()
    spread = both.columns["action"].std(0).astype(np.float64)
    assert list(result["datasets"]) == [part.dataset.repo_id for part in both.parts]
    assert first == pytest.approx(0, abs=1e-6)
    assert second == pytest.approx((0.25 / spread).mean(), rel=1e-4)
    assert first < result["action_error"] < second
    assert "datasets" not in measure(dataset, 0.25)
