"""Scaling by statistics: the formulas, their inverses, and what happens without statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from understudy.core.errors import StatisticMissing
from understudy.nn.normalize import STATISTICS_OF_MODE, Normalizer

STATISTICS = {
    "mean": [1.0, -20.0],
    "std": [0.5, 30.0],
    "min": [0.0, -90.0],
    "max": [2.0, 90.0],
    "q01": [0.1, -80.0],
    "q99": [1.9, 80.0],
    "q10": [0.3, -50.0],
    "q90": [1.7, 50.0],
}


def normalizer(mode: str, statistics: dict[str, list[float]] = STATISTICS) -> Normalizer:
    return Normalizer({"x": {k: np.array(v) for k, v in statistics.items()}}, {"x": mode})


@pytest.mark.parametrize("mode", STATISTICS_OF_MODE)
@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.tuples(*[st.floats(-200, 200, width=32)] * 2), min_size=1, max_size=4))
def test_what_is_scaled_and_scaled_back_is_unchanged(mode: str, values: list[tuple[float, float]]) -> None:
    x = torch.tensor(values)
    scale = normalizer(mode)
    assert_close(scale.unnormalize("x", scale.normalize("x", x)), x, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("mode", STATISTICS_OF_MODE)
@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=2))
def test_what_the_network_says_survives_the_way_there_and_back(mode: str, values: list[float]) -> None:
    y = torch.tensor(values)
    scale = normalizer(mode)
    assert_close(scale.normalize("x", scale.unnormalize("x", y)), y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("MEAN_STD", [2.0, 1.0]),
        ("MIN_MAX", [1.0, 1 / 9]),
        ("QUANTILES", [2 * 1.9 / 1.8 - 1, 0.125]),
        ("QUANTILE10", [2 * 1.7 / 1.4 - 1, 0.2]),
        ("IDENTITY", [2.0, 10.0]),
    ],
)
def test_each_mode_has_lerobots_formula(mode: str, expected: list[float]) -> None:
    assert_close(normalizer(mode).normalize("x", torch.tensor([2.0, 10.0])), torch.tensor(expected))


def test_a_dimension_without_spread_stays_finite() -> None:
    constant = {k: [3.0, 0.0] for k in STATISTICS}
    for mode in ("MIN_MAX", "QUANTILES", "QUANTILE10"):
        scale = normalizer(mode, constant)
        assert scale.normalize("x", torch.tensor([3.0, 0.0])).tolist() == [-1, -1]
        assert scale.unnormalize("x", torch.tensor([-1.0, 0.5])).tolist() == pytest.approx([3, 0], abs=1e-6)
    scale = normalizer("MEAN_STD", {"mean": [3.0, 0.0], "std": [0.0, 0.0]})
    assert scale.normalize("x", torch.tensor([3.0, 0.0])).tolist() == [0, 0]


@pytest.mark.parametrize("mode", STATISTICS_OF_MODE)
def test_pixels_are_scaled_as_fractions_of_255_would_be(mode: str) -> None:
    low, high = np.full((3, 1, 1), 0.1), np.array([0.7, 0.8, 0.9]).reshape(3, 1, 1)
    statistics = dict.fromkeys(STATISTICS, low) | dict.fromkeys(("max", "q99", "q90"), high)
    statistics |= {"mean": np.full((3, 1, 1), 0.485), "std": np.full((3, 1, 1), 0.225)}
    scale = Normalizer({"cam": statistics}, {"cam": mode})
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, 16, 16)
    expected = scale.normalize("cam", pixels.float() / 255)
    assert_close(scale.normalize_pixels("cam", pixels), expected, rtol=0, atol=1e-6)
    assert_close(scale.normalize_pixels("cam", pixels.double() / 255), expected, rtol=0, atol=1e-6)


def test_a_feature_that_is_not_scaled_passes_unchanged() -> None:
    x = torch.tensor([5.0])
    assert normalizer("MEAN_STD").normalize("other", x) is x
    assert normalizer("MEAN_STD").unnormalize("other", x) is x


@pytest.mark.parametrize("missing", ["mean", "std"])
def test_a_missing_statistic_is_an_error_and_not_a_pass_through(missing: str) -> None:
    rest = {k: v for k, v in STATISTICS.items() if k != missing}
    with pytest.raises(StatisticMissing, match=f"its statistic `{missing}` is missing"):
        normalizer("MEAN_STD", rest)
    with pytest.raises(StatisticMissing):
        Normalizer({}, {"x": "MIN_MAX"})


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_statistic_that_was_never_computed_is_an_error(value: float) -> None:
    with pytest.raises(StatisticMissing, match="not finite"):
        normalizer("MEAN_STD", {**STATISTICS, "std": [1.0, value]})


def test_statistics_follow_the_module_and_stay_out_of_the_state_dict() -> None:
    scale = normalizer("MEAN_STD")
    assert not scale.state_dict()
    assert scale.to("meta").offset_0.device.type == "meta"
