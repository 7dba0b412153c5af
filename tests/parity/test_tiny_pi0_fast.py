"""The preset `original` computes what torch's own modules compute by the study's description (record_tiny_pi0_fast)."""

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
from understudy.data.spec import STATE, FeatureType
from understudy.policies.config import Feature
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.policies.tiny_pi0_fast.merged import MergedNetwork

VALUES: dict[str, Any] = json.loads(Path(__file__).with_name("tiny_pi0_fast.json").read_text())
PAD = 2


@pytest.fixture(scope="module")
def network() -> MergedNetwork:
    config = TinyPi0FastConfig(
        preset="original",
        input_features={STATE: Feature(type=FeatureType.STATE, shape=(4,))},
        output_features={"action": Feature(type=FeatureType.ACTION, shape=(1,))},
    )
    built = config.build(config.fake_statistics()).eval().model
    assert isinstance(built, MergedNetwork)
    built.load_state_dict(drawn_weights(VALUES["shapes"]))
    return built


@pytest.fixture(scope="module")
def given() -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in VALUES["inputs"].items()}


def test_names_shapes_their_order_and_the_count_are_those_of_the_description(network: MergedNetwork) -> None:
    ours = {name: list(value.shape) for name, value in network.state_dict().items()}
    assert list(ours.items()) == list(VALUES["shapes"].items())
    assert sum(p.numel() for p in network.parameters()) == VALUES["parameters"] == 864_768


def test_logits_loss_and_gradient_agree(network: MergedNetwork, given: dict[str, Tensor]) -> None:
    before = given["tokens"][:, :-1]
    logits = network(given["state"], before)
    assert_close(logits.detach()[before != PAD][:, :6], torch.tensor(VALUES["logits"]), rtol=0, atol=1e-5)
    sums, counts = network.losses(given["state"], torch.empty(0), given)
    loss = sums.sum() / counts.sum()
    network.zero_grad()
    loss.backward()
    norm = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]).norm()
    assert float(loss.detach()) == pytest.approx(VALUES["loss"], rel=1e-5)
    assert float(norm) == pytest.approx(VALUES["gradient_norm"], rel=1e-4)


@pytest.mark.parametrize("cached", [True, False])
def test_greedy_writing_agrees_with_and_without_kept_keys(
    network: MergedNetwork, given: dict[str, Tensor], cached: bool
) -> None:
    with torch.no_grad():
        written = network.sequences(given["state"], Rng(0), cached=cached)
    assert written.tolist() == [row[: written.shape[1]] for row in VALUES["greedy"]]
    assert all(token == PAD for row in VALUES["greedy"] for token in row[written.shape[1] :])
