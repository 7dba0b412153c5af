"""Every fast path computes what the plain path beside it computes: outputs and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from understudy.core.rng import Rng
from understudy.nn.fast_paths import set_fast_paths
from understudy.nn.resnet import ResNet, measure_norms
from understudy.nn.transformer import Attention, Decoder, Encoder, Shape
from understudy.policies.act.config import ActConfig


@pytest.fixture(autouse=True)
def in_double_precision() -> Iterator[None]:
    """So that a difference is one of arithmetic, not of rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def compared(model: nn.Module, run: Callable[[], Tensor], tolerance: float = 1e-9) -> None:
    """Both ways, from the same seed: equal outputs, equal gradients of every parameter, relative to the largest."""
    seen = []
    for fast in (True, False):
        set_fast_paths(model, fast)
        model.zero_grad()
        torch.manual_seed(1)
        out = run()
        (out * torch.randn(out.shape)).sum().backward()
        seen.append((out.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}))
    (quick, quick_gradients), (plain, plain_gradients) = seen
    assert_close(quick, plain, rtol=tolerance, atol=tolerance)
    assert quick_gradients.keys() == plain_gradients.keys() and plain_gradients
    largest = max(float(gradient.abs().max()) for gradient in plain_gradients.values())
    for name, gradient in plain_gradients.items():
        assert_close(quick_gradients[name], gradient, rtol=0, atol=tolerance * largest, msg=name)


@pytest.mark.parametrize(("name", "dilate"), [("resnet18", False), ("resnet50", False), ("resnet50", True)])
def test_folded_norms_compute_what_norms_compute(name: str, dilate: bool) -> None:
    torch.manual_seed(0)
    net = ResNet(name, dilate_last_stage=dilate)
    pictures = torch.randn(2, 3, 33, 40)
    measure_norms(net, pictures)
    compared(net, lambda: net(pictures))


def test_measuring_norms_leaves_the_fast_paths_on() -> None:
    net = ResNet("resnet18")
    measure_norms(net, torch.randn(2, 3, 32, 32))
    assert all(vars(module)["fast"] for module in net.modules() if "fast" in vars(module))


@pytest.mark.parametrize("masked", [False, True])
def test_one_product_for_queries_and_keys_computes_what_two_compute(masked: bool) -> None:
    attention = Attention(Shape(width=32, heads=4, feedforward=64, dropout=0.0))
    x, value = torch.randn(3, 7, 32), torch.randn(3, 7, 32)
    ignore = torch.zeros(3, 7, dtype=torch.bool)
    ignore[1:, 4:] = True
    compared(attention, lambda: attention(x, x, value, ignore if masked else None))


@pytest.mark.parametrize("masked", [False, True])
def test_attention_written_out_computes_what_torchs_computes(masked: bool) -> None:
    attention = Attention(Shape(width=32, heads=4, feedforward=64, dropout=1e-9))  # on, and never drops
    q, k, v = torch.randn(3, 5, 32), torch.randn(3, 7, 32), torch.randn(3, 7, 32)
    ignore = torch.zeros(3, 7, dtype=torch.bool)
    ignore[1:, 4:] = True
    compared(attention.train(), lambda: attention(q, k, v, ignore if masked else None))


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_first_token_alone_is_what_it_is_among_all(pre_norm: bool, layers: int) -> None:
    encoder = Encoder(layers, Shape(width=32, heads=4, feedforward=64, dropout=0.0, pre_norm=pre_norm))
    x, positions = torch.randn(3, 7, 32), torch.randn(1, 7, 32)
    ignore = torch.zeros(3, 7, dtype=torch.bool)
    ignore[2, 5:] = True
    compared(encoder, lambda: encoder.first(x, positions, ignore))
    set_fast_paths(encoder, True)
    assert_close(encoder.first(x, positions, ignore), encoder(x, positions, ignore)[:, 0])


@pytest.mark.parametrize("pre_norm", [False, True])
def test_a_decoder_computes_the_same_both_ways(pre_norm: bool) -> None:
    decoder = Decoder(2, Shape(width=32, heads=4, feedforward=64, dropout=0.0, pre_norm=pre_norm))
    x, memory, questions, places = (
        torch.randn(2, 5, 32),
        torch.randn(2, 9, 32),
        torch.randn(1, 5, 32),
        torch.randn(1, 9, 32),
    )
    compared(decoder, lambda: decoder(x, memory, questions, places))


def test_the_loss_of_act_is_the_same_both_ways() -> None:
    torch.set_default_dtype(torch.float32)  # that of datasets and statistics
    config = ActConfig.tiny().model_copy(update={"dropout": 0.0})
    torch.manual_seed(0)
    policy = config.build(config.fake_statistics()).train()
    batch = config.fake_batch(4)
    compared(policy, lambda: policy.loss(batch, Rng(5)).total[None], tolerance=1e-4)
