"""Two policies on the same episodes: only those that one of them solved and the other did not tell them apart.

Of n seeds, `only_a` were solved by A alone and `only_b` by B alone; on the others both did the same.

- difference: Tango's score interval (Statistics in Medicine 17, 1998). It is not exact: enumerated over all outcomes
  its coverage stays near the stated confidence, a little above or below (docs/concepts/statistics.md has the table).
  Unlike Wald's it works with few episodes and with none that differ.
- test: McNemar's, exact. Under equal policies a seed that one of them solved was as likely A's as B's: a fair coin.
"""

from __future__ import annotations

import math

from .errors import ConfigError
from .score_interval import lower_end
from .stats import Interval, check_confidence, normal_quantile


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of "both are equally good": McNemar's test by the binomial distribution.

    1 if no seed tells them apart.
    """
    from scipy.special import bdtr

    _check_pair(only_a, only_b, only_a + only_b)
    if only_a == only_b:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """The same with what was seen itself counted half: less cautious, on average right, not guaranteed.

    Fagerland, Lydersen and Laake (BMC Medical Research Methodology 13, 2013) recommend it where no guarantee is needed.
    """
    differing = only_a + only_b
    return (
        mcnemar(only_a, only_b) - math.comb(differing, only_a) / 2**differing if only_a != only_b else _middle(only_a)
    )


def _middle(half: int) -> float:
    """Mid-p of the outcome in the very middle, where both tails meet: 1 less half of its probability each side."""
    return 1 - math.comb(2 * half, half) / 2 ** (2 * half) / 2 if half else 1.0


def tango(only_a: int, only_b: int, n: int, confidence: float = 0.95) -> Interval:
    """Interval of (success rate of A) - (success rate of B), on `n` common episodes; each end is within [-1, 1].

    It holds the differences that a score test at the same confidence does not reject. Raises ConfigError for counts
    that cannot be.
    """
    _check_pair(only_a, only_b, n)
    if n < 1:
        raise ConfigError("no common episodes, so nothing can be said about a difference")
    z = normal_quantile(check_confidence(confidence))
    # the upper end is the lower one of B - A: swapping the policies turns the sign to the last digit
    return Interval(_lower_end(only_a, only_b, n, z), -_lower_end(only_b, only_a, n, z))


def _lower_end(only_a: int, only_b: int, n: int, z: float) -> float:
    """The difference below the estimate at which the score is z: the score falls with the difference."""

    def is_rejected(difference: float) -> bool:
        excess = only_a - only_b - n * difference
        return excess > z * math.sqrt(_variance(only_a, only_b, n, difference))

    return lower_end((only_a - only_b) / n, is_rejected)


def _variance(only_a: int, only_b: int, n: int, difference: float) -> float:
    """Variance of only_a - only_b if the true difference is `difference` and the rest is as likely as can be.

    The probability of "only B" is the larger root of Tango's quadratic, the maximum of the likelihood.
    """
    linear = -only_a - only_b + (2 * n - only_a + only_b) * difference
    constant = -only_b * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    rate = (root - linear) / (4 * n)
    return max(0.0, n * (2 * rate + difference * (1 - difference)))


def _check_pair(only_a: int, only_b: int, n: int) -> None:
    if min(only_a, only_b) < 0 or only_a + only_b > n:
        raise ConfigError(f"{only_a} episodes solved by A alone and {only_b} by B alone, of {n}, cannot be")
