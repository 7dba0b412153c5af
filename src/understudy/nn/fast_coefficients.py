"""FAST without merges: every coefficient of a chunk is one integer, in a range of its own.

    actions (T, A) -> DCT over time -> times `scale` -> nearest integers (half to even), time-frequency major

High frequencies are small, so they need few integers: the range of each coefficient is what the training chunks had,
and what lies outside is clamped to it. There is no table of entries, so the resolution may be as fine as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.core.errors import DataError
from understudy.nn.dct import dct, inverse_dct
from understudy.nn.token_file import understood, whole, written

# a coefficient that hardly ever differs from 0 counts as if it did by this many integers
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class CoefficientTokenizer:
    """Chunks of `horizon` actions of `dims` numbers <-> rows of integers.

    scale    integers per unit of a coefficient: the resolution
    high     the range of each coefficient, -high .. high: (horizon * dims,)
    spread   standard deviation of each coefficient in the training chunks, in integers
    """

    horizon: int
    dims: int
    scale: float
    high: tuple[int, ...]
    spread: tuple[float, ...]

    def __post_init__(self) -> None:
        count = self.horizon * self.dims
        if self.horizon < 1 or self.dims < 1 or not 0 < self.scale < float("inf"):
            raise ValueError("horizon, dims and scale must be positive")
        if len(self.high) != count or len(self.spread) != count:
            raise ValueError(f"{count} ranges and {count} spreads are needed")
        if min(self.high) < 0 or not all(0 < s < float("inf") for s in self.spread):
            raise ValueError("ranges must not be negative, and spreads must be positive")

    @classmethod
    def fit(cls, chunks: np.ndarray, scale: float) -> CoefficientTokenizer:
        """With the ranges of the chunks (N, T, A), on the network's scale. Raises DataError when there is none."""
        count, horizon, dims = chunks.shape
        if not count:
            raise DataError("there is no chunk of actions to fit the tokenizer to")
        scaled = dct(chunks).reshape(count, -1) * scale
        high = np.rint(np.abs(scaled).max(axis=0)).astype(np.int64).tolist()
        spread = np.maximum(scaled.std(axis=0), _LEAST_SPREAD).tolist()
        return cls(horizon, dims, float(scale), tuple(high), tuple(spread))

    def integers(self, chunks: np.ndarray) -> np.ndarray:
        """(N, T, A) -> (N, T * A)."""
        rounded = np.rint(dct(chunks).reshape(len(chunks), -1) * self.scale)
        high = np.array(self.high)
        return np.clip(rounded, -high, high).astype(np.int64)

    def actions(self, integers: np.ndarray) -> np.ndarray:
        """(N, T * A) -> (N, T, A) float64."""
        return inverse_dct((integers / self.scale).reshape(-1, self.horizon, self.dims))

    def rounding_error(self, chunks: np.ndarray) -> float:
        """Root mean square of what rounding alone changes in the chunks (N, T, A)."""
        return float(np.sqrt(np.square(self.actions(self.integers(chunks)) - chunks).mean()))

    def to_json(self) -> str:
        """One JSON document that holds everything."""
        return written(
            horizon=self.horizon, dims=self.dims, scale=self.scale, high=list(self.high), spread=list(self.spread)
        )

    @classmethod
    def from_json(cls, text: str, where: str) -> CoefficientTokenizer:
        """What `to_json` wrote. Raises CheckpointError, naming `where`, for anything else."""
        with understood(text, where) as content:
            horizon, dims, *high = whole([content["horizon"], content["dims"], *content["high"]])
            spread = tuple(float(s) for s in content["spread"])
            return cls(horizon, dims, float(content["scale"]), tuple(high), spread)
