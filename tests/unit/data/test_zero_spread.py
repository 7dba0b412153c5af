"""Dimensions that never move: safe scales, and a name for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.data.lerobot import load_dataset
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType, Statistics
from understudy.data.statistics import compute_statistics, guard_zero_spread, of_rows
from understudy.nn.normalize import Normalizer


def spec_of(**kinds: FeatureType) -> DatasetSpec:
    names = ("lift", "turn", "grip")
    return DatasetSpec({name: FeatureSpec(name, kind, (3,), names) for name, kind in kinds.items()}, 30.0)


def rows_with_still_turn(value: float = 0.4, n: int = 50) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(n, 3))
    rows[:, 1] = value
    return rows


def statistics_of(rows: np.ndarray) -> Statistics:
    return {"state": of_rows(rows), "action": of_rows(rows)}


SPEC = spec_of(state=FeatureType.STATE, action=FeatureType.ACTION)
MODES = ["MEAN_STD", "MIN_MAX", "QUANTILES", "QUANTILE10"]


def test_a_still_dimension_is_named_once_per_feature() -> None:
    _, warnings = guard_zero_spread(statistics_of(rows_with_still_turn()), SPEC)
    assert len(warnings) == 2
    assert "`state`: a dimension never moves" in warnings[0]
    assert "scale 1: turn (1)" in warnings[0]
    assert "scale 0.001: turn (1)" in warnings[1]


def test_moving_dimensions_keep_their_statistics() -> None:
    before = statistics_of(rows_with_still_turn())
    after, _ = guard_zero_spread(before, SPEC)
    for feature in ("state", "action"):
        for name, value in before[feature].items():
            if name != "count":
                np.testing.assert_array_equal(after[feature][name][[0, 2]], value[[0, 2]])
    assert before["state"]["std"][1] < 1e-12  # the statistics that came in are left alone


@pytest.mark.parametrize("mode", MODES)
def test_held_out_motion_of_a_still_joint_stays_in_its_own_units(mode: str) -> None:
    after, _ = guard_zero_spread(statistics_of(rows_with_still_turn(0.4)), SPEC)
    y = Normalizer(after, {"state": mode}).normalize("state", torch.tensor([0.0, 0.9, 0.0]))
    assert y[1].item() == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [0.0, 0.4, -200.0, 1e6])
def test_a_prediction_for_a_still_action_stays_at_the_constant(mode: str, value: float) -> None:
    after, _ = guard_zero_spread(statistics_of(rows_with_still_turn(value)), SPEC)
    normalizer = Normalizer(after, {"action": mode})
    x = normalizer.unnormalize("action", torch.tensor([0.0, 1.0, 0.0]))
    assert abs(x[1].item() - value) <= max(1.1e-3, 1.2e-6 * abs(value))
    target = normalizer.normalize("action", torch.tensor([0.0, value, 0.0]))
    assert abs(target[1].item()) < 0.2


@pytest.mark.parametrize("mode", MODES)
def test_normalising_and_back_is_the_identity(mode: str) -> None:
    rows = rows_with_still_turn(0.4)
    normalizer = Normalizer(guard_zero_spread(statistics_of(rows), SPEC)[0], {"action": mode})
    x = torch.tensor(rows, dtype=torch.float32)
    torch.testing.assert_close(
        normalizer.unnormalize("action", normalizer.normalize("action", x)), x, atol=1e-5, rtol=0
    )


def test_rounding_is_no_motion() -> None:
    rows = rows_with_still_turn(1000.0)
    rows[::2, 1] += 1e-4  # a float32 near 1000 is no more exact than that
    _, warnings = guard_zero_spread(statistics_of(rows), SPEC)
    assert "turn (1)" in warnings[0]


def test_small_real_motion_is_left_alone() -> None:
    rows = rows_with_still_turn(0.4)
    rows[:, 1] += np.random.default_rng(1).normal(size=len(rows)) * 5e-4
    after, warnings = guard_zero_spread(statistics_of(rows), SPEC)
    assert warnings == []
    assert after["action"]["std"][1] == pytest.approx(5e-4, rel=0.3)


def test_a_gripper_that_is_rarely_closed_gets_min_and_max_for_its_quantiles() -> None:
    rows = rows_with_still_turn(n=1000)
    rows[:, 1] = np.random.default_rng(1).normal(size=1000)
    rows[:, 2] = 0.0
    rows[:3, 2] = 1.0
    after, warnings = guard_zero_spread(statistics_of(rows), SPEC)
    assert after["action"]["q01"][2] == 0
    assert after["action"]["q99"][2] == 1
    assert after["action"]["std"][2] == pytest.approx(rows[:, 2].std())
    assert all("between outer quantiles" in line and "grip (2)" in line for line in warnings)
    assert len(warnings) == 2


def test_mean_and_std_alone_suffice() -> None:
    stats: Statistics = {"action": {"mean": np.ones(3), "std": np.array([1.0, 1e-16, 1.0])}}
    after, warnings = guard_zero_spread(stats, SPEC)
    np.testing.assert_array_equal(after["action"]["std"], [1.0, 1e-3, 1.0])
    assert len(warnings) == 1


def test_a_camera_that_saw_one_level_only_is_named_by_channel() -> None:
    spec = DatasetSpec({"front": FeatureSpec("front", FeatureType.VISUAL, (3, 4, 4))}, 30.0)
    flat = {name: np.full((3, 1, 1), 0.0 if name == "std" else 0.5) for name in ("min", "max", "mean", "std")}
    after, (warning,) = guard_zero_spread({"front": flat}, spec)
    assert (after["front"]["std"] == 1).all()
    assert after["front"]["std"].shape == (3, 1, 1)
    assert "red (0), green (1), blue (2)" in warning


@pytest.mark.shared
def test_the_still_joints_of_gr1_are_found(shared: Path) -> None:
    dataset = load_dataset(str(shared / "gr1_pick_n_place_v20"))
    stats = compute_statistics(dataset, [e.index for e in dataset.episodes], None)
    after, warnings = guard_zero_spread(stats, dataset.spec)
    still = int((np.ptp(dataset.columns["action"], axis=0) == 0).sum())
    assert still > 10
    assert f"`action`: {still} of 44 dimensions never move" in "\n".join(warnings)
    assert (after["action"]["std"] > 0).all()
    assert (after["observation.state"]["std"] > 0).all()
