"""Names of image backbones and of their ImageNet weights, and where the weights are on the Hub. Imports no torch.

The weights are torchvision's own, kept by the timm project as safetensors under torchvision's parameter names.
"""

from __future__ import annotations

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
# ours, small and without pretrained weights (nn/keypoints.py); LeRobot refuses a policy that has it
KEYPOINTS = "keypoints"
BACKBONES = (*RESNETS, KEYPOINTS)
# the ones of three convolutions a block; torchvision has a second set of weights for them
BOTTLENECKS = ("resnet50", "resnet101", "resnet152")


def _class_of(backbone: str) -> str:
    return backbone.replace("resnet", "ResNet") + "_Weights"


def known_weights(backbone: str) -> dict[str, str]:
    """Hub repository of each set of ImageNet weights that torchvision has for `backbone`."""
    if backbone == KEYPOINTS:
        return {}
    repositories = {"IMAGENET1K_V1": f"timm/{backbone}.tv_in1k"}
    if backbone in BOTTLENECKS:
        repositories["IMAGENET1K_V2"] = f"timm/{backbone}.tv2_in1k"
    repositories["DEFAULT"] = list(repositories.values())[-1]
    return repositories


def check_weights_name(backbone: str, name: str) -> str:
    """The Hub repository of the weights `name` ("ResNet18_Weights.IMAGENET1K_V1", or without the class).

    Raises ValueError for weights that are unknown or belong to another backbone.
    """
    prefix = _class_of(backbone) + "."
    known = known_weights(backbone)
    short = name.removeprefix(prefix)
    if backbone == KEYPOINTS:
        raise ValueError(f"vision_backbone={KEYPOINTS} has no pretrained weights: pretrained_backbone_weights=null")
    if short not in known:
        choices = ", ".join(prefix + k for k in known)
        raise ValueError(
            f"pretrained_backbone_weights `{name}` does not belong to vision_backbone={backbone}; "
            f"possible: {choices}, a .safetensors file, or null"
        )
    return known[short]
