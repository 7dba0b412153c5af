"""Where ACT's image backbone gets its first weights, and what is measured when it gets none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from understudy.nn.resnet import ResNet, from_torchvision, measure_norms
from understudy.policies.act.config import ActConfig
from understudy.policies.backbone_weights import hub_file, read_weights, take

# 16 frames of 640 x 480: each channel of the last map still sees 4,800 cells, and the first layer needs 0.6 GB
CALIBRATION_PIXELS = 16 * 640 * 480


def pretrained_backbone(config: ActConfig) -> tuple[dict[str, Tensor], Path] | None:
    """The backbone's pretrained weights and the file they are in, downloaded if need be; None for random weights.

    Raises ConfigError when weights were asked for and cannot be had: random weights are never a substitute.
    """
    if config.backbone_weights_file is not None:
        path = config.backbone_weights_file.expanduser()
    elif config.pretrained_backbone_weights is not None:
        path = hub_file(config.vision_backbone, config.pretrained_backbone_weights)
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

    Cameras share the backbone, so all their images are measured together, at the size of the first one. Of more images
    than CALIBRATION_PIXELS allows, evenly spaced ones are taken: batches come in the order of the episodes.
    """
    images: list[Tensor] = []
    for observation in observations:
        for camera in config.cameras:
            batch = observation[camera]
            if images and batch.shape[-2:] != images[0].shape[-2:]:
                batch = F.interpolate(batch, images[0].shape[-2:], mode="bilinear", antialias=True)
            images.append(batch)
    found = torch.cat(images)
    count = min(len(found), max(1, CALIBRATION_PIXELS // found[0, 0].numel()))
    chosen = torch.linspace(0, len(found) - 1, count).round().long()
    measure_norms(backbone, found[chosen.to(found.device)])
    return count
