"""The image backbone: shapes, counts, frozen norms, and measuring them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from understudy.nn.resnet import FrozenNorm, ResNet, from_torchvision, measure_norms


@pytest.mark.parametrize(
    ("name", "parameters", "channels"),
    # torchvision's counts without `fc` and without the affine part of the norms
    [("resnet18", 11_166_912, 512), ("resnet34", 21_267_648, 512), ("resnet50", 23_454_912, 2048)],
)
def test_a_backbone_has_the_convolutions_of_torchvisions(name: str, parameters: int, channels: int) -> None:
    with torch.device("meta"):
        net = ResNet(name)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert net.channels == channels
    assert all(p.dim() == 4 for p in net.parameters())


@pytest.mark.parametrize(("name", "blocks"), [("resnet101", 33), ("resnet152", 50)])
def test_the_deep_ones_have_the_right_number_of_blocks(name: str, blocks: int) -> None:
    with torch.device("meta"):
        net = ResNet(name)
    assert sum(len(stage) for stage in (net.layer1, net.layer2, net.layer3, net.layer4)) == blocks


@pytest.mark.parametrize(("size", "cells"), [((64, 96), (2, 3)), ((70, 33), (3, 2)), ((480, 640), (15, 20))])
def test_the_map_has_a_cell_for_each_32_pixels_begun(size: tuple[int, int], cells: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert ResNet("resnet18")(torch.empty(1, 3, *size)).shape == (1, 512, *cells)


def test_dilation_doubles_the_resolution_of_the_last_stage() -> None:
    with torch.device("meta"):
        assert ResNet("resnet50", dilate_last_stage=True)(torch.empty(1, 3, 64, 96)).shape == (1, 2048, 4, 6)


def test_a_basic_block_refuses_dilation() -> None:
    with pytest.raises(ValueError, match="no dilation"):
        ResNet("resnet18", dilate_last_stage=True)


def test_a_frozen_norm_is_batch_norm_in_eval_mode() -> None:
    norm, reference = FrozenNorm(3), nn.BatchNorm2d(3).eval()
    for name, value in reference.state_dict().items():
        if name != "num_batches_tracked":
            value.copy_(torch.rand(3) + 0.5)
            getattr(norm, name).copy_(value)
    x = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(norm.train()(x), reference(x), rtol=1e-5, atol=1e-6)
    assert not list(norm.parameters())


def test_fresh_convolutions_have_kaimings_spread() -> None:
    torch.manual_seed(0)
    weight = ResNet("resnet18").layer3[0].conv1.weight
    assert float(weight.detach().std()) == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.01)


def test_measured_norms_keep_activations_from_growing_block_by_block() -> None:
    torch.manual_seed(0)
    images = torch.randn(8, 3, 64, 64)
    net = ResNet("resnet18")
    inside: list[float] = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: inside.append(float(o.std())))
        for m in net.modules()
        if isinstance(m, FrozenNorm)
    ]
    with torch.no_grad():
        measure_norms(net, images)
        inside.clear()
        net(images)
    assert inside == pytest.approx([1.0] * len(inside), abs=0.02)
    for hook in hooks:
        hook.remove()
    assert all(torch.equal(m.weight, torch.ones_like(m.weight)) for m in net.modules() if isinstance(m, FrozenNorm))
    assert net.state_dict().keys() == ResNet("resnet18").state_dict().keys()


def test_frames_that_are_all_the_same_give_norms_that_are_still_finite() -> None:
    net = ResNet("resnet18")
    measure_norms(net, torch.zeros(2, 3, 64, 64))
    with torch.no_grad():
        out = net(torch.randn(1, 3, 64, 64))
    assert torch.isfinite(out).all()
    assert out.abs().max() < 100


def test_a_classifiers_weights_are_reduced_to_the_backbones() -> None:
    weights = {"conv1.weight": torch.zeros(1), "bn1.num_batches_tracked": torch.zeros(1), "fc.weight": torch.zeros(1)}
    assert list(from_torchvision(weights)) == ["conv1.weight"]
