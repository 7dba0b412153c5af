"""What a run's policy predicts at a frame of a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from make_dataset import make_dataset
from understudy.core.errors import CheckpointError, ConfigError
from understudy.core.rng import Rng
from understudy.data.lerobot import Dataset, load_dataset
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.pretrained import save_pretrained
from understudy.studio.predictor import Predictor

CAMERA = "observation.images.front"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "blocks", frames=8, size=(48, 64))))


def policy_for(state: int) -> Policy:
    inputs = {
        "observation.state": Feature(type="STATE", shape=(state,)),
        CAMERA: Feature(type="VISUAL", shape=(3, 48, 64)),
    }
    outputs = {"action": Feature(type="ACTION", shape=(6,))}
    options = ActConfig.tiny().model_dump() | {"input_features": inputs, "output_features": outputs}
    config = ActConfig.model_validate(options)
    torch.manual_seed(0)
    return config.build(config.fake_statistics()).eval()


def test_the_chunk_is_what_the_policy_predicts_from_that_frame(dataset: Dataset, tmp_path: Path) -> None:
    policy = policy_for(6)
    save_pretrained(policy, tmp_path / "policy")
    picture = torch.from_numpy(dataset.read_frame(CAMERA, 11)).permute(2, 0, 1)[None]
    seen = {"observation.state": torch.from_numpy(dataset.columns["observation.state"][11:12]), CAMERA: picture}
    expected = policy.predict(seen, Rng(0, 11))[0].float().numpy()
    predictor = Predictor()
    np.testing.assert_allclose(predictor.chunk(tmp_path / "policy", dataset, 11), expected, atol=1e-5)
    assert not np.allclose(predictor.chunk(tmp_path / "policy", dataset, 3), expected, atol=1e-5)


def test_a_policy_for_another_robot_is_told_with_both_sides(dataset: Dataset, tmp_path: Path) -> None:
    save_pretrained(policy_for(7), tmp_path / "policy")
    with pytest.raises(ConfigError, match="the policy wants"):
        Predictor().chunk(tmp_path / "policy", dataset, 0)


def test_a_run_without_a_policy_is_told(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((CheckpointError, ConfigError)):
        Predictor().chunk(tmp_path / "empty", dataset, 0)
