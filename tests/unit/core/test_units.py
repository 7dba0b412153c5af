"""Numbers as people read them."""

from __future__ import annotations

import pytest

from understudy.core.units import counted, readable_bytes, readable_duration, short_number


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 B"), (999, "999 B"), (1536, "1.5 kB"), (2.5e9, "2.5 GB"), (5e15, "5000.0 TB")]
)
def test_bytes_have_decimal_prefixes(n: float, text: str) -> None:
    assert readable_bytes(n) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.21, "3.2 s"), (65, "1 min 05 s"), (3599.6, "1 h 00 min"), (3725, "1 h 02 min")]
)
def test_durations_have_the_unit_that_matters(seconds: float, text: str) -> None:
    assert readable_duration(seconds) == text


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0"), (999, "999"), (12345, "12K"), (2_500_000, "2M"), (3e9, "3B"), (1e18, "1000Q")]
)
def test_counts_are_short_as_in_lerobot_s_log(n: float, text: str) -> None:
    assert short_number(n) == text


def test_counts_are_written_with_the_word_in_the_right_number() -> None:
    assert [counted(n, "episode") for n in (0, 1, 2000)] == ["0 episodes", "1 episode", "2,000 episodes"]
