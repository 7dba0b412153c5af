"""Noise has the size and the memory that were asked for, repeats with its seed, and stays within the limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.record.config import RecordConfig
from understudy.record.disturb import Disturbance, disturbance_of

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 10.0])


def config(**options: Any) -> RecordConfig:
    return RecordConfig.model_validate({"env": {"type": "toy/reach"}, "dataset": {"root": "x"}} | options)


def offsets(steps: int, seed: int = 0, **options: Any) -> np.ndarray:
    """(steps, 2) what is added to an action in the middle, in shares of the range."""
    disturb, middle = Disturbance(config(**options), seed, 10, LOW, HIGH), (LOW + HIGH) / 2
    return np.stack([disturb(middle) - middle for _ in range(steps)]) / (HIGH - LOW)


def test_nothing_asked_for_is_nothing_done() -> None:
    assert disturbance_of(config(), 0, 10, LOW, HIGH) is None
    assert disturbance_of(config(pushes_per_s=1, push_size=0), 0, 10, LOW, HIGH) is None


@pytest.mark.parametrize("correlation_s", [0.0, 0.5])
def test_noise_is_a_share_of_each_joint_s_range(correlation_s: float) -> None:
    found = offsets(20_000, noise=0.05, noise_correlation_s=correlation_s)
    assert found.std(0) == pytest.approx([0.05, 0.05], rel=0.06)
    assert np.abs(found.mean(0)).max() < 0.004
    neighbours = np.corrcoef(found[:-1, 0], found[1:, 0])[0, 1]
    assert neighbours == pytest.approx(np.exp(-1 / 5) if correlation_s else 0, abs=0.03)


def test_a_seed_repeats_its_noise_and_another_has_its_own() -> None:
    assert np.array_equal(offsets(50, 3, noise=0.1, pushes_per_s=1), offsets(50, 3, noise=0.1, pushes_per_s=1))
    assert not np.array_equal(offsets(50, 3, noise=0.1), offsets(50, 4, noise=0.1))


def test_a_push_holds_for_its_time_and_comes_as_often_as_asked() -> None:
    found = offsets(50_000, pushes_per_s=0.5, push_size=0.2, push_s=0.4)
    pushed = found[:, 0] != 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], found[:, 0] != np.roll(found[:, 0], 1)])))
    lengths = [n for n in np.diff(np.flatnonzero(np.diff(found[:, 0], prepend=1.0))) if n]
    assert len(edges) > 100
    assert np.abs(found).max() <= 0.2
    # each push lasts four steps; between two, one in twenty steps begins one
    assert pushed.mean() == pytest.approx(4 / (4 + 19), rel=0.1)
    assert sum(n == 4 for n in lengths) > 1000


def test_what_is_executed_keeps_the_limits() -> None:
    disturb = Disturbance(config(noise=1.0), 0, 10, LOW, HIGH)
    executed = np.stack([disturb(HIGH) for _ in range(100)])
    assert (executed <= HIGH).all()
    assert (executed >= LOW).all()
    assert executed.min(0).tolist() == LOW.tolist()
