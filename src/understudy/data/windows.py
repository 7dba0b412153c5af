"""Windows: rows -> Batch, by indexing whole arrays. No work per sample, no worker process.

A window is what the policy sees at one frame and the actions at `action_offsets` from it. Where an offset leaves the
episode, its first or last action is repeated and marked as padding (LeRobot's rule: clamp to [start, end), pad where
the clamp changed something).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from understudy.core.errors import DataError

from .frame_device import DeviceFrames
from .spec import Batch, FeatureType

if TYPE_CHECKING:
    from .frames import Frames
    from .lerobot import Dataset
    from .seen_store import SeenFrames


class Windows:
    """Cuts windows out of `dataset`, taking pictures from `frames`.

    action_offsets   frames from the window's own, negative ones lie in the past: (0, 1, ..., chunk - 1) for a chunk
    cameras          which of the dataset's cameras to gather
    seen             what a policy has made of every frame already: gathered instead of the pictures
    Raises DataError when the dataset has no actions.
    """

    def __init__(
        self,
        dataset: Dataset,
        frames: Frames | None,
        *,
        action_offsets: Sequence[int],
        cameras: Sequence[str],
        seen: SeenFrames | None = None,
    ) -> None:
        if "action" not in dataset.columns:
            raise DataError(
                "the dataset has no `action`, so there is nothing to learn from it",
                where=str(dataset.root),
                hint='if the actions have another name, give it with --rename_map=\'{"NAME": "action"}\'',
            )
        assert frames is not None or not cameras, "cameras need frames"
        self.frames = frames
        self.cameras = list(cameras)
        self._seen = seen
        self.offsets = np.asarray(action_offsets, dtype=np.int64)
        self._action = dataset.columns["action"]
        self._vectors = {
            name: dataset.columns[name]
            for name, feature in dataset.spec.inputs().items()
            if feature.type is not FeatureType.VISUAL
        }
        starts = np.array([episode.start for episode in dataset.episodes], dtype=np.int64)
        ends = starts + np.array([episode.length for episode in dataset.episodes], dtype=np.int64)
        self._start_of_row = starts[dataset.episode_of_row]
        self._end_of_row = ends[dataset.episode_of_row]
        self._tasks = np.array(dataset.tasks, dtype=object)
        self._task_of_row = dataset.task_of_row

    def gather(self, rows: np.ndarray, *, shared: np.ndarray | None = None) -> Batch:
        """The windows at `rows` (B,) of the loaded dataset; see Batch for shapes and units.

        They are on the CPU, but for the pictures of frames that are held on a device.

        shared   the rows of all that make an update together, where `rows` are one equal part of it
        """
        rows = np.asarray(rows, dtype=np.int64)
        observation = {name: _tensor(column, rows) for name, column in self._vectors.items()}
        if self._seen is not None:
            observation |= {name: self._seen.gather(name, rows) for name in self._seen.names}
        else:
            observation |= {camera: self._pictures(camera, rows) for camera in self.cameras}
        action, is_pad = self.actions(rows)
        return Batch(
            observation=observation,
            action=action,
            action_is_pad=is_pad,
            task=self._tasks[self._task_of_row[rows]].tolist(),
            rows=rows,
            valid_steps=None if shared is None else self._valid_steps(shared, len(shared) // len(rows)),
        )

    def actions(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """What the windows at `rows` hold of actions alone: (B, S, A), and (B, S) true where one is padding."""
        wanted = rows[:, None] + self.offsets
        start, end = self._start_of_row[rows, None], self._end_of_row[rows, None]
        is_pad = (wanted < start) | (wanted >= end)
        return _tensor(self._action, np.clip(wanted, start, end - 1)), torch.from_numpy(is_pad)

    def _valid_steps(self, rows: np.ndarray, parts: int) -> torch.Tensor:
        """How many actions of the windows at `rows` lie inside their episode, divided by `parts`."""
        wanted = rows[:, None] + self.offsets
        inside = (wanted >= self._start_of_row[rows, None]) & (wanted < self._end_of_row[rows, None])
        return torch.tensor(np.count_nonzero(inside) / parts, dtype=torch.float32)

    def _pictures(self, camera: str, rows: np.ndarray) -> torch.Tensor:
        """The frames at `rows` (B,): (B, 3, h, w) uint8, a view of the gathered (B, h, w, 3), torch's channels-last."""
        assert self.frames is not None
        if isinstance(self.frames, DeviceFrames):
            return self.frames.tensor(camera, rows).permute(0, 3, 1, 2)
        return torch.from_numpy(self.frames.gather(camera, rows)).permute(0, 3, 1, 2)


def _tensor(column: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """The rows of a float32 column (N, n) as a tensor rows.shape + (n,): one copy, made by the gather."""
    return torch.from_numpy(np.take(column, rows, axis=0))
