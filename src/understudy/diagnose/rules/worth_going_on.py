"""What more steps are likely to bring, by how the held-out error, or else the loss, has fallen so far."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

_FEWEST = 12
_WORTH = 0.03
# how far, in logarithms, the forecast of a doubling was off on real logs that were cut in the middle (root mean
# square of eight, benchmarks/doctor_forecasts.py): schedules bend curves, and the noise of the fit is nothing to that
_MODEL = 0.12


def check(run: RunView) -> Iterator[Finding]:
    name, (steps, values) = "held-out error", run.held_out("action_error")
    if len(values) < _FEWEST:
        name, (steps, values) = "loss", run.series("loss")
    good = np.isfinite(values) & (values > 0) & (steps > 0)
    steps, values = steps[good], values[good]
    if len(values) < _FEWEST:
        return
    # a power of the step: straight in logarithms, fitted to the second half, where the begin no longer shows
    late = steps >= steps[-1] / 2
    x, y = np.log(steps[late]), np.log(values[late])
    if len(x) < _FEWEST // 2 or np.ptp(x) == 0:
        return
    slope, error = _slope(x, y)
    change = np.expm1(slope * np.log(2))
    beside = 2 * np.hypot(error * np.log(2), _MODEL)
    low, high = np.expm1(slope * np.log(2) - beside), np.expm1(slope * np.log(2) + beside)
    rates = run.series("lr")[1]
    fell = len(rates) > 2 and rates[-1] < 0.3 * rates.max()
    yield Finding(
        "note",
        f"twice as many steps would change the {name} by {change:+.0%} (95 % between {low:+.0%} and {high:+.0%}), if "
        "it went on as it has in its second half"
        + (", which a learning rate that has already fallen will not do" if fell else ""),
        "worth going on" if high < -_WORTH and not fell else "hardly worth going on: measure success first",
        {
            "measure": name,
            "change": round(float(change), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        },
    )


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of the line through the points, and its standard error, which neighbours that are alike make larger."""
    centred = x - x.mean()
    slope = float((centred @ y) / (centred @ centred))
    residual = y - y.mean() - slope * centred
    alike = float(np.corrcoef(residual[:-1], residual[1:])[0, 1]) if len(x) > 4 and residual.std() > 0 else 0.0
    inflation = (1 + max(0.0, min(alike, 0.95))) / (1 - max(0.0, min(alike, 0.95)))
    variance = float(residual @ residual) / max(1, len(x) - 2) / float(centred @ centred)
    return slope, (inflation * variance) ** 0.5


RULE = Rule("worth_going_on", Looks.RUN, check, source="power laws of training curves: Hestness et al. 2017")
