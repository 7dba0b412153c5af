"""The variants of tiny pi0-FAST for `pendulum_ablation.py`: its modern preset with one choice taken back."""

from __future__ import annotations

from typing import Any

FAST: dict[str, dict[str, Any]] = {
    "modern": {},
    "three coefficients a token": {"coefficients_per_token": 3},
    "one coefficient a token": {"coefficients_per_token": 1},
    "no network for the state": {"n_state_layers": 0},
    "state by cross-attention": {"state_conditioning": "cross_attention"},
    "integers as coarse as the study's": {"dct_scale": 3.55},
    "entries of a merged vocabulary": {"tokens": "merged", "dct_scale": 10.0, "vocabulary_size": 512},
    "no statistics": {"normalization_mapping": {}},
    "noise on what is read": {"input_noise": 0.05},
    "last action held past the end": {"past_the_end": "hold"},
    "dropout 0.1": {"dropout": 0.1},
    "norms behind": {"pre_norm": False},
}
