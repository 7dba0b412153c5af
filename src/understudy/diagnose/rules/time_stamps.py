"""Time stamps that say that frames came late, were dropped, or came twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed

_LATE, _GAP, _DRIFT = 0.25, 2.5, 0.05


def check(data: DatasetView) -> Iterator[Finding]:
    gaps: list[tuple[int, int, int]] = []
    doubled: list[tuple[int, int, int]] = []
    late, steps, rates = 0, 0, []
    for episode in data.episodes:
        if episode.seconds is None or episode.length < 3:
            continue
        passed = np.diff(episode.seconds) * data.fps
        gaps += [(episode.index, int(f), int(f) + 1) for f in np.flatnonzero(passed > _GAP)]
        doubled += [(episode.index, int(f), int(f) + 1) for f in np.flatnonzero(passed <= 0)]
        late += int((np.abs(passed - 1) > _LATE).sum())
        steps += len(passed)
        rates.append(1 / float(np.mean(passed)) * data.fps if passed.mean() > 0 else np.nan)
    if gaps:
        yield _finding(gaps, "frames were dropped", f"a gap of more than {_GAP:g} frames", data)
    if doubled:
        yield _finding(doubled, "time does not go on", "two frames with one time stamp, or one before the other", data)
    if steps and late > 0.1 * steps:
        yield _jitter(late / steps, data)
    rate = float(np.nanmedian(rates)) if rates else data.fps
    if abs(rate / data.fps - 1) > _DRIFT:
        yield Finding(
            "warning",
            f"recorded at {rate:.2f} frames a second by its time stamps, and said to be {data.fps:g}",
            f"a policy trained on it has to run at {rate:.1f} Hz on the robot, or it moves {data.fps / rate:.2f} "
            "times as fast as the demonstrations",
            {"measured_fps": round(rate, 3), "declared_fps": data.fps},
        )


def _finding(spots: list[tuple[int, int, int]], what: str, how: str, data: DatasetView) -> Finding:
    found = sorted({episode for episode, _, _ in spots})
    return Finding(
        "warning",
        f"{what}: {how} at {len(spots)} of {data.frames:,} frames, in {listed(found)}",
        "the movement jumps there; leave the episodes out where it matters, and look at the load of the computer that "
        "records",
        {"spots": len(spots)},
        tuple(found),
        tuple(spots[:50]),
    )


def _jitter(share: float, data: DatasetView) -> Finding:
    return Finding(
        "note",
        f"{share:.0%} of the steps last a quarter longer or shorter than 1/{data.fps:g} s",
        "frames are found by their number, so training is right; the speeds that the policy sees vary with the clock",
        {"share": round(share, 3)},
    )


RULE = Rule(
    "time_stamps", Looks.DATASET, check, source="huggingface/lerobot threads 933, 1875, 2364, 2627; a Dobot CR5's set"
)
