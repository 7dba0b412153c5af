"""Two policies on different episodes: nothing is in common, so only the two counts k of n can be compared.

- difference: the score interval of Miettinen and Nurminen (Statistics in Medicine 4, 1985). Not exact; its coverage by
  enumeration is in docs/concepts/statistics.md.
- test: Boschloo's (Statistica Neerlandica 24, 1970). Exact whatever the common rate, never weaker than Fisher's.

Boschloo's p-value is the largest probability, over the common rate, of a table whose Fisher p-value is as small as the
one seen. Given the total t of successes such tables are a tail of a hypergeometric distribution, whose probability does
not depend on the rate: one number per t, and what is left to maximise is a binomial mean of N + 1 numbers.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from .score_interval import lower_end
from .stats import Interval, check_confidence, check_counts, normal_quantile

# golden sections until neighbouring floats are reached
_SECTIONS = 60
# Fisher p-values that differ by less are equal: rounding must not drop a table from the tail
_EQUAL = 1e-10
# points per standard deviation of the number of successes at which the common rate is first tried
_POINTS_PER_DEVIATION = 8


# a result is compared with the same published numbers more than once
@lru_cache(maxsize=256)
def boschloo(successes_a: int, n_a: int, successes_b: int, n_b: int) -> float:
    """Exact two-sided p-value of "both are equally good": twice the smaller one-sided one, at most 1."""
    check_counts(successes_a, n_a)
    check_counts(successes_b, n_b)
    a_better = _one_sided(successes_a, n_a, successes_b, n_b)
    b_better = _one_sided(successes_b, n_b, successes_a, n_a)
    return min(1.0, 2 * min(a_better, b_better))


def _one_sided(successes_a: int, n_a: int, successes_b: int, n_b: int) -> float:
    log_choose = [_log_choose(n) for n in (n_a, n_b, n_a + n_b)]
    total = successes_a + successes_b
    limit = _tails(log_choose, total)[successes_a - max(0, total - n_b)] * (1 + _EQUAL)
    # for each total the largest tail that is at most as improbable as the one seen, 0 where none is
    within = [tails[tails <= limit].max(initial=0.0) for t in range(n_a + n_b + 1) for tails in [_tails(log_choose, t)]]
    return _largest_mean(np.array(within))


def _tails(log_choose: list[np.ndarray], total: int) -> np.ndarray:
    """P(A has at least x of `total` successes), for every x that can be: Fisher's one-sided p-values.

    log_choose   log choose(n, 0 ... n) for n of A, of B, and of both
    """
    of_a, of_b, of_both = log_choose
    first, last = max(0, total - len(of_b) + 1), min(total, len(of_a) - 1)
    ways = of_a[first : last + 1] + of_b[total - last : total - first + 1][::-1]
    tails: np.ndarray = np.cumsum(np.exp(ways - of_both[total])[::-1])[::-1]
    return tails


def _largest_mean(values: np.ndarray) -> float:
    """The largest mean of values[t] with t binomial, over its rate: a grid, then golden sections around its maximum."""
    trials = len(values) - 1
    total = np.arange(trials + 1)
    weights = _log_choose(trials)

    def mean(angle: np.ndarray) -> np.ndarray:
        # in this angle the number of successes spreads alike everywhere, so an even grid misses no peak
        rate = np.sin(angle[:, None]) ** 2
        means: np.ndarray = np.exp(weights + xlogy(total, rate) + xlog1py(trials - total, -rate)) @ values
        return means

    grid = np.linspace(0, math.pi / 2, max(64, round(math.pi * _POINTS_PER_DEVIATION * math.sqrt(trials))))
    best = int(np.argmax(coarse := np.concatenate([mean(part) for part in np.array_split(grid, len(grid) // 64)])))
    low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    for _ in range(_SECTIONS):
        inner = low + (high - low) * np.array([0.381966, 0.618034])
        left, right = mean(inner)
        low, high = (low, inner[1]) if left > right else (inner[0], high)
    return float(max(coarse[best], mean(np.array([(low + high) / 2]))[0]))


def _log_choose(n: int) -> np.ndarray:
    """(n + 1,): the logarithm of choose(n, k) for every k."""
    k = np.arange(n + 1)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def miettinen_nurminen(successes_a: int, n_a: int, successes_b: int, n_b: int, confidence: float = 0.95) -> Interval:
    """Interval of (success rate of A) - (success rate of B), within [-1, 1]: what a score test does not reject."""
    check_counts(successes_a, n_a)
    check_counts(successes_b, n_b)
    z = normal_quantile(check_confidence(confidence))
    low = _lower_end(successes_a, n_a, successes_b, n_b, z)
    return Interval(low, -_lower_end(successes_b, n_b, successes_a, n_a, z))


def _lower_end(successes_a: int, n_a: int, successes_b: int, n_b: int, z: float) -> float:
    """The difference below the estimate at which the score is z."""
    estimate = successes_a / n_a - successes_b / n_b

    def is_rejected(difference: float) -> bool:
        return estimate - difference > z * math.sqrt(_variance(successes_a, n_a, successes_b, n_b, difference))

    return lower_end(estimate, is_rejected)


def _variance(successes_a: int, n_a: int, successes_b: int, n_b: int, difference: float) -> float:
    """Variance of the estimated difference if the true one is `difference` and the rates are as likely as can be.

    The rate of B is the root of a cubic (the derivative of the likelihood), in closed form by an angle.
    """
    n, successes = n_a + n_b, successes_a + successes_b
    c2 = ((n_a + 2 * n_b) * difference - n - successes) / (3 * n)
    c1 = ((n_b * difference - n - 2 * successes_b) * difference + successes) / (3 * n)
    c0 = successes_b * difference * (1 - difference) / (2 * n)
    q = c2**3 - 1.5 * c1 * c2 + c0
    p = math.copysign(math.sqrt(max(0.0, c2 * c2 - c1)), q)
    cosine = max(-1.0, min(1.0, q / p**3)) if p else 0.0
    rate_b = 2 * p * math.cos((math.pi + math.acos(cosine)) / 3) - c2
    rate_b = min(max(rate_b, 0.0, -difference), 1.0, 1.0 - difference)
    rate_a = rate_b + difference
    variance = rate_a * (1 - rate_a) / n_a + rate_b * (1 - rate_b) / n_b
    return max(0.0, variance) * n / (n - 1)
