"""Changes of pictures against torchvision's functions, which LeRobot applies (recorded by record_augment.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from understudy.nn import jitter

from .augment_cases import AFFINE, FACTORS, picture

RECORDED = Path(__file__).with_name("augment_torchvision.safetensors")


@pytest.mark.parametrize("kind", FACTORS)
def test_colours_and_sharpness_are_torchvision_s_to_within_2e_6(kind: str) -> None:
    factors, recorded = FACTORS[kind], load_file(RECORDED)
    expected = torch.stack([recorded[f"{kind} {factor}"] for factor in factors])
    change = getattr(jitter, kind)
    found = change(picture().expand(len(factors), -1, -1, -1), torch.tensor(factors)[:, None])
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)


def test_turned_moved_scaled_and_sheared_pictures_show_torchvision_s_pixels() -> None:
    recorded = load_file(RECORDED)
    expected = torch.stack([recorded[f"affine {number}"] for number in range(len(AFFINE))])
    back = torch.from_numpy(jitter.matrices_back(np.array(AFFINE)).astype(np.float32))
    found = jitter.affine(picture().expand(len(AFFINE), -1, -1, -1), back)
    # a pixel half way between two others may fall to either: none does here
    assert ((found - expected).abs().amax(1) > 1e-6).sum() == 0
