"""The end of a score interval: the smallest difference of two success rates that a test does not reject."""

from __future__ import annotations

from collections.abc import Callable

# halvings of [-1, 1] until neighbouring floats are reached
_HALVINGS = 60


def lower_end(estimate: float, is_rejected: Callable[[float], bool]) -> float:
    """By bisection, in -1 .. `estimate`; -1 when the estimate itself is.

    is_rejected   whether the test rejects a true difference, which it does below the end and nowhere above
    """
    low, high = -1.0, estimate
    if high == -1.0:
        return -1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if is_rejected(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
