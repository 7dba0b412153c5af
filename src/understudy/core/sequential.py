"""Compare two policies while they run, and stop as soon as it is clear, with the error rate kept.

Looking after every episode and stopping at p < 0.05 declares a winner far too often between equal policies. Here the
evidence is a bet: one starts with 1 and stakes it on each pair of episodes that tells the policies apart, which under
equal policies is a fair coin. Such a fortune exceeds 1 / alpha at any time with probability at most alpha (Ville's
inequality), so stopping then is right however often one looks, and no number of episodes has to be planned.

The bet is a mixture over all coins (Robbins, Annals of Mathematical Statistics 41, 1970). With k of m pairs for A the
fortune is

    2^m / ((m + 1) choose(m, k))

    test = SequentialTest(alpha=0.05)
    for a, b in pairs:
        if test.update(a, b):
            break
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .errors import ConfigError

Winner = Literal["a", "b"]


@dataclass
class SequentialTest:
    """Which of two policies succeeds more often, told as early as the evidence allows.

    `update` it with the outcomes of one pair of episodes after the other: the same seed for both, or the i-th of each;
    their order must not depend on the outcomes. A decision, once reached, stays.

    alpha           probability of naming a winner, ever, if both are equally good
    pairs           how many pairs were seen
    only_a, only_b  how many of them one policy solved alone
    winner          "a", "b", or None: not decided yet
    decided_after   the number of pairs after which it was decided
    """

    alpha: float = 0.05
    pairs: int = 0
    only_a: int = 0
    only_b: int = 0
    winner: Winner | None = None
    decided_after: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ConfigError(f"an error rate of {self.alpha:g} is not between 0 and 1", hint="0.05 is usual")

    def update(self, a_success: bool, b_success: bool) -> Winner | None:
        """Count one more pair; the winner if it is decided, now or before."""
        self.pairs += 1
        self.only_a += bool(a_success) and not b_success
        self.only_b += bool(b_success) and not a_success
        if self.winner is None and self.log_evidence >= -math.log(self.alpha):
            self.winner = "a" if self.only_a > self.only_b else "b"
            self.decided_after = self.pairs
        return self.winner

    @property
    def log_evidence(self) -> float:
        """Natural logarithm of the fortune, 0 at the start; a decision needs log(1 / alpha)."""
        return log_evidence(self.only_a, self.only_b)


def log_evidence(only_a: int, only_b: int) -> float:
    """Natural logarithm of the evidence that `only_a` against `only_b` is no fair coin."""
    m = only_a + only_b
    choose = math.lgamma(m + 1) - (math.lgamma(only_a + 1) + math.lgamma(only_b + 1))
    return m * math.log(2) - math.log(m + 1) - choose
