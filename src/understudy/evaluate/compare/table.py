"""A comparison as a person reads it: who solved how many, the difference, its interval, and what would decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from understudy.core.power import POWER
from understudy.core.stats import Interval

from ..published import beside
from .document import sides_of, task_of
from .pair import Comparison
from .protocols import table as protocol_table
from .sides import Side

_SHOWN_SEEDS = 12


def table(comparisons: Sequence[Comparison], differing: Mapping[str, Sequence[Any]]) -> str:
    """The whole answer, several lines."""
    sides, confidence = sides_of(comparisons), comparisons[0].confidence
    lines = [*_unequal(sides, differing), *_sides(sides, confidence)]
    for result in comparisons:
        lines += ["", *_pair(result, corrected=len(comparisons) > 1)]
    if len(comparisons) > 1:
        lines += ["", f"p-values are corrected for {len(comparisons)} comparisons (Holm); each interval stands alone"]
    return "\n".join([*lines, *_published(sides, confidence)])


def _unequal(sides: Sequence[Side], differing: Mapping[str, Sequence[Any]]) -> list[str]:
    if not differing:
        return []
    columns = [side.letter for side in sides for _ in side.evaluations]
    return ["compared although the protocols differ:", *protocol_table(differing, columns), ""]


def _sides(sides: Sequence[Side], confidence: float) -> list[str]:
    width = max(len("policy"), *(len(side.name) for side in sides))
    lines = [f"     {'policy':<{width}}  {'k/n':>9}  {'success':>8}  {confidence * 100:g} % interval (exact)"]
    for side in sides:
        interval = side.interval(confidence)
        told = _percent(interval) if interval else _by_training_seed(side)
        counts = f"{side.successes}/{side.n}"
        lines.append(f"  {side.letter}  {side.name:<{width}}  {counts:>9}  {side.rate * 100:>6.1f} %  {told}")
    return lines


def _by_training_seed(side: Side) -> str:
    return "by training seed: " + " ".join(f"{each.successes}/{each.n}" for each in side.evaluations)


def _pair(result: Comparison, *, corrected: bool) -> list[str]:
    a, b = result.a.letter, result.b.letter
    interval_method, test = result.methods
    low, high = result.interval.low * 100, result.interval.high * 100
    p_value = f"p = {result.p_value:.2g}" + (f", corrected {result.adjusted:.2g}" if corrected else "")
    return [
        f"{a} - {b}: {result.difference * 100:+.1f} points, {result.confidence * 100:g} % interval "
        f"[{low:+.1f}, {high:+.1f}] ({interval_method})",
        f"  {p_value} ({test}), {_what_was_compared(result)}",
        *_discordant(result),
        *_early(result),
        *(f"  {line}" for line in _verdict(result)),
    ]


def _what_was_compared(result: Comparison) -> str:
    if not result.paired:
        return "no seed in common"
    episodes = f"{len(result.seeds)} episodes with equal seeds"
    left_out = len(result.a.seeds) + len(result.b.seeds) - 2 * len(result.seeds)
    return episodes + (f" ({left_out} more without a partner are left out)" if left_out else "")


def _discordant(result: Comparison) -> list[str]:
    if result.design != "paired":
        return []
    lines = []
    for letter, seeds in ((result.a.letter, result.only_a), (result.b.letter, result.only_b)):
        shown = " ".join(map(str, seeds[:_SHOWN_SEEDS])) + (" ..." if len(seeds) > _SHOWN_SEEDS else "")
        lines.append(f"  only {letter} solved {len(seeds)}{': seeds ' + shown if seeds else ''}")
    return lines


def _early(result: Comparison) -> list[str]:
    test = result.early
    if test is None:
        return []
    if test.winner is None:
        return [
            f"  read one by one, {test.pairs} pairs of episodes do not decide it (error rate {test.alpha:.2g} kept)"
        ]
    winner = result.a.letter if test.winner == "a" else result.b.letter
    return [
        f"  read one by one, it was decided for {winner} after {test.decided_after} of {test.pairs} pairs of episodes "
        f"(error rate {test.alpha:.2g} kept)"
    ]


def _verdict(result: Comparison) -> list[str]:
    if result.verdict != "undecided":
        return [f"verdict: {result.verdict} is better"]
    lines = ["verdict: undecided"]
    if 0.0 not in result.interval:
        lines.append("the interval leaves out 0, but only just: the exact test does not reject it")
    if result.design.startswith("training"):
        if needed := result.training_seeds_to_decide:
            lines.append(f"to tell a difference like this apart you need about {needed:,} training seeds of each")
        return lines
    n = len(result.seeds) if result.paired else min(result.a.n, result.b.n)
    lines[0] += f": your n = {n} cannot tell these apart"
    if needed := result.episodes_to_decide:
        lines.append(f"to tell a difference like this apart you need about {needed:,} episodes of each")
    if result.smallest_difference is not None:
        lines.append(f"with {n} episodes a difference of {result.smallest_difference * 100:.0f} points would be told")
    if len(lines) > 1:
        lines.append(f"(in {100 * POWER:g} % of cases, at an error rate of {1 - result.confidence:.2g})")
    return lines


def _published(sides: Sequence[Side], confidence: float) -> list[str]:
    """What was published for each task that was evaluated, once per task."""
    lines = []
    singles = [side for side in sides if len(side.evaluations) == 1]
    for task in dict.fromkeys(task_of(side) for side in singles):
        of_task = [side for side in singles if task_of(side) == task]
        results = {side.letter: (side.successes, side.n) for side in of_task}
        found = beside(task, results, confidence=confidence, protocol=of_task[0].protocol) if task else []
        lines += ["", f"published for {task}:", *found] if found else []
    return lines


def _percent(interval: Interval) -> str:
    return f"[{interval.low * 100:.1f}, {interval.high * 100:.1f}] %"
