"""How many episodes tell two policies apart: planning an evaluation, or seeing that the one at hand was too short.

Paired: the power of McNemar's exact test is itself exact, a sum over how many episodes may tell the policies apart.
Unpaired: the usual normal approximation (Fleiss, Statistical Methods for Rates and Proportions, section 4.2, without
continuity correction); it is meant by "about".
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .errors import ConfigError
from .stats import normal_quantile

POWER = 0.8
MOST_EPISODES = 1_000_000


def paired_power(only_a: float, only_b: float, n: int, alpha: float = 0.05) -> float:
    """Probability that McNemar's exact test on `n` common episodes finds a difference at `alpha`, in either direction.

    only_a, only_b   probability that an episode is solved by A alone, by B alone
    """
    from scipy.special import bdtr, bdtrc

    differ = _check_rates(only_a, only_b)
    if differ == 0:
        return 0.0
    m = _likely(n, differ)
    critical = _critical(m, alpha)
    share = only_a / differ
    rejects = np.where(critical < 0, 0.0, bdtr(np.maximum(critical, 0), m, share))
    rejects += np.where(critical < 0, 0.0, bdtrc(m - critical - 1, m, share))
    return float(_binomial(m, n, differ) @ rejects)


def paired_episodes(only_a: float, only_b: float, *, power: float = POWER, alpha: float = 0.05) -> int | None:
    """How many common episodes are needed to tell the policies apart with probability `power`.

    None if they are equally good, or so nearly that a million would not do.
    """
    _check_rates(only_a, only_b)
    if only_a == only_b:
        return None
    return _smallest(lambda n: paired_power(only_a, only_b, n, alpha) >= power)


def unpaired_episodes(rate_a: float, rate_b: float, *, power: float = POWER, alpha: float = 0.05) -> int | None:
    """About how many episodes of each policy are needed, on different seeds; None as for `paired_episodes`."""
    for rate in (rate_a, rate_b):
        if not 0 <= rate <= 1:
            raise ConfigError(f"{rate:g} is no success rate: expected 0 to 1")
    if rate_a == rate_b:
        return None
    mean = (rate_a + rate_b) / 2
    under_equal = normal_quantile(1 - alpha) * math.sqrt(2 * mean * (1 - mean))
    under_given = normal_quantile(2 * power - 1) * math.sqrt(rate_a * (1 - rate_a) + rate_b * (1 - rate_b))
    needed = math.ceil(((under_equal + under_given) / (rate_a - rate_b)) ** 2)
    return needed if needed <= MOST_EPISODES else None


def smallest_paired_difference(differ: float, n: int, *, power: float = POWER, alpha: float = 0.05) -> float | None:
    """The smallest difference of success rates that `n` common episodes tell with probability `power`.

    differ   share of the episodes that one policy alone solves: the noise of the comparison
    None if not even a difference as large as `differ` would be told.
    """
    if paired_power(differ, 0.0, n, alpha) < power:
        return None
    return _halve(differ, lambda d: paired_power((differ + d) / 2, (differ - d) / 2, n, alpha) >= power)


def smallest_unpaired_difference(rate: float, n: int, *, power: float = POWER, alpha: float = 0.05) -> float | None:
    """The same for `n` episodes of each policy on different seeds, around the success rate `rate`.

    None if not even 0 against `2 * rate` (or 1 against its mirror image) would be told.
    """
    largest = 2 * min(rate, 1 - rate)

    def told(d: float) -> bool:
        needed = unpaired_episodes(rate + d / 2, rate - d / 2, power=power, alpha=alpha) if d else None
        return needed is not None and needed <= n

    return _halve(largest, told) if told(largest) else None


def training_seeds(
    difference: float, spread_a: float, spread_b: float, *, power: float = POWER, alpha: float = 0.05
) -> int | None:
    """About how many training seeds of each recipe tell `difference`, by the normal approximation, at least 2.

    spread_a, spread_b   standard deviation over training seeds of the success rate, each over the episodes at hand
    None if the difference is 0 or would need more than a million.
    """
    if difference == 0:
        return None
    quantiles = normal_quantile(1 - alpha) + normal_quantile(2 * power - 1)
    needed = math.ceil((quantiles / difference) ** 2 * (spread_a**2 + spread_b**2))
    return max(2, needed) if needed <= MOST_EPISODES else None


def _check_rates(only_a: float, only_b: float) -> float:
    """Their sum. Raises ConfigError unless both are probabilities of things that exclude each other."""
    if min(only_a, only_b) < 0 or only_a + only_b > 1 + 1e-12:
        raise ConfigError(f"{only_a:g} and {only_b:g} cannot be the shares of episodes that one policy solves alone")
    return min(1.0, only_a + only_b)


def _likely(n: int, differ: float) -> np.ndarray:
    """The numbers of differing episodes that are not beyond ten standard deviations."""
    spread = 10 * math.sqrt(n * differ * (1 - differ)) + 10
    return np.arange(max(0, math.floor(n * differ - spread)), min(n, math.ceil(n * differ + spread)) + 1)


def _binomial(k: np.ndarray, n: int, p: float) -> np.ndarray:
    from scipy.special import gammaln, xlog1py, xlogy

    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    probability: np.ndarray = np.exp(choose + xlogy(k, p) + xlog1py(n - k, -p))
    return probability


def _critical(m: np.ndarray, alpha: float) -> np.ndarray:
    """The largest count on the smaller side of `m` fair coins that still rejects at `alpha`; -1 where none does."""
    from scipy.special import bdtr

    # a normal guess, lifted, then lowered until it is right: at most a few rounds
    guess = np.floor(m / 2 - normal_quantile(1 - alpha) * np.sqrt(m) / 2 + 1)
    critical: np.ndarray = np.clip(guess, -1, np.maximum((m - 1) // 2, -1))
    while True:
        too_high = (critical >= 0) & (2 * bdtr(np.maximum(critical, 0), m, 0.5) > alpha)
        if not too_high.any():
            return critical
        critical = np.where(too_high, critical - 1, critical)


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest n that is enough, by doubling and halving."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_EPISODES:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _halve(largest: float, told: Callable[[float], bool]) -> float:
    """The smallest difference up to `largest` that is told, to a thousandth."""
    low, high = 0.0, largest
    while high - low > 5e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if told(middle) else (middle, high)
    return high
