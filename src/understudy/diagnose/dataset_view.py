"""DatasetView: recordings as rules see them: numbers of all episodes, and small pictures of some of their frames.

Every picture is made small before it is kept, so a dataset of any size fits. Of each episode a few pairs of successive
frames are looked at, spread over it; a few episodes are looked at from begin to end, to hold movement in the pictures
against movement of the joints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from understudy.data.spec import STATE, Statistics

from .lerobot_stumbles import lerobot_stumbles

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset

# pictures are averaged down to about this: enough to see where the arm is and how bright it is
THUMBNAIL = (48, 64)
_PAIRS = 4
_MOST_EPISODES = 60  # of which pictures are looked at, spread over the dataset
_WHOLE_EPISODES = 3
_WHOLE_FRAMES = 600


@dataclass(frozen=True)
class Pictures:
    """What one camera saw in one episode.

    frames    (k,) the numbers of the frames looked at: in pairs f, f + 1, or all from 0 on
    small     (k, h, w, 3) uint8, averaged down
    same      (k,) whether the frame is, pixel for pixel and before it was made small, the one before it in `frames`
    whole     whether every frame was looked at
    """

    frames: np.ndarray
    small: np.ndarray
    same: np.ndarray
    whole: bool


@dataclass(frozen=True)
class EpisodeView:
    """One episode.

    state, action   (n, joints) float64 in the dataset's own units; None where the dataset has none
    seconds         (n,) time stamps as recorded; None where there are none
    pictures        camera -> what was looked at; empty for episodes of which no picture was
    """

    index: int
    length: int
    tasks: tuple[str, ...]
    state: np.ndarray | None = None
    action: np.ndarray | None = None
    seconds: np.ndarray | None = None
    pictures: dict[str, Pictures] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetView:
    """A dataset.

    state_names, action_names   of the joints
    deviations                  from LeRobot's format, a line each, read anyway
    stored                      statistics that the dataset brings along; None where it has none
    """

    name: str
    fps: float
    episodes: tuple[EpisodeView, ...]
    state_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    stored: Statistics | None = None

    @property
    def frames(self) -> int:
        """In all episodes."""
        return sum(episode.length for episode in self.episodes)

    def with_state(self) -> list[EpisodeView]:
        """The episodes that have a state."""
        return [episode for episode in self.episodes if episode.state is not None]

    def with_action(self) -> list[EpisodeView]:
        """The episodes that have actions."""
        return [episode for episode in self.episodes if episode.action is not None]

    def commanded(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(state, action) of the episodes in which both have the same entries."""
        both = [(e.state, e.action) for e in self.episodes if e.state is not None and e.action is not None]
        return [(state, action) for state, action in both if state.shape == action.shape]

    def seen(self, camera: str) -> list[tuple[EpisodeView, Pictures]]:
        """The episodes of which pictures of this camera were looked at."""
        return [(e, e.pictures[camera]) for e in self.episodes if camera in e.pictures]


def view_of_dataset(dataset: Dataset, *, pictures: bool = True) -> DatasetView:
    """Look at a dataset.

    pictures   False: at the numbers alone

    Raises DataError where a video cannot be decoded or stored statistics cannot be read.
    """
    state, action, seconds = (dataset.columns.get(name) for name in (STATE, "action", "timestamp"))
    looked_at = set(_spread(len(dataset.episodes), _MOST_EPISODES)) if pictures else set()
    whole = set(_spread(len(dataset.episodes), _WHOLE_EPISODES))
    episodes = []
    for position, episode in enumerate(dataset.episodes):
        rows = slice(episode.start, episode.start + episode.length)
        seen = {}
        for camera in dataset.spec.cameras if position in looked_at else ():
            all_of_it = position in whole and episode.length <= _WHOLE_FRAMES
            seen[camera] = _whole(dataset, camera, position) if all_of_it else _pairs(dataset, camera, position)
        episodes.append(
            EpisodeView(
                episode.index,
                episode.length,
                episode.tasks,
                None if state is None else state[rows].astype(np.float64),
                None if action is None else action[rows].astype(np.float64),
                None if seconds is None else seconds[rows, 0].astype(np.float64),
                seen,
            )
        )
    features = dataset.spec.features
    return DatasetView(
        name=dataset.repo_id,
        fps=dataset.fps,
        episodes=tuple(episodes),
        state_names=features[STATE].names if STATE in features else (),
        action_names=features["action"].names if "action" in features else (),
        cameras=tuple(dataset.spec.cameras),
        deviations=(*dataset.warnings, *lerobot_stumbles(dataset)),
        stored=dataset.own_statistics(),
    )


def small(frame: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8, about THUMBNAIL: means over blocks of equal size, what is left over at the edges cut off."""
    height, width = (max(1, size // most) for size, most in zip(frame.shape[:2], THUMBNAIL, strict=True))
    rows, columns = frame.shape[0] // height, frame.shape[1] // width
    cut = frame[: rows * height, : columns * width]
    blocks: np.ndarray = cut.reshape(rows, height, columns, width, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    return blocks


def _spread(n: int, most: int) -> list[int]:
    """At most `most` of the numbers 0 .. n - 1, first and last among them."""
    return sorted({round(x) for x in np.linspace(0, n - 1, min(n, most))}) if n else []


def _whole(dataset: Dataset, camera: str, position: int) -> Pictures:
    return _pictures(enumerate(dataset.read_frames(camera, position)), whole=True)


def _pairs(dataset: Dataset, camera: str, position: int) -> Pictures:
    episode = dataset.episodes[position]
    last = max(0, episode.length - 2)
    firsts = dict.fromkeys(int(x) for x in np.linspace(0, last, _PAIRS))
    wanted = sorted({f for first in firsts for f in (first, first + 1) if f < episode.length})
    frames = ((number, dataset.read_frame(camera, episode.start + number)) for number in wanted)
    return _pictures(frames, whole=False)


def _pictures(frames: Iterator[tuple[int, np.ndarray]], *, whole: bool) -> Pictures:
    numbers: list[int] = []
    thumbnails, same = [], []
    before: np.ndarray | None = None
    for number, frame in frames:
        same.append(before is not None and number == numbers[-1] + 1 and bool(np.array_equal(frame, before)))
        numbers.append(number)
        thumbnails.append(small(frame))
        before = frame
    return Pictures(np.array(numbers), np.stack(thumbnails), np.array(same), whole)
