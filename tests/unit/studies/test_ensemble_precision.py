"""The number format of an ensemble is tried out once, with the threads that its runs will have."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import understudy.train.precision_memory
from make_dataset import make_dataset
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.studies.ensemble_precision import settle_precision
from understudy.train.config import TrainConfig
from understudy.train.dataset_config import DatasetConfig


def test_it_is_tried_with_the_threads_of_a_run_and_those_of_this_process_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, int]] = []

    def choose(policy: Policy, batch_size: int) -> tuple[str, str]:
        tried.append((torch.get_num_threads(), batch_size))
        return "bf16", "it is faster"

    monkeypatch.setattr(understudy.train.precision_memory, "choose_precision", choose)
    data = DatasetConfig(repo_id=str(make_dataset(tmp_path / "data", episodes=1, frames=4)))
    policy = ActConfig(device="cpu", vision_backbone="keypoints", dim_model=16, n_heads=2, dim_feedforward=32)
    before = torch.get_num_threads()
    config = TrainConfig(dataset=data, policy=policy, precision="auto", batch_size=3)
    assert settle_precision(config, before + 1) == config.model_copy(update={"precision": "bf16"})
    assert tried == [(before + 1, 3)]
    assert torch.get_num_threads() == before
