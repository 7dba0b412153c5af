"""Where episodes begin in a shared video file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.core.errors import DataError
from understudy.data.episodes import Clip, Entry
from understudy.data.spans import first_frames
from understudy.data.tree import Place

FPS = 30.0


def entry(index: int, length: int, first: float, end: float, file: int = 0) -> Entry:
    """An episode whose clip lasts from frame `first` to frame `end` of a file, by the table."""
    return Entry(index, length, (), Place(), {"cam": Clip(Place(0, file), first / FPS, end / FPS)})


def starts(entries: list[Entry], loaded: set[int] | None = None) -> dict[int, int]:
    return first_frames(entries, loaded or {e.index for e in entries}, "cam", FPS, "here")[0]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40), st.floats(-0.004, 0.004))
def test_clips_that_follow_each_other_are_counted_however_far_their_times_drift(
    lengths: list[int], drift: float
) -> None:
    entries, begin = [], 0.0
    for index, length in enumerate(lengths):
        end = begin + length * (1 + drift) if abs(length * drift) < 0.5 else begin + length
        entries.append(entry(index, length, begin, end))
        begin = end
    expected = {index: sum(lengths[:index]) for index in range(len(lengths))}
    assert starts(entries) == expected


def test_a_gap_is_kept_where_an_episode_was_cut_out() -> None:
    entries = [entry(0, 10, 0, 10), entry(2, 5, 30, 35), entry(3, 4, 35, 39)]
    assert starts(entries) == {0: 0, 2: 30, 3: 35}


def test_every_file_counts_from_zero() -> None:
    entries = [entry(0, 10, 0, 10), entry(1, 5, 0, 5, file=1), entry(2, 4, 10, 14)]
    assert starts(entries) == {0: 0, 1: 0, 2: 10}


def test_episodes_of_a_file_may_be_in_any_order() -> None:
    entries = [entry(0, 10, 5, 15), entry(1, 5, 0, 5)]
    assert starts(entries) == {1: 0, 0: 5}


def test_a_wrong_clip_that_is_not_loaded_does_not_shift_those_after_it() -> None:
    entries = [entry(0, 10, 0, 10), entry(1, 7, 10, 30), entry(2, 5, 30, 35)]
    assert starts(entries, loaded={0, 2}) == {0: 0, 1: 10, 2: 30}
    with pytest.raises(DataError, match=r"episode 1 lasts 20\.0 frames"):
        starts(entries)


def test_drift_is_reported_once_with_the_worst_episode() -> None:
    entries = [entry(0, 10, 0, 10.3), entry(1, 10, 10.3, 20.6), entry(2, 10, 20.6, 30.9)]
    _, notes = first_frames(entries, {0, 1, 2}, "cam", FPS, "here")
    assert len(notes) == 1
    assert "up to 0.6 frames (episode 2)" in notes[0]
