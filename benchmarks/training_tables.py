"""The tables of training side by side: what each variant did, and ratios taken within a round.

Two comparisons stand beside each other: both programs in fp32, and Understudy as it comes (its `default` setting)
beside every setting of LeRobot's, the fastest of which is its best.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from roofline_tables import limits_of, step_flop
from tables import Document, Record, cell, markdown

Measure = Callable[[Record], float | None]
Rounds = dict[int, Record]


class VariantId(NamedTuple):
    """What tells the columns apart; the order of its fields is the order of the columns."""

    side: str
    first_time: bool
    setting: str
    workers: int

    @property
    def title(self) -> str:
        if self.side == "lerobot":
            return f"LeRobot {self.setting}, {self.workers} workers"
        return f"Understudy {self.setting}" + (", new dataset" if self.first_time else "")


KNOWN, KNOWN_FP32 = VariantId("understudy", False, "default", 0), VariantId("understudy", False, "fp32", 0)
NEW = VariantId("understudy", True, "default", 0)


def steps_per_second(record: Record) -> float | None:
    """Of the median step; None for a run too short to have a pace."""
    seconds = pace("step_s")(record)
    return None if seconds is None else 1 / seconds


def first_step(record: Record) -> float | None:
    """Seconds from launch to the first step's line."""
    seconds: float = record["first_step_s"]
    return seconds


def pace(name: str, scale: float = 1.0) -> Measure:
    """A field of `training_log.Pace`, None for a run too short to have one."""
    return lambda record: scale * record["pace"][name] if "pace" in record else None


def gigabytes(kind: str) -> Measure:
    """A field of `watched_process.PeakMemory` in GB, None where it could not be known."""
    return lambda record: None if record["memory"][kind] is None else record["memory"][kind] / 1e9


# what is shown, how it is read from a record, how it is written
_ROWS: tuple[tuple[str, Measure, str], ...] = (
    ("steps per second", steps_per_second, ".3f"),
    ("seconds per step, median", pace("step_s"), ".3f"),
    ("seconds per step, 10th percentile", pace("low_s"), ".3f"),
    ("seconds per step, 90th percentile", pace("high_s"), ".3f"),
    ("seconds between step lines, from outside", pace("outside_s"), ".3f"),
    ("waiting for data, % of a step", pace("data_share", 100), ".2f"),
    ("launch to first step, s", first_step, ".1f"),
    ("peak memory of all processes (RSS), GB", gigabytes("rss"), ".2f"),
    ("the same, shared pages divided (PSS), GB", gigabytes("pss"), ".2f"),
    ("of that, not mapped from files, GB", gigabytes("without_files"), ".2f"),
)
# what is compared, in which of Understudy's runs (on the dataset it knows, or new to it), and whether more is better
_RATIOS: tuple[tuple[str, bool, Measure, bool], ...] = (
    ("steps per second: Understudy / LeRobot", False, steps_per_second, True),
    ("launch to first step: LeRobot / Understudy, known dataset", False, first_step, False),
    ("launch to first step: LeRobot / Understudy, new dataset", True, first_step, False),
    ("peak RSS: Understudy / LeRobot", False, gigabytes("rss"), True),
    ("peak PSS: Understudy / LeRobot", False, gigabytes("pss"), True),
    ("peak not mapped from files: Understudy / LeRobot", False, gigabytes("without_files"), True),
)


def training_tables(document: Document, recording: str) -> str:
    """All tables of one recording, and a line for each run that failed."""
    runs = runs_of(document, recording)
    parts = [_table(document, recording, runs)] if runs else []
    theirs = [v for v in runs if v.side == "lerobot"]
    equal = [v for v in theirs if v.setting == "fp32"]
    if KNOWN_FP32 in runs and equal:
        parts.append(_ratio_table("fp32 on both sides, round by round", runs, KNOWN_FP32, equal))
    if KNOWN in runs and theirs:
        parts.append(_ratio_table("Understudy as it comes, round by round", runs, KNOWN, theirs))
    if not theirs or not any(v.side == "understudy" for v in runs):
        parts.append(f"No ratios: there is no measurement of {'Understudy' if theirs else 'LeRobot'}.")
    others = [v for v in runs if v.side == "understudy" and not v.first_time and v.setting not in ("fp32", "default")]
    if others and KNOWN in runs:
        ours = [cell(ratios(runs[KNOWN], runs[v], steps_per_second, ours_first=True), ".2f") for v in others]
        title = "Understudy's settings, round by round"
        parts.append(markdown([title, *(v.title for v in others)], [["steps per second: default / this", *ours]]))
    parts += [
        f"Failed: {variant_of(record).title}, round {record['key']['round'] + 1}: {record['failed']}"
        for record in _records(document, recording)
        if "failed" in record
    ]
    return "\n\n".join(parts)


def runs_of(document: Document, recording: str) -> dict[VariantId, Rounds]:
    """The runs of a recording that did not fail, by variant and round, in the order of the columns."""
    runs: dict[VariantId, Rounds] = {}
    for record in _records(document, recording):
        if "failed" not in record:
            runs.setdefault(variant_of(record), {})[record["key"]["round"]] = record
    return {variant: runs[variant] for variant in sorted(runs)}


def fastest(runs: dict[VariantId, Rounds], among: Iterable[VariantId]) -> VariantId | None:
    """The variant whose median seconds per step are the least, None if none has a pace."""
    seconds = {
        variant: statistics.median(times)
        for variant in among
        if (times := [r["pace"]["step_s"] for r in runs[variant].values() if "pace" in r])
    }
    return min(seconds, key=lambda variant: seconds[variant]) if seconds else None


def ratios(ours: Rounds, theirs: Rounds, measure: Measure, ours_first: bool) -> list[float]:
    """One ratio for each round that both have; `ours_first`: ours is the numerator."""
    found = []
    for number in sorted(ours.keys() & theirs.keys()):
        mine, other = measure(ours[number]), measure(theirs[number])
        if mine is not None and other is not None:
            found.append(mine / other if ours_first else other / mine)
    return found


def variant_of(record: Record) -> VariantId:
    """The column that a record belongs to."""
    variant = record["key"]["variant"]
    return VariantId(variant["side"], variant["first_time"], variant["setting"], variant["workers"])


def recordings_of(document: Document, benchmark: str) -> list[str]:
    """The recordings that a benchmark has records of, small pictures first."""
    names = {r["key"]["recording"] for r in document["records"] if r["key"]["benchmark"] == benchmark}
    return sorted(names, key=lambda name: (len(name), name))


def _records(document: Document, recording: str) -> list[Record]:
    wanted = ("side_by_side", recording)
    return [r for r in document["records"] if (r["key"]["benchmark"], r["key"].get("recording")) == wanted]


def _table(document: Document, recording: str, runs: dict[VariantId, Rounds]) -> str:
    rows = [
        [label, *(cell([measure(r) for r in rounds.values()], form) for rounds in runs.values())]
        for label, measure, form in (*_ROWS, *_peak_row(document, recording))
    ]
    return markdown(["", *(variant.title for variant in runs)], rows)


def _peak_row(document: Document, recording: str) -> list[tuple[str, Measure, str]]:
    """How much of the machine's greatest matmul rate a step reaches; the same arithmetic is counted for everybody."""
    limits = limits_of(document)
    if limits is None:
        return []
    seconds_at_peak = step_flop(recording) / max(limits["peak"].values())

    def share(record: Record) -> float | None:
        rate = steps_per_second(record)
        return None if rate is None else 100 * seconds_at_peak * rate

    return [("the step's arithmetic, % of the machine's matmul peak", share, ".0f")]


def _ratio_table(title: str, runs: dict[VariantId, Rounds], known: VariantId, theirs: Sequence[VariantId]) -> str:
    best = fastest(runs, theirs)
    header = [title, *(v.title + (" (its best)" if v == best else "") for v in theirs)]
    rows = []
    for label, first_time, measure, ours_first in _RATIOS:
        ours = NEW if first_time else known
        if first_time and known != KNOWN:
            continue  # a dataset new to Understudy is measured as it comes alone
        rows.append([label, *(cell(ratios(runs.get(ours, {}), runs[v], measure, ours_first), ".2f") for v in theirs)])
    return markdown(header, rows)
