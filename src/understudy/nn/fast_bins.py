"""FAST without merges: every coefficient of a chunk is one integer, with a vocabulary and a resolution of its own.

    actions (T, A) -> DCT over time -> each coefficient times its own scale -> nearest integers -> -high .. high

A coefficient's scale is what spreads the largest value of the training chunks over all of its integers, so none is lost
and small coefficients are resolved as finely as large ones. What lies outside is clamped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from understudy.core.errors import CheckpointError, DataError
from understudy.nn.dct import dct, inverse_dct

FORMAT = 1


@dataclass(frozen=True)
class FastBins:
    """Chunks of `horizon` actions of `dims` numbers <-> rows of integers in -high .. high.

    scale   integers per unit of each coefficient, time-frequency major: (horizon * dims,)
    """

    horizon: int
    dims: int
    high: int
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.dims < 1 or self.high < 1:
            raise ValueError("horizon, dims and the highest integer must be positive")
        if len(self.scale) != self.horizon * self.dims or not all(0 < s < float("inf") for s in self.scale):
            raise ValueError(f"{self.horizon * self.dims} positive scales are needed")

    @classmethod
    def fit(cls, chunks: np.ndarray, high: int) -> FastBins:
        """The scales that the chunks (N, T, A), on the network's scale, need. Raises DataError when there is none."""
        count, horizon, dims = chunks.shape
        if not count:
            raise DataError("there is no chunk of actions to fit the resolution to")
        largest = np.abs(dct(chunks)).reshape(count, -1).max(axis=0)
        # no finer than a thousandth of the coarsest: one that is 0 but for rounding has nothing to resolve
        scale = high / np.maximum(largest, 1e-3 * (largest.max() or 1.0))
        return cls(horizon, dims, high, tuple(float(s) for s in scale))

    def integers(self, chunks: np.ndarray) -> np.ndarray:
        """(N, T, A) -> (N, T * A)."""
        scaled = dct(chunks).reshape(len(chunks), -1) * np.array(self.scale)
        return np.clip(np.rint(scaled), -self.high, self.high).astype(np.int64)

    def actions(self, integers: np.ndarray) -> np.ndarray:
        """(N, T * A) -> (N, T, A) float64."""
        return inverse_dct((integers / np.array(self.scale)).reshape(-1, self.horizon, self.dims))

    def rounding_error(self, chunks: np.ndarray) -> float:
        """Root mean square of what rounding alone changes in the chunks (N, T, A)."""
        return float(np.sqrt(np.square(self.actions(self.integers(chunks)) - chunks).mean()))

    def to_json(self) -> str:
        """One JSON document that holds everything."""
        content = {"format": FORMAT, "horizon": self.horizon, "dims": self.dims, "high": self.high}
        return json.dumps({**content, "scale": self.scale})

    @classmethod
    def from_json(cls, text: str, where: str) -> FastBins:
        """What `to_json` wrote. Raises CheckpointError, naming `where`, for anything else."""
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                raise ValueError(f"it is of format {content['format']!r}, known is {FORMAT}")
            sizes = [content[name] for name in ("horizon", "dims", "high")]
            if any(not isinstance(size, int) for size in sizes):
                raise ValueError("horizon, dims and high must be integers")
            return cls(*sizes, tuple(float(s) for s in content["scale"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
            raise CheckpointError(
                f"the tokenizer cannot be understood: {reason}",
                where=where,
                hint="without its own tokenizer the policy's tokens mean nothing; copy the checkpoint again",
            ) from error
