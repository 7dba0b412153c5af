"""Where ACT's image backbone gets its first weights, and what is measured when it gets none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from understudy.nn.resnet import ResNet, from_torchvision, measure_norms
from understudy.policies.act.config import ActConfig
from understudy.policies.backbone_weights import pretrained_file, read_weights, take

# larger pictures are measured at this size: an even sample of frames counts for more than their fine detail
CALIBRATION_PIXELS = 320 * 240


def pretrained_backbone(config: ActConfig) -> tuple[dict[str, Tensor], Path] | None:
    """The backbone's pretrained weights and the file they are in, downloaded if need be; None for random weights.

    Raises ConfigError when weights were asked for and cannot be had: random weights are never a substitute.
    """
    if config.backbone_weights_file is not None:
        path = config.backbone_weights_file.expanduser()
    elif config.pretrained_backbone_weights is not None:
        path = pretrained_file(config.vision_backbone, config.pretrained_backbone_weights)
    else:
        return None
    return from_torchvision(read_weights(path)), path


def load_backbone(backbone: ResNet, config: ActConfig) -> str:
    """Fill `backbone` as the configuration says; where the weights came from, in words ("random" for null).

    Raises ConfigError as `pretrained_backbone`, and when the weights are another network's.
    """
    found = pretrained_backbone(config)
    if found is None:
        return "random"
    weights, path = found
    take(backbone, weights, path)
    return str(path)


def calibrate_backbone(backbone: ResNet, observations: Iterable[dict[str, Tensor]], config: ActConfig) -> int:
    """Measure the backbone's norms on normalised camera images; the number of images used.

    Cameras share the backbone, so all their images are measured together, at the size of the first one, which is made
    smaller where it has more than CALIBRATION_PIXELS. Norms measured so on 480x640 recordings gave full-size maps
    deviations of 0.8 to 1.0 in every layer; four frames of full size, which cost more, gave 1.0 to 2.3.
    """
    images: list[Tensor] = []
    for observation in observations:
        for camera in config.cameras:
            size = images[0].shape[-2:] if images else measured_size(*observation[camera].shape[-2:])
            images.append(_at_size(observation[camera], size))
    measure_norms(backbone, torch.cat(images))
    return sum(map(len, images))


def measured_size(height: int, width: int) -> tuple[int, int]:
    """The size at which pictures of `height` x `width` are measured, of the same proportions."""
    scale = min(1.0, (CALIBRATION_PIXELS / (height * width)) ** 0.5)
    return max(1, round(scale * height)), max(1, round(scale * width))


def _at_size(images: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    if images.shape[-2:] == torch.Size(size):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True)
