"""Products in bfloat16: what is frozen is converted once, and gives what autocast gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from understudy.nn.bf16 import FreezableLinear, autocast
from understudy.nn.fast_paths import set_fast_paths

CPU = torch.device("cpu")


def linear() -> FreezableLinear:
    torch.manual_seed(0)
    layer = FreezableLinear(24, 16)
    layer.weight.requires_grad_(False)
    return layer


def tokens() -> Tensor:
    return torch.randn(3, 24, generator=torch.Generator().manual_seed(1)).requires_grad_()


def given(layer: FreezableLinear, x: Tensor, *, fast: bool) -> tuple[Tensor, Tensor]:
    """What the layer gives in bf16, and the gradient of what it was given."""
    set_fast_paths(layer, fast)
    with autocast("bf16", CPU):
        out = layer(x)
    (gradient,) = torch.autograd.grad(out.float().square().sum(), x)
    return out.detach(), gradient


def converted(layer: FreezableLinear) -> Tensor | None:
    """What the layer has kept."""
    return layer._converted and layer._converted[1]


def test_a_frozen_weight_that_was_converted_before_gives_the_numbers_of_autocast() -> None:
    layer, x = linear(), tokens()
    plain = given(layer, x, fast=False)
    for _ in range(2):
        for ours, theirs in zip(given(layer, x, fast=True), plain, strict=True):
            assert torch.equal(ours, theirs)


def test_a_frozen_weight_is_converted_once() -> None:
    layer, x = linear(), tokens()
    given(layer, x, fast=True)
    first = converted(layer)
    given(layer, x, fast=True)
    assert first is not None and converted(layer) is first


@pytest.mark.parametrize("in_place", [True, False])
def test_a_weight_that_was_loaded_since_is_converted_anew(in_place: bool) -> None:
    layer, x = linear(), tokens()
    given(layer, x, fast=True)
    other = torch.randn(16, 24)
    if in_place:
        layer.load_state_dict({"weight": other, "bias": layer.bias.detach()})
    else:
        layer.weight.data = other
    assert torch.equal(given(layer, x, fast=True)[0], given(layer, x, fast=False)[0])


def test_a_weight_that_is_trained_is_not_kept_and_has_its_gradient() -> None:
    layer, x = linear(), tokens()
    layer.weight.requires_grad_(True)
    with autocast("bf16", CPU):
        layer(x).float().sum().backward()
    assert layer.weight.grad is not None and converted(layer) is None


def test_in_fp32_nothing_is_converted() -> None:
    layer, x = linear(), tokens()
    assert layer(x).dtype is torch.float32 and converted(layer) is None


def test_what_a_layer_has_converted_is_no_part_of_its_state() -> None:
    layer, x = linear(), tokens()
    given(layer, x, fast=True)
    assert list(layer.state_dict()) == ["weight", "bias"]
