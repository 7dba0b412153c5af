"""Two recipes, each trained with several seeds: a difference whose interval counts both training seeds and episodes.

A success rate varies twice: another training seed gives another policy, and other episodes are easier or harder for all
of them. Pooling the episodes of three policies as if they were one ignores the first (in simulation its "95 %" interval
then held the truth in as few as half of the cases); a t interval over the seeds' rates ignores the second.

Every policy of a side runs the same episodes, so its results are a table, (training seeds, episodes), and the variance
of the difference of the overall means is estimated as that of two crossed random effects:

    V = V_seeds(A) + V_seeds(B) + V_episodes - V_rest         V_rest is contained in each of the others

with V_seeds(X) = var(rates of X's policies) / S, V_episodes the variance over episodes of the difference of the two
sides' means, divided by n. The degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946). V is never taken
smaller than V_seeds, than V_episodes, nor than what so many independent episodes would have: policies that happen to do
alike must not make the interval vanish. docs/concepts/statistics.md has its coverage with 3, 5 and 10 seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .errors import ConfigError
from .stats import Interval, check_confidence

# with so many degrees of freedom a t distribution is a normal one
_PLENTY = 1e6


@dataclass(frozen=True)
class SeedsDifference:
    """Mean success rate of A's policies minus that of B's.

    p_value              two-sided, of "both recipes are equally good on average"
    degrees_of_freedom   of the t distribution that interval and p_value are from
    """

    difference: float
    interval: Interval
    p_value: float
    degrees_of_freedom: float


def over_training_seeds(a: np.ndarray, b: np.ndarray, *, paired: bool, confidence: float = 0.95) -> SeedsDifference:
    """Compare two recipes. a (S_a, n_a), b (S_b, n_b): 1 where policy s succeeded in episode e, else 0.

    paired   column e is the same episode on both sides; then n_a = n_b
    Raises ConfigError with fewer than two training seeds or episodes on a side.
    """
    from scipy.special import stdtr, stdtrit

    check_confidence(confidence)
    for side in (a, b):
        if side.ndim != 2 or min(side.shape) < 2:
            raise ConfigError("at least two training seeds and two episodes are needed on each side")
    a, b = a.astype(np.float64), b.astype(np.float64)
    difference = float(a.mean() - b.mean())
    means = [a.mean(0), b.mean(0)]
    variance, freedom = _variance([a, b], [means[0] - means[1]] if paired else means)
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance)
    p_value = 2 * float(stdtr(freedom, -abs(difference) / math.sqrt(variance)))
    interval = Interval(max(-1.0, difference - half), min(1.0, difference + half))
    return SeedsDifference(difference, interval, min(1.0, p_value), freedom)


def rate_over_training_seeds(outcomes: np.ndarray, confidence: float = 0.95) -> Interval:
    """Interval of one recipe's success rate, for the next policy it trains and the next episode alike.

    outcomes   (training seeds, episodes): 1 where policy s succeeded in episode e, else 0

    The same crossed random effects with one side: V = V_seeds + V_episodes - V_rest.
    Raises ConfigError with fewer than two training seeds or episodes.
    """
    from scipy.special import stdtrit

    check_confidence(confidence)
    if outcomes.ndim != 2 or min(outcomes.shape) < 2:
        raise ConfigError("at least two training seeds and two episodes are needed")
    outcomes = outcomes.astype(np.float64)
    variance, freedom = _variance([outcomes], [outcomes.mean(0)])
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance)
    rate = float(outcomes.mean())
    return Interval(max(0.0, rate - half), min(1.0, rate + half))


def _variance(sides: list[np.ndarray], over_episodes: list[np.ndarray]) -> tuple[float, float]:
    """(variance of the mean, or of the difference of two, its degrees of freedom).

    over_episodes   what varies with the episode: each side's mean, or their difference where episodes are shared
    """
    by_seed = [float(side.mean(1).var(ddof=1)) / len(side) for side in sides]
    by_episode = [float(values.var(ddof=1)) / len(values) for values in over_episodes]
    seeds, episodes = sum(by_seed), sum(by_episode)
    variance = max(
        seeds + episodes - sum(_rest(side) for side in sides),
        seeds,
        episodes,
        sum(_if_independent(side) for side in sides),
    )
    parts = [(v, len(side) - 1) for v, side in zip(by_seed, sides, strict=True)]
    parts += [(v, len(values) - 1) for v, values in zip(by_episode, over_episodes, strict=True)]
    spread = sum(v * v / freedom for v, freedom in parts)
    return variance, min(_PLENTY, variance * variance / spread) if spread > 0 else _PLENTY


def _rest(side: np.ndarray) -> float:
    """Variance of a side's mean that neither its policies nor its episodes explain: chance in single episodes."""
    seeds, episodes = side.shape
    rest = side - side.mean(0) - side.mean(1, keepdims=True) + side.mean()
    return float((rest**2).sum()) / float((seeds - 1) * (episodes - 1) * side.size)


def _if_independent(side: np.ndarray) -> float:
    """Variance of the rate of so many independent episodes; one success and one failure are added, so it is never 0."""
    rate = (side.sum() + 1) / (side.size + 2)
    return float(rate * (1 - rate)) / side.size
