"""FAST (Pertsch et al., 2025): chunks of actions as few tokens, by a cosine transform, rounding and byte-pair encoding.

    actions (T, A) -> DCT over time -> times `scale` -> nearest integers (half to even) -> one row, time-frequency major
    (the lowest frequency of every dimension first) -> entries of a vocabulary, the longest that fits, from the left

A sequence is BOS, tokens, EOS, then PAD. Integers outside the declared range, or that no training chunk had, are UNK
and are counted. What comes back is exact in integers, and in actions to within half a step of each coefficient.

The specials, the vocabulary of integers that occur and the greedy cutting are those of the study
github.com/ruiming-wu/FAST_Flow_Matching. For a vocabulary of its own for each coefficient, not merged, see fast_bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.core.files import write_atomically
from understudy.nn.dct import dct, inverse_dct
from understudy.nn.fast_merges import MOST_INTEGERS, LongestMatch, Merge, find_merges, spell_out
from understudy.nn.token_file import understood, whole, written

BOS, EOS, PAD, UNK = range(4)
SPECIALS = 4


@dataclass(frozen=True)
class Encoded:
    """Chunks as sequences.

    tokens    (N, length) int64: BOS, tokens, EOS, PAD
    counts    (N,) tokens each chunk needs, specials not counted
    unknown   integers that became UNK
    cut       chunks that did not fit into the length, and lost their end
    """

    tokens: np.ndarray
    counts: np.ndarray
    unknown: int
    cut: int


@dataclass(frozen=True)
class FastTokenizer:
    """Chunks of `horizon` actions of `dims` numbers <-> sequences of tokens.

    scale    steps per unit of a coefficient: the resolution
    base     the integers of the vocabulary, ascending: tokens 4, 5, ...; the first and the last are the declared range
    merges   pairs of entries (numbered from 0) that make further entries, in order of creation
    """

    horizon: int
    dims: int
    scale: float
    base: tuple[int, ...]
    merges: tuple[Merge, ...] = ()

    def __post_init__(self) -> None:
        if not self.base or list(self.base) != sorted(set(self.base)):
            raise ValueError("the integers of the vocabulary must be ascending and different, and at least one")
        if self.horizon < 1 or self.dims < 1 or not 0 < self.scale < float("inf"):
            raise ValueError("horizon, dims and scale must be positive")
        _ = self.entries

    @classmethod
    def fit(
        cls,
        chunks: np.ndarray,
        *,
        scale: float = 10.0,
        vocabulary: int = 256,
        integers: tuple[int, int] | None = None,
    ) -> FastTokenizer:
        """The tokenizer of the chunks (N, T, A), which are on the network's scale.

        vocabulary   entries in all, the four specials among them; fewer where the chunks give no more
        integers     (lowest, highest) that the vocabulary has, whether they occur or not; None: those that occur

        Raises DataError when there is no chunk, or more integers than the vocabulary has room for.
        """
        count, horizon, dims = chunks.shape
        if not count:
            raise DataError("there is no chunk of actions to make a vocabulary of")
        rows = np.rint(dct(chunks) * scale).reshape(count, -1).astype(np.int64)
        if integers is None:
            base = np.unique(rows)
        else:
            base = np.arange(integers[0], integers[1] + 1)
            rows = rows[((rows >= base[0]) & (rows <= base[-1])).all(axis=1)]
        if len(base) > min(vocabulary - SPECIALS, MOST_INTEGERS):
            raise DataError(
                f"the actions need {len(base)} integers, and the vocabulary has room for {vocabulary - SPECIALS}",
                hint="normalise the actions, take a coarser scale or a larger vocabulary",
            )
        base_integers = tuple(int(i) for i in base)
        merges = find_merges(rows, base_integers, vocabulary - SPECIALS)
        return cls(horizon, dims, float(scale), base_integers, tuple(merges))

    # -- what it is -----------------------------------------------------------------------------------------------

    @cached_property
    def entries(self) -> list[tuple[int, ...]]:
        """The integers that each token stands for; token number is 4 more than the place in this list."""
        return spell_out(self.base, self.merges)

    @property
    def size(self) -> int:
        """Tokens there are, specials included."""
        return SPECIALS + len(self.base) + len(self.merges)

    @property
    def integer_range(self) -> tuple[int, int]:
        """The lowest and the highest integer that can be told; others become UNK."""
        return self.base[0], self.base[-1]

    @cached_property
    def _cutter(self) -> LongestMatch:
        return LongestMatch(self.entries, *self.integer_range)

    @cached_property
    def _spelling(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All entries one after the other; where each token's begins in them, and how long it is (0 for specials)."""
        lengths = np.array([0] * SPECIALS + [len(entry) for entry in self.entries])
        flat = np.concatenate([np.array(entry, np.int64) for entry in self.entries])
        return flat, np.cumsum(lengths) - lengths, lengths

    # -- actions <-> integers <-> tokens --------------------------------------------------------------------------

    def integers(self, chunks: np.ndarray) -> np.ndarray:
        """(N, T, A) -> rounded coefficients (N, T * A)."""
        if chunks.ndim != 3 or chunks.shape[1:] != (self.horizon, self.dims):
            raise ConfigError(
                f"this tokenizer is for chunks of {self.horizon} actions of {self.dims} numbers, "
                f"not for {chunks.shape[1:]}"
            )
        return np.rint(dct(chunks) * self.scale).reshape(len(chunks), -1).astype(np.int64)

    def actions(self, integers: np.ndarray) -> np.ndarray:
        """(N, T * A) -> (N, T, A) float64."""
        return inverse_dct(integers.reshape(-1, self.horizon, self.dims) / self.scale)

    def encode(self, chunks: np.ndarray, length: int) -> Encoded:
        """Chunks (N, T, A) as sequences of `length` places. Raises ConfigError for chunks of another shape."""
        return self.encode_integers(self.integers(chunks), length)

    def encode_integers(self, integers: np.ndarray, length: int) -> Encoded:
        """Rounded coefficients (N, T * A) as sequences of `length` places."""
        found, counts = self._cutter.cut(integers)
        unknown = (found < 0) & (np.arange(found.shape[1]) < counts[:, None])
        sequences = np.full((len(integers), max(length, found.shape[1] + 2)), PAD, np.int64)
        sequences[:, 0] = BOS
        inside = np.arange(found.shape[1]) < counts[:, None]
        sequences[:, 1 : found.shape[1] + 1][inside] = np.where(unknown, UNK, found + SPECIALS)[inside]
        sequences[np.arange(len(integers)), counts + 1] = EOS
        return Encoded(sequences[:, :length], counts, int(unknown.sum()), int((counts + 2 > length).sum()))

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Sequences (N, L) -> actions (N, T, A) float64; see `decode_integers`."""
        return self.actions(self.decode_integers(tokens))

    def decode_integers(self, tokens: np.ndarray) -> np.ndarray:
        """Sequences (N, L) -> (N, T * A): specials dropped, what is missing is 0, what is too much is cut off.

        Raises DataError for a token that the vocabulary does not have.
        """
        bad = (tokens < 0) | (tokens >= self.size)
        if bad.any():
            raise DataError(
                f"token {int(tokens[bad][0])} stands for nothing: the vocabulary has {self.size}",
                hint="the network and the tokenizer do not belong together",
            )
        flat, first, widths = self._spelling
        integers = np.zeros((len(tokens), self.horizon * self.dims), np.int64)
        begin = np.cumsum(widths[tokens], axis=1) - widths[tokens]
        row, column = np.nonzero(widths[tokens])
        width = widths[tokens[row, column]]
        inside = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
        place = np.repeat(begin[row, column], width) + inside
        kept = place < integers.shape[1]
        source = np.repeat(first[tokens[row, column]], width) + inside
        integers[np.repeat(row, width)[kept], place[kept]] = flat[source[kept]]
        return integers

    def rounding_error(self, chunks: np.ndarray) -> float:
        """Root mean square of what rounding alone changes in the chunks (N, T, A)."""
        return float(np.sqrt(np.square(self.actions(self.integers(chunks)) - chunks).mean()))

    # -- files ----------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """One JSON document that holds everything."""
        return written(
            horizon=self.horizon, dims=self.dims, scale=self.scale, base=list(self.base), merges=list(self.merges)
        )

    @classmethod
    def from_json(cls, text: str, where: str) -> FastTokenizer:
        """What `to_json` wrote. Raises CheckpointError, naming `where`, for anything else."""
        with understood(text, where) as content:
            base, merges = whole(content["base"]), [whole(pair) for pair in content["merges"]]
            if any(len(pair) != 2 for pair in merges):
                raise ValueError("a merge is not a pair")
            horizon, dims = whole([content["horizon"], content["dims"]])
            return cls(horizon, dims, float(content["scale"]), tuple(base), tuple((a, b) for a, b in merges))

    def save(self, path: Path) -> None:
        """Write it to `path`, all or nothing. Raises DiskFull."""
        write_atomically(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> FastTokenizer:
        """What `save` wrote. Raises CheckpointError when it is missing or damaged."""
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError("the tokenizer cannot be read", where=str(path)) from error
        return cls.from_json(text, str(path))
