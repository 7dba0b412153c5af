"""A small image backbone that says where things are: K filters, and for each the point of the picture it responds to.

Every filter's response map is turned into a distribution over the map (softmax), and its mean is a keypoint: x and y
are differentiable and finer than a cell of the map (spatial soft-argmax: Levine et al. 2016, Finn et al. 2016). Beside
it stands how strongly the filter responds, for what may be out of sight. So "where is the cube" reaches the policy as
two numbers, which is what a grasp needs, and few demonstrations suffice to learn it without pretrained weights.

A thing of a few pixels moves the mean of a thousand cells by nothing, so no filter ever learns to point at it. Hence
the second way: a coarse map of responses, read cell by cell. It finds such a thing at once, and the points are finer.

    B batch, K keypoints, h w pixels
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# channels and strides of the convolutions: an eighth of ResNet-18's first stage, and no deeper
_WIDTHS = (16, 32, 32, 32)
KEYPOINTS = 32
# of the coarse map, whatever the size of the picture: channels, rows, columns
LAYOUT = (16, 12, 16)


class KeypointNet(nn.Module):
    """Four convolutions to a quarter of the picture's resolution, then keypoints and layout. 26 thousand parameters."""

    outputs = 3 * KEYPOINTS + math.prod(LAYOUT)

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = _WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.GroupNorm(4, second),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, padding=1),
            nn.GroupNorm(4, third),
            nn.ReLU(),
            nn.Conv2d(third, fourth, 3, padding=1),
            nn.GroupNorm(4, fourth),
            nn.ReLU(),
        )
        self.maps = nn.Conv2d(fourth, KEYPOINTS, 1)
        self.layout = nn.Conv2d(fourth, LAYOUT[0], 1)
        # how sharply a filter points; in logarithm, so that it stays positive
        self.log_sharpness = nn.Parameter(torch.zeros(KEYPOINTS))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, h, w) normalised images -> (B, outputs): keypoints, then the coarse map row by row."""
        features = self.stem(images)
        cells = F.adaptive_avg_pool2d(self.layout(features), LAYOUT[1:]).flatten(1)
        return torch.cat([self.keypoints(features), cells], dim=-1)

    def keypoints(self, features: Tensor) -> Tensor:
        """Features (B, C, h / 4, w / 4) -> (B, 3 K): all x, all y (-1 left and top, 1 right and bottom), strengths."""
        maps = self.maps(features)
        height, width = maps.shape[-2:]
        sharp = maps * self.log_sharpness.exp().view(1, -1, 1, 1)
        share = sharp.flatten(2).float().softmax(-1).view(maps.shape)
        x = (share.sum(-2) * _axis(width, share)).sum(-1)
        y = (share.sum(-1) * _axis(height, share)).sum(-1)
        strength = (share * maps).sum((-2, -1)).tanh()
        return torch.cat([x, y, strength], dim=-1).to(maps.dtype)


class KeypointTokens(nn.Module):
    """A token for each of several cameras. Each has its own network: a wrist and a fixed camera share no view."""

    def __init__(self, cameras: int, width: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(KeypointNet() for _ in range(cameras))
        self.projections = nn.ModuleList(nn.Linear(KeypointNet.outputs, width) for _ in range(cameras))
        self.positions = nn.Embedding(cameras, width)

    def forward(self, images: Sequence[Tensor]) -> Tensor:
        """One (B, 3, h, w) for each camera -> (B, cameras, width)."""
        each = zip(images, self.nets, self.projections, strict=True)
        return torch.stack([project(net(image)) for image, net, project in each], dim=1)


def _axis(size: int, like: Tensor) -> Tensor:
    """Centres of the cells along one side, (size,), from -1 to 1."""
    return torch.linspace(-1, 1, size, device=like.device, dtype=like.dtype)
