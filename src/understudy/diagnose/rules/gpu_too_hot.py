"""A GPU near the temperature at which it slows itself down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_HOT_C, _SHARE, _FEWEST = 84.0, 0.1, 20


def check(run: RunView) -> Iterator[Finding]:
    _, degrees = run.measured("gpu_temperature_c")
    if len(degrees) < _FEWEST or np.mean(degrees >= _HOT_C) < _SHARE:
        return
    yield Finding(
        "warning",
        f"the GPU was at {_HOT_C:.0f} °C or above in {np.mean(degrees >= _HOT_C):.0%} of the readings, "
        f"{degrees.max():.0f} at most: most cards slow down from there on",
        "clean its fans, let air in, or lower its power limit a little: that costs less speed than the heat does",
        {"share": round(float(np.mean(degrees >= _HOT_C)), 3), "highest_c": float(degrees.max())},
    )


RULE = Rule("gpu_too_hot", Looks.RUN, check, source="throttling temperatures of consumer cards, 83 to 90 °C", live=True)
