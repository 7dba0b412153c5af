"""Where each episode's frames are inside a v3 video file that holds several episodes, as frame numbers.

Unusual: the table gives times, summed from the durations of clips in floating point, and the sum drifts away from the
real frame times. Clips that follow each other without a gap are therefore counted: an episode begins at the frame after
the one before it ended. A time is turned into a frame number only at a gap, where an episode was cut out.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from understudy.core.errors import DataError

from .episodes import Clip, Entry
from .tree import Place


def first_frames(
    entries: Iterable[Entry], loaded: Container[int], key: str, fps: float, where: str
) -> tuple[dict[int, int], list[str]]:
    """Episode index -> number of its first frame in the file of camera `key`, and the deviations met.

    entries   every episode of the dataset, not only those that are loaded: the others take up frames as well
    loaded    indices of the episodes that have to be right

    Raises DataError when a clip's duration is not the episode's length, or clips overlap: then some frames would be
    those of another episode.
    """
    by_file: dict[Place, list[tuple[Entry, Clip]]] = {}
    for entry in entries:
        if key in entry.clips:
            by_file.setdefault(entry.clips[key].place, []).append((entry, entry.clips[key]))
    first: dict[int, int] = {}
    worst_drift, drifted = 0.0, -1
    for shared in by_file.values():
        shared.sort(key=lambda pair: (pair[1].first_s, pair[0].index))
        end_s, end_frame = 0.0, 0
        for entry, clip in shared:
            frames = (clip.end_s - clip.first_s) * fps
            right = abs(frames - entry.length) < 0.5
            gap = (clip.first_s - end_s) * fps
            if entry.index in loaded and not right:
                raise _wrong_duration(entry, clip, key, fps, where)
            if entry.index in loaded and gap <= -0.5:
                raise DataError(
                    f"the video clip of episode {entry.index} begins before the one before it in the same file ends",
                    where=f"{where}, episode {entry.index}, videos/{key}/from_timestamp {clip.first_s:g}",
                    hint="merging tools have written such tables; take the dataset it was merged from",
                )
            first[entry.index] = end_frame if gap < 0.5 else max(end_frame, round(clip.first_s * fps))
            drift = abs(clip.first_s * fps - first[entry.index])
            if drift > worst_drift:
                worst_drift, drifted = drift, entry.index
            end_s, end_frame = clip.end_s, first[entry.index] + (entry.length if right else round(frames))
    notes = []
    if worst_drift >= 0.1:
        notes.append(
            f"the video times of `{key}` drift by up to {worst_drift:.1f} frames (episode {drifted}): frames count"
        )
    return first, notes


def _wrong_duration(entry: Entry, clip: Clip, key: str, fps: float, where: str) -> DataError:
    frames = (clip.end_s - clip.first_s) * fps
    return DataError(
        f"the video clip of episode {entry.index} lasts {frames:.1f} frames at {fps:g} fps; it has {entry.length} rows",
        where=f"{where}, episode {entry.index}, videos/{key}/from_timestamp {clip.first_s:g} to {clip.end_s:g}",
        hint="the table belongs to other videos, or fps in info.json is wrong; to do without this episode: "
        f"--dataset.exclude_episodes='[{entry.index}]'",
    )
