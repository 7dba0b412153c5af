"""The preset `original` computes what torch's own modules compute by the study's description (record_tiny_pi0.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from parity.recipe import drawn_weights
from understudy.core.rng import Rng
from understudy.data.spec import STATE, Batch, FeatureType
from understudy.nn import flow
from understudy.policies.config import Feature
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.policies.tiny_pi0.model import TinyPi0

VALUES: dict[str, Any] = json.loads(Path(__file__).with_name("tiny_pi0.json").read_text())


@pytest.fixture(scope="module")
def policy() -> TinyPi0:
    config = TinyPi0Config(
        preset="original",
        input_features={STATE: Feature(type=FeatureType.STATE, shape=(4,))},
        output_features={"action": Feature(type=FeatureType.ACTION, shape=(1,))},
    )
    built = config.build(config.fake_statistics())
    built.model.load_state_dict(drawn_weights(VALUES["shapes"]))
    return built.eval()


@pytest.fixture(scope="module")
def given() -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in VALUES["inputs"].items()}


def test_names_shapes_and_count_are_those_of_the_description(policy: TinyPi0) -> None:
    assert {name: list(value.shape) for name, value in policy.model.state_dict().items()} == VALUES["shapes"]
    assert sum(p.numel() for p in policy.parameters()) == VALUES["parameters"] == 537_729


def test_loss_and_gradient_agree(policy: TinyPi0, given: dict[str, Tensor]) -> None:
    action = given["action"][..., None]
    batch = Batch({STATE: given["state"]}, action, torch.zeros(action.shape[:2], dtype=torch.bool))
    draws = {"noise": given["noise"][:, None, :, None], "time": given["time"][:, None]}
    loss = policy.loss_given(batch, draws).total
    policy.zero_grad()
    loss.backward()
    norm = torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None]).norm()
    assert float(loss.detach()) == pytest.approx(VALUES["loss"], rel=1e-5)
    assert float(norm) == pytest.approx(VALUES["gradient_norm"], rel=1e-4)


@pytest.mark.parametrize("steps", [50, 15])
def test_the_sampled_chunk_and_its_beginning_agree(
    policy: TinyPi0, given: dict[str, Tensor], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "draw_noise", lambda *_: given["noise"][..., None])
    actions = policy.predict_first({STATE: given["state"]}, steps, Rng(0))
    assert actions.shape == (3, steps, 1)
    assert_close(actions[..., 0], torch.tensor(VALUES["chunk"])[:, :steps], rtol=0, atol=1e-5)
