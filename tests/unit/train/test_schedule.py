"""Schedules against numbers computed by LeRobot 0.4.4 (peak 1e-4, warm-up 1000, decay 30000 to 2.5e-6)."""

from __future__ import annotations

import pytest

from understudy.train.schedule import factor
from understudy.train.schedule_config import SchedulerConfig

PEAK = 1e-4
SMOLVLA = SchedulerConfig(
    type="cosine_decay_with_warmup", num_warmup_steps=1000, num_decay_steps=30_000, peak_lr=PEAK, decay_lr=2.5e-6
)


@pytest.mark.parametrize(
    ("steps", "n", "expected"),
    [
        (100_000, 0, 9.990e-8),
        (100_000, 1, 1.998e-7),
        (100_000, 500, 5.005e-5),
        (100_000, 999, 9.990e-5),
        (100_000, 1000, 9.97329e-5),
        (100_000, 15_000, 5.125e-5),
        (100_000, 30_000, 2.5e-6),
        (100_000, 90_000, 2.5e-6),
        (20_000, 0, 1.49925e-7),
        (20_000, 666, 9.97335e-5),
        (20_000, 10_000, 5.125e-5),
        (20_000, 20_000, 2.5e-6),
    ],
)
def test_cosine_decay_with_warmup_gives_lerobots_rates(steps: int, n: int, expected: float) -> None:
    assert PEAK * factor(SMOLVLA, steps)(n) == pytest.approx(expected, rel=5e-4)


def test_diffusers_cosine_starts_at_zero_peaks_after_warm_up_and_ends_at_zero() -> None:
    f = factor(SchedulerConfig(type="diffuser", name="cosine", num_warmup_steps=500), 10_000)
    assert f(0) == 0
    assert f(250) == 0.5
    assert f(500) == 1
    assert f(5250) == pytest.approx(0.5)
    assert f(10_000) == pytest.approx(0, abs=1e-12)


def test_constant_with_warmup_rises_linearly_and_stays() -> None:
    f = factor(SchedulerConfig(type="constant_with_warmup", num_warmup_steps=10), 100)
    assert [f(0), f(5), f(10), f(99)] == [0, 0.5, 1, 1]


def test_cosine_annealing_with_warmup_anneals_over_what_is_left() -> None:
    f = factor(SchedulerConfig(type="cosine_annealing_with_warmup", num_warmup_steps=10), 110)
    assert f(5) == 0.5
    assert f(60) == pytest.approx(0.5)
    assert f(110) == pytest.approx(0, abs=1e-12)
