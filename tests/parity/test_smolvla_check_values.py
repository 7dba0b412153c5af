"""SmolVLA against the check values of its specification, which were computed by LeRobot 0.4.4 and 0.6.2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from parity.smolvla_cases import (
    ACTION,
    FEATURES,
    OPTIONS,
    SHAPE,
    TIMES,
    TOKEN_MASK,
    TOKENS,
    drawn_inputs,
    drawn_weights,
)
from understudy.core.rng import Rng
from understudy.data.spec import STATE, Batch
from understudy.nn.two_stream import Memory
from understudy.policies.smolvla import model as smolvla
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.model import SmolVla
from understudy.policies.smolvla.pictures import fitted

VALUES: dict[str, Any] = json.loads((Path(__file__).parent / "smolvla_check_values.json").read_text())
VARIANTS = VALUES["variants"]


def policy_of(variant: str = "plain", **options: Any) -> SmolVla:
    """The small policy with its drawn weights, on normalised numbers."""
    features = {
        key: {name: {"type": kind, "shape": shape} for name, (kind, shape) in declared.items()}
        for key, declared in (("input_features", FEATURES), ("output_features", ACTION))
    }
    config = SmolVlaConfig.model_validate(
        {**OPTIONS, **features, "vlm": SHAPE, "normalization_mapping": {}, **VARIANTS[variant]["options"], **options}
    )
    policy = config.skeleton({})
    policy.load_state_dict(drawn_weights({name: tensor.shape for name, tensor in policy.state_dict().items()}))
    return policy


def batch_of(padded: int = 0) -> Batch:
    """The drawn windows; the last `padded` actions of the first one lie past the end of its episode."""
    given = drawn_inputs()
    observation = {f"observation.images.{name}": given[name] for name in ("image_a", "image_b")}
    is_pad = torch.zeros(given["action"].shape[:2], dtype=torch.bool)
    is_pad[0, len(is_pad[0]) - padded :] = padded > 0
    return Batch({**observation, STATE: given["state"]}, given["action"], is_pad)


def draws() -> dict[str, Tensor]:
    return {"noise": drawn_inputs()["noise"], "time": torch.tensor(TIMES), **words()}


def words() -> dict[str, Tensor]:
    return {smolvla.TOKENS: torch.tensor(TOKENS), smolvla.TOKEN_MASK: torch.tensor(TOKEN_MASK)}


def sample(policy: SmolVla, steps: int) -> Tensor:
    """All of the padded numbers of a chunk, from the drawn noise."""
    policy.config = policy.config.model_copy(update={"num_steps": steps})
    wide = policy.config.output_features["action"].model_copy(update={"shape": (OPTIONS["max_action_dim"],)})
    policy.config.output_features["action"] = wide
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rng, "normal", lambda *_, **__: drawn_inputs()["noise"])
        return policy.predict({**batch_of().observation, **words()})


def seen_by(policy: SmolVla) -> Memory:
    return policy._observed({**batch_of().observation, **words()})


def close(found: Tensor, values: list[float], tolerance: float = 1e-5) -> None:
    """Sum, and sum of absolute values, of a tensor."""
    found = found.detach().double()
    sums = [float(found.sum()), float(found.abs().sum())]
    # a sum of many numbers of both signs is as exact as the sum of their sizes
    assert sums == pytest.approx(values, abs=tolerance * values[1]), sums


def test_weights_and_inputs_are_those_of_the_recipe() -> None:
    policy = policy_of()
    weights = dict(policy.model.named_parameters())
    for name in ("state_proj.weight", "vlm_with_expert.lm_expert.layers.1.self_attn.k_proj.weight"):
        close(weights[name], VALUES["sums"][name], 1e-6)
    close(drawn_inputs()["noise"], VALUES["sums"]["noise"], 1e-6)
    assert len(policy.state_dict()) == VALUES["tensors"]
    assert sum(t.numel() for t in policy.state_dict().values()) == VALUES["parameters"]
    trained = [p.numel() for p in policy.parameters() if p.requires_grad]
    assert [len(trained), sum(trained)] == VALUES["trainable"]


@pytest.mark.parametrize("letter", "ab")
def test_pictures_stand_in_the_lower_right_corner(letter: str) -> None:
    picture = fitted(drawn_inputs()[f"image_{letter}"], (64, 64))
    close(picture, VALUES["sums"][f"picture {letter}"], 1e-6)
    empty = picture[:, :, :16] if letter == "a" else picture[..., :32]
    assert (empty == -1).all()


@torch.no_grad()
def test_the_vision_tower_and_the_connector() -> None:
    policy = policy_of()
    picture = fitted(drawn_inputs()["image_a"], (64, 64))
    found = {"vision tower": policy.model._parts.vision_model(picture), "connector": policy.model.look(picture)}
    for name, tensor in found.items():
        close(tensor, VALUES["sums"][name])
        assert tensor.flatten()[:3].tolist() == pytest.approx(VALUES["beginnings"][name], abs=1e-5)


@torch.no_grad()
def test_what_the_expert_gives() -> None:
    policy = policy_of()
    given = draws()
    actions = torch.nn.functional.pad(drawn_inputs()["action"], (0, 2))
    time = given["time"][:, None, None]
    drawn: list[Tensor] = []
    policy.model.vlm_with_expert.lm_expert.register_forward_hook(lambda *call: drawn.append(call[2]))
    velocity = policy.model(time * given["noise"] + (1 - time) * actions, given["time"], seen_by(policy))
    name = "suffix after the final norm"
    close(drawn[0], VALUES["sums"][name])
    assert drawn[0][0, 0, :3].tolist() == pytest.approx(VALUES["beginnings"][name], abs=1e-5)
    errors = (velocity - (given["noise"] - actions)).square()
    beginning = VALUES["beginnings"]["squared errors"]
    assert errors.flatten()[: len(beginning)].tolist() == pytest.approx(beginning, rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("counted", ["all", "valid"])
def test_losses(variant: str, counted: str) -> None:
    loss = policy_of(variant, loss_normalization=counted).loss_given(batch_of(), draws())
    assert float(loss.total.detach()) == pytest.approx(VARIANTS[variant][counted], rel=1e-5)


def test_actions_past_the_end_of_an_episode_are_left_out() -> None:
    loss = policy_of().loss_given(batch_of(padded=3), draws())
    assert float(loss.total.detach()) == pytest.approx(VALUES["padded"]["loss"], rel=1e-5)


@pytest.mark.parametrize("variant", [name for name, values in VARIANTS.items() if "sample" in values])
def test_chunks_drawn_in_ten_steps(variant: str) -> None:
    expected = VARIANTS[variant]["sample"]
    actions = sample(policy_of(variant), 10)
    close(actions, [expected["sum"], expected["abs"]])
    assert actions.flatten()[: len(expected["first"])].tolist() == pytest.approx(expected["first"], abs=1e-5)


def test_a_chunk_drawn_in_one_step_and_rows_of_one_drawn_in_ten() -> None:
    expected, rows = VALUES["one step"], VALUES["rows"]
    close(sample(policy_of(), 1), [expected["sum"], expected["abs"]])
    actions = sample(policy_of(), 10)
    assert actions[0, 0].tolist() == pytest.approx(rows["first"], abs=1e-5)
    assert actions[1, 7].tolist() == pytest.approx(rows["last"], abs=1e-5)


def test_gradients() -> None:
    policy = policy_of(loss_normalization="all")
    policy.loss_given(batch_of(), draws()).total.backward()
    gradients = {name: p.grad for name, p in policy.model.named_parameters() if p.grad is not None}
    assert len(gradients) == VALUES["trainable"][0]
    norm = torch.nn.utils.get_total_norm(list(gradients.values()))
    assert float(norm) == pytest.approx(VALUES["gradients"]["norm"], rel=1e-5)
    for name, expected in VALUES["gradients"].items():
        if name != "norm":
            assert float(gradients[name].abs().sum()) == pytest.approx(expected, rel=1e-4), name
