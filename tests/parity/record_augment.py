"""What torchvision's functions make of a picture, recorded for tests/parity/test_augment.py.

Run in LeRobot's environment: `$(tests/parity/lerobot_env.sh) tests/parity/record_augment.py`
"""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from augment_cases import AFFINE, FACTORS, picture
from safetensors.torch import save_file
from torchvision.transforms.v2 import functional

_FUNCTIONS = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
    "sharpness": functional.adjust_sharpness,
}


def main() -> None:
    torch.set_num_threads(1)
    recorded = {}
    for kind, factors in FACTORS.items():
        for factor in factors:
            recorded[f"{kind} {factor}"] = _FUNCTIONS[kind](picture(), factor)
    for number, (angle, right, down, scale, shear_x, shear_y) in enumerate(AFFINE):
        recorded[f"affine {number}"] = functional.affine(
            picture(), angle=angle, translate=[right, down], scale=scale, shear=[shear_x, shear_y], fill=0
        )
    target = Path(__file__).with_name("augment_torchvision.safetensors")
    save_file({name: value.contiguous() for name, value in recorded.items()}, target, _versions())
    print(target, len(recorded), "pictures,", target.stat().st_size, "bytes", _versions())


def _versions() -> dict[str, str]:
    return {"torch": torch.__version__, "torchvision": torchvision.__version__}


if __name__ == "__main__":
    main()
