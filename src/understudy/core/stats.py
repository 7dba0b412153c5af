"""How sure a success rate is: k successes of n episodes, and the rates that are compatible with them.

An interval here is exact (Clopper and Pearson, Biometrika 26, 1934): whatever the true rate, at least `confidence` of
such intervals contain it. It is wide, and honestly so: 5 of 5 is compatible with 48 %.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ConfigError


@dataclass(frozen=True)
class Interval:
    """The values between `low` and `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __neg__(self) -> Interval:
        """The interval of the value with its sign turned: for b - a where this one is for a - b."""
        return Interval(-self.high, -self.low)

    def to_json(self) -> list[float]:
        """[low, high]."""
        return [self.low, self.high]


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact interval of a success rate of which `successes` of `n` episodes were seen.

    Each end is the rate at which what was seen, or more of it, has the probability (1 - confidence) / 2; with none or
    all successful the end on that side is 0 or 1 exactly. Raises ConfigError for n = 0 and for counts that cannot be.
    """
    from scipy.special import betaincinv

    check_counts(successes, n)
    tail = (1 - check_confidence(confidence)) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    # the mirror image, rather than 1 - tail: no digits are lost near 1
    high = 1.0 if successes == n else 1.0 - float(betaincinv(n - successes, successes + 1, tail))
    return Interval(low, high)


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean that `values` are drawn around, by Student's t (Biometrika 6, 1908).

    Exact for values that are normally distributed; of anything else a good guess once they are ten or so.
    Raises ConfigError for fewer than two values.
    """
    from scipy.special import stdtrit

    check_confidence(confidence)
    if len(values) < 2:
        raise ConfigError("the spread of fewer than two values cannot be told")
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return Interval(mean - half, mean + half)


def welch_interval(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of mean(a) - mean(b), whose spreads may differ, by Welch's t (Biometrika 34, 1947).

    Two groups without any spread have one difference and no width. Raises ConfigError for fewer than two values a side.
    """
    from scipy.special import stdtrit

    check_confidence(confidence)
    if min(len(a), len(b)) < 2:
        raise ConfigError("the spread of fewer than two values cannot be told")
    difference = statistics.fmean(a) - statistics.fmean(b)
    of_a, of_b = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    if of_a + of_b == 0:
        return Interval(difference, difference)
    freedom = (of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(of_a + of_b)
    return Interval(difference - half, difference + half)


def check_counts(successes: int, n: int) -> None:
    """Raises ConfigError unless 0 <= successes <= n and n > 0."""
    if n < 1:
        raise ConfigError("no episodes, so nothing can be said about success", hint="n has to be 1 or more")
    if not 0 <= successes <= n:
        raise ConfigError(f"{successes} successes of {n} episodes cannot be")


def check_confidence(confidence: float) -> float:
    """`confidence` itself. Raises ConfigError unless it lies between 0 and 1, both excluded."""
    if not 0 < confidence < 1:
        raise ConfigError(f"a confidence of {confidence:g} is not between 0 and 1", hint="0.95 is usual")
    return confidence


def normal_quantile(confidence: float) -> float:
    """How many standard deviations around the mean of a normal distribution hold `confidence` of it: 1.96 for 0.95."""
    from scipy.special import ndtri

    return -float(ndtri((1 - check_confidence(confidence)) / 2))


def holm(p_values: list[float]) -> list[float]:
    """The p-values of several tests made larger so that "any of them wrong" keeps the error rate of one.

    Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979): never weaker than Bonferroni's.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = largest
    return adjusted
