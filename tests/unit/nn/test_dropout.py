"""Dropout by bits: the share that is dropped, the scale of what is kept, the gradient, and what it is seeded by."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from understudy.nn.dropout import Dropout, kept_bits

FLOATS = [torch.float32, torch.bfloat16]


def dropped(p: float, x: torch.Tensor, *, fast: bool = True) -> torch.Tensor:
    layer = Dropout(p).train()
    layer.fast = fast
    torch.manual_seed(3)
    out: torch.Tensor = layer(x)
    return out


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", FLOATS)
def test_as_many_are_dropped_as_torch_drops(p: float, dtype: torch.dtype) -> None:
    x = torch.ones(400_000, dtype=dtype)
    # six standard deviations of a binomial share
    spread = 6 * (p * (1 - p) / x.numel()) ** 0.5
    for fast in (True, False):
        share = (dropped(p, x, fast=fast) == 0).double().mean()
        assert abs(share - p) < spread + 2**-15


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_kept_is_scaled_to_keep_the_mean(dtype: torch.dtype) -> None:
    x = torch.randn(1001, dtype=dtype)
    y = dropped(0.1, x)
    kept = y != 0
    # p is rounded to 3277 / 32768; one rounding of the product to the format
    assert_close(y[kept].float(), x[kept].float() / (1 - 3277 / 32768), rtol=torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_gradient_passes_where_the_number_passed(dtype: torch.dtype) -> None:
    x = torch.randn(7, 33, dtype=dtype, requires_grad=True)
    y = dropped(0.25, x)
    y.backward(torch.ones_like(y))
    assert x.grad is not None
    assert torch.equal(x.grad != 0, y != 0)
    assert_close(x.grad[y != 0], torch.full_like(x.grad[y != 0], 4 / 3))


def test_the_same_seed_drops_the_same_whatever_the_format() -> None:
    x = torch.ones(5, 9)
    assert torch.equal(dropped(0.5, x), dropped(0.5, x))
    assert torch.equal(dropped(0.5, x) == 0, dropped(0.5, x.bfloat16()) == 0)


def test_neighbours_fall_independently() -> None:
    # the four decisions of one random word
    kept = kept_bits(400_000, 1 << 14, torch.int16).view(-1, 4).bool().double()
    correlations = torch.corrcoef(kept.T).fill_diagonal_(0)
    assert correlations.abs().max() < 6 / len(kept) ** 0.5


@pytest.mark.parametrize(("dropped_levels", "kept"), [(0, 1.0), (1 << 15, 0.0)])
def test_nothing_or_everything_is_dropped_at_the_ends(dropped_levels: int, kept: float) -> None:
    assert kept_bits(10_000, dropped_levels, torch.int16).bool().double().mean() == kept


def test_not_a_number_is_not_hidden_by_being_kept() -> None:
    x = torch.full((1000,), float("nan"))
    assert dropped(0.1, x).isnan().double().mean() > 0.8


def test_nothing_is_dropped_while_evaluating_or_without_need() -> None:
    x = torch.randn(50)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x
