"""Comparison: two sides, the difference of their success rates, and whether it is more than chance.

    seeds in common       paired: Tango's interval, McNemar's exact test
    none in common        unpaired: Miettinen and Nurminen's interval, Boschloo's exact test
    several evaluations   over training seeds: t interval and test with two crossed sources of chance

A verdict needs both: a p-value below 1 - confidence, and an interval without 0. The tests keep the error rate; the
intervals, of another construction, must not contradict them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from understudy.core import paired, power, unpaired
from understudy.core.errors import ConfigError
from understudy.core.sequential import SequentialTest
from understudy.core.stats import Interval, holm
from understudy.core.training_seeds import over_training_seeds

from .sides import Side

Design = Literal["paired", "unpaired", "training seeds, paired", "training seeds, unpaired"]

_METHODS = {
    "paired": ("Tango's score interval", "McNemar's exact test"),
    "unpaired": ("Miettinen and Nurminen's score interval", "Boschloo's exact test"),
    "training seeds": ("t interval over training seeds and episodes", "t test over training seeds and episodes"),
}


@dataclass(frozen=True)
class Comparison:
    """What is known of a - b.

    seeds                     that both sides have, in order; only these count if `paired`
    only_a, only_b            seeds that one side alone solved; empty unless paired with one evaluation each
    p_value                   as the test gives it; `adjusted` is made larger for the number of comparisons
    episodes_to_decide        about how many episodes of each policy tell a difference like the one seen, at power 0.8
    smallest_difference       what the episodes at hand tell at power 0.8; None if nothing
    training_seeds_to_decide  the same for the number of training seeds
    early                     what the sequential test said, if it was asked for
    """

    a: Side
    b: Side
    design: Design
    confidence: float
    seeds: list[int]
    difference: float
    interval: Interval
    p_value: float
    adjusted: float
    only_a: list[int]
    only_b: list[int]
    mid_p: float | None = None
    episodes_to_decide: int | None = None
    smallest_difference: float | None = None
    training_seeds_to_decide: int | None = None
    early: SequentialTest | None = None

    @property
    def paired(self) -> bool:
        """Whether the same episodes are compared."""
        return not self.design.endswith("unpaired")

    @property
    def methods(self) -> tuple[str, str]:
        """Names of the interval and the test."""
        return _METHODS[self.design.split(",")[0]]

    @property
    def verdict(self) -> str:
        """The letter of the better side, or "undecided"."""
        if self.adjusted >= 1 - self.confidence or 0.0 in self.interval:
            return "undecided"
        return self.a.letter if self.difference > 0 else self.b.letter


def compare(
    a: Side, b: Side, confidence: float = 0.95, *, sequential: bool = False, comparisons: int = 1
) -> Comparison:
    """Compare two sides.

    sequential    also read the pairs of episodes one after the other, and say when it would have been decided
    comparisons   among how many this is one: shares the sequential test's error rate

    Raises ConfigError: several training seeds on one side only, or together with `sequential`.
    """
    several = [len(side.evaluations) > 1 for side in (a, b)]
    if any(several):
        if not all(several):
            raise ConfigError(
                "one side has several training seeds and the other one: they cannot be compared",
                hint="name as many as there are on both sides, separated by commas, or a single one on each",
            )
        if sequential:
            raise ConfigError("--sequential compares two policies, not several training seeds of each")
        return _over_seeds(a, b, confidence)
    common = sorted(set(a.seeds) & set(b.seeds))
    result = _paired(a, b, common, confidence) if common else _unpaired(a, b, confidence)
    return replace(result, early=_read_on(result, comparisons)) if sequential else result


def compare_all(sides: Sequence[Side], confidence: float = 0.95, *, sequential: bool = False) -> list[Comparison]:
    """Every pair of sides; with three or more, p-values corrected after Holm."""
    pairs = list(combinations(sides, 2))
    results = [compare(a, b, confidence, sequential=sequential, comparisons=len(pairs)) for a, b in pairs]
    corrected = holm([result.p_value for result in results])
    return [replace(result, adjusted=value) for result, value in zip(results, corrected, strict=True)]


def _paired(a: Side, b: Side, seeds: list[int], confidence: float) -> Comparison:
    in_a, in_b = a.at(seeds)[0], b.at(seeds)[0]
    only_a = [seed for seed, x, y in zip(seeds, in_a, in_b, strict=True) if x and not y]
    only_b = [seed for seed, x, y in zip(seeds, in_a, in_b, strict=True) if y and not x]
    n, alpha = len(seeds), 1 - confidence
    shares = len(only_a) / n, len(only_b) / n
    p_value = paired.mcnemar(len(only_a), len(only_b))
    return Comparison(
        a,
        b,
        "paired",
        confidence,
        seeds,
        difference=(len(only_a) - len(only_b)) / n,
        interval=paired.tango(len(only_a), len(only_b), n, confidence),
        p_value=p_value,
        adjusted=p_value,
        only_a=only_a,
        only_b=only_b,
        mid_p=paired.mcnemar_mid_p(len(only_a), len(only_b)),
        episodes_to_decide=power.paired_episodes(*shares, alpha=alpha),
        smallest_difference=power.smallest_paired_difference(sum(shares), n, alpha=alpha),
    )


def _unpaired(a: Side, b: Side, confidence: float) -> Comparison:
    alpha = 1 - confidence
    p_value = unpaired.boschloo(a.successes, a.n, b.successes, b.n)
    return Comparison(
        a,
        b,
        "unpaired",
        confidence,
        [],
        difference=a.rate - b.rate,
        interval=unpaired.miettinen_nurminen(a.successes, a.n, b.successes, b.n, confidence),
        p_value=p_value,
        adjusted=p_value,
        only_a=[],
        only_b=[],
        episodes_to_decide=power.unpaired_episodes(a.rate, b.rate, alpha=alpha),
        smallest_difference=power.smallest_unpaired_difference((a.rate + b.rate) / 2, min(a.n, b.n), alpha=alpha),
    )


def _over_seeds(a: Side, b: Side, confidence: float) -> Comparison:
    common = sorted(set(a.seeds) & set(b.seeds))
    tables = (a.at(common), b.at(common)) if common else (a.outcomes, b.outcomes)
    found = over_training_seeds(*tables, paired=bool(common), confidence=confidence)
    spread = [float(table.mean(1).std(ddof=1)) for table in tables]
    return Comparison(
        a,
        b,
        "training seeds, paired" if common else "training seeds, unpaired",
        confidence,
        common,
        difference=found.difference,
        interval=found.interval,
        p_value=found.p_value,
        adjusted=found.p_value,
        only_a=[],
        only_b=[],
        training_seeds_to_decide=power.training_seeds(found.difference, *spread, alpha=1 - confidence),
    )


def _read_on(result: Comparison, comparisons: int) -> SequentialTest:
    """The sequential test over the pairs of episodes in order of seed; unpaired, over the i-th of each side."""
    test = SequentialTest(alpha=(1 - result.confidence) / comparisons)
    a, b = (side.at(result.seeds)[0] if result.paired else side.outcomes[0] for side in (result.a, result.b))
    # the longer side's rest has no partner
    for x, y in zip(a, b, strict=False):
        test.update(bool(x), bool(y))
    return test
