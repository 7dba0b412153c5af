"""ResNet feature maps (18, 34, 50, 101, 152) with frozen norms and torchvision's parameter names, without torchvision.

Unusual: every norm is a constant per-channel affine map. Its four numbers are buffers: they come from pretrained
weights, or are measured once on data (`measure_norms`), or stay 1, 0, 0, 1, and never change in training. No head.
Such a map need not be computed: scaling a convolution's kernels and giving it a bias says the same (`fast`).

    B batch, C channels, h w pixels; the map that comes out has ceil(h / 32) x ceil(w / 32) cells (16 with dilation)
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.fast_paths import set_fast_paths

BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
BOTTLENECKS = frozenset({"resnet50", "resnet101", "resnet152"})
EPS = 1e-5


class FrozenNorm(nn.Module):
    """Batch norm whose statistics and affine part are constants: y = (x - mean) * weight / sqrt(var + eps) + bias."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.fast = True
        self.folded = False  # for good: only the bias is left

    def affine(self) -> tuple[Tensor, Tensor]:
        """(scale, shift), each (C,): y = x * scale + shift."""
        scale = self.weight * (self.running_var + EPS).rsqrt()
        return scale, self.bias - self.running_mean * scale

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape and dtype."""
        scale, shift = self.affine()
        return torch.addcmul(shift.view(1, -1, 1, 1).to(x.dtype), x, scale.view(1, -1, 1, 1).to(x.dtype))


def normed(x: Tensor, conv: nn.Module, norm: nn.Module) -> Tensor:
    """A convolution without bias and the norm behind it: `norm(conv(x))`."""
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, FrozenNorm)
    if norm.folded:
        weight, shift = conv.weight, norm.bias
    elif norm.fast:
        scale, shift = norm.affine()
        weight = conv.weight * scale.view(-1, 1, 1, 1)
    else:
        return norm(conv(x))  # type: ignore[no-any-return]
    return F.conv2d(x, weight, shift, conv.stride, conv.padding, conv.dilation)


def joined(x: Tensor, y: Tensor, shortcut: nn.Sequential | None) -> Tensor:
    """What a block makes of its input x, the output y of its convolutions and its shortcut."""
    return (y + (x if shortcut is None else normed(x, shortcut[0], shortcut[1]))).relu_()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, shortcut: nn.Sequential | None) -> None:
        super().__init__()
        if dilation != 1:
            raise ValueError("a basic block has no dilation")
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = FrozenNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = FrozenNorm(width)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = normed(x, self.conv1, self.bn1).relu_()
        y = normed(y, self.conv2, self.bn2)
        return joined(x, y, self.downsample)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which has the stride and the dilation) and 1x1 convolutions and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, dilation: int, shortcut: nn.Sequential | None) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = FrozenNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = FrozenNorm(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = FrozenNorm(outputs)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = normed(x, self.conv1, self.bn1).relu_()
        y = normed(y, self.conv2, self.bn2).relu_()
        y = normed(y, self.conv3, self.bn3)
        return joined(x, y, self.downsample)


class ResNet(nn.Module):
    """The network up to the last feature map. Fresh convolutions are Kaiming-normal (fan out), as in torchvision."""

    def __init__(self, name: str, *, dilate_last_stage: bool = False) -> None:
        super().__init__()
        self.name = name
        self.block: type[BasicBlock] | type[Bottleneck] = Bottleneck if name in BOTTLENECKS else BasicBlock
        self.channels = 512 * self.block.expansion
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenNorm(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        depths = BLOCKS[name]
        self.layer1 = self._stage(64, 64, depths[0], stride=1)
        self.layer2 = self._stage(64 * self.block.expansion, 128, depths[1], stride=2)
        self.layer3 = self._stage(128 * self.block.expansion, 256, depths[2], stride=2)
        if dilate_last_stage:
            self.layer4 = self._stage(256 * self.block.expansion, 512, depths[3], stride=1, dilation=2)
        else:
            self.layer4 = self._stage(256 * self.block.expansion, 512, depths[3], stride=2)
        self.fast = True
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stage(self, inputs: int, width: int, depth: int, *, stride: int, dilation: int = 1) -> nn.Sequential:
        """Blocks of one resolution. With dilation in place of the stride, the first block still has dilation 1."""
        outputs = width * self.block.expansion
        shortcut: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenNorm(outputs))
        first = self.block(inputs, width, stride, 1, shortcut)
        rest = [self.block(outputs, width, 1, dilation, None) for _ in range(depth - 1)]
        return nn.Sequential(first, *rest)

    @torch.no_grad()
    def fold_norms(self) -> None:
        """Put every norm into its convolution for good, for predicting: no checkpoint can be made of it any more."""
        for conv, norm in pairwise(self.modules()):  # every norm stands right behind its convolution
            if isinstance(conv, nn.Conv2d) and isinstance(norm, FrozenNorm) and not norm.folded:
                scale, shift = norm.affine()
                conv.weight.mul_(scale.view(-1, 1, 1, 1))
                norm.bias.copy_(shift)
                norm.folded = True

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, h, w) normalised images -> (B, channels, ceil(h / 32), ceil(w / 32))."""
        if self.fast:
            images = images.contiguous(memory_format=torch.channels_last)
        x = self.maxpool(normed(images, self.conv1, self.bn1).relu_())
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))  # type: ignore[no-any-return]


@torch.no_grad()
def measure_norms(net: ResNet, images: Tensor) -> None:
    """Set mean and variance of every norm to those of what reaches it, layer by layer in one forward pass.

    With random convolutions and norms left at identity the activations grow block by block, and nothing ever rescales
    them. Measured norms start the network where batch normalisation would. Weight and bias stay 1 and 0.

    images   (B, 3, h, w) normalised, a fair sample of the dataset
    """

    def measure(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, FrozenNorm)
        variance, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3), correction=0)
        # A channel that these images leave (almost) constant would be blown up by its tiny deviation later on.
        variance = variance.clamp(min=1e-3 * float(variance.mean()))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(torch.where(variance > 0, variance, torch.ones_like(variance)))

    hooks = [m.register_forward_pre_hook(measure) for m in net.modules() if isinstance(m, FrozenNorm)]
    fast = net.fast
    set_fast_paths(net, False)  # a folded norm sees nothing
    try:
        net(images)
    finally:
        set_fast_paths(net, fast)
        for hook in hooks:
            hook.remove()


def from_torchvision(weights: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """A classifier's state dict with torchvision's names, reduced to what a feature map needs."""
    kept = {k: v for k, v in weights.items() if not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
    return OrderedDict(kept)
