"""The end of a score interval is found to the last digit, and never beyond -1."""

from __future__ import annotations

import pytest

from understudy.core.score_interval import lower_end


@pytest.mark.parametrize("end", [-0.99, -0.25, 0.0, 0.4999])
def test_the_end_is_where_rejection_ends(end: float) -> None:
    assert lower_end(0.5, lambda difference: difference < end) == pytest.approx(end, abs=1e-15)


def test_an_interval_ends_at_minus_one_and_at_the_estimate_at_the_latest() -> None:
    assert lower_end(-1.0, lambda difference: True) == -1.0
    assert lower_end(0.25, lambda difference: False) == pytest.approx(-1.0, abs=1e-15)
    assert lower_end(0.25, lambda difference: True) == pytest.approx(0.25, abs=1e-15)
