"""Episodes of numbers alone, on their way into a dataset without having been on disk: thousands take seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa


def table_of(vectors: Mapping[str, np.ndarray]) -> dict[str, pa.Array]:
    """Columns of a table from (frames, n) float32 arrays: a single number as itself, several as a list."""
    columns = {}
    for name, values in vectors.items():
        flat, width = pa.array(values.ravel()), values.shape[1]
        columns[name] = flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)
    return columns


@dataclass(frozen=True)
class HeldEpisode:
    """An episode that `assemble` takes as it takes one that was staged.

    vectors   feature -> (frames, n) float32, in the order of the form's features, of which none is a camera
    """

    task: str
    vectors: Mapping[str, np.ndarray]
    histograms: Mapping[str, tuple[np.ndarray, int]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many frames it has."""
        return len(next(iter(self.vectors.values())))

    @property
    def bytes(self) -> int:
        """About what its rows will take on disk: numbers hardly shrink."""
        return sum(values.nbytes for values in self.vectors.values())

    def rows(self) -> pa.Table:
        """The table of its frames, without the columns that number them."""
        return pa.table(table_of(self.vectors))

    def video(self, camera: str) -> Path:
        """It has none."""
        raise ValueError(f"an episode held in memory has no video of `{camera}`")
