"""Byte-pair encoding of integers: which neighbours become one entry, and how a row of integers is cut into entries.

Merges are found by the `tokenizers` library, each integer standing as a character. It merges the most frequent pair
first, as the study does; among equally frequent ones it takes that with the lower numbers, the study that met first.

Cutting is not done in the order of merges (the library's way) but greedily: from the left, always the longest entry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

# integers become characters from here on: letters, below the surrogates, which are no characters
_FIRST_CHARACTER = 0x100
MOST_INTEGERS = 0xD800 - _FIRST_CHARACTER

Merge = tuple[int, int]


def find_merges(rows: np.ndarray, base: Sequence[int], entries: int) -> list[Merge]:
    """The merges that `base` needs to grow to `entries` entries; fewer where no two neighbours are left.

    rows   (N, K) integers, all of them in `base`
    base   the single integers, ascending: entries 0 ... len(base) - 1

    A merge is a pair of entries; the one it makes is numbered after all that were there before.
    """
    from tokenizers import Tokenizer, models, trainers

    if entries <= len(base) or not len(rows):
        return []
    numbers = np.searchsorted(np.asarray(base), rows) + _FIRST_CHARACTER
    text = (bytes(row).decode("utf-32-le") for row in numbers.astype("<u4"))
    tokenizer = Tokenizer(models.BPE())
    alphabet = [chr(_FIRST_CHARACTER + i) for i in range(len(base))]
    trainer = trainers.BpeTrainer(vocab_size=entries, initial_alphabet=alphabet, special_tokens=[], show_progress=False)
    tokenizer.train_from_iterator(text, trainer)
    found = json.loads(tokenizer.to_str())["model"]
    return [(found["vocab"][left], found["vocab"][right]) for left, right in found["merges"]]


def spell_out(base: Sequence[int], merges: Sequence[Merge]) -> list[tuple[int, ...]]:
    """Every entry as the integers it stands for. Raises ValueError for a merge of what is not there yet."""
    entries: list[tuple[int, ...]] = [(integer,) for integer in base]
    for left, right in merges:
        if not (0 <= left < len(entries) and 0 <= right < len(entries)):
            raise ValueError(f"entry {len(entries)} is made of {left} and {right}, of which one comes later")
        entries.append(entries[left] + entries[right])
    return entries


class LongestMatch:
    """Cuts many rows at once, by a table of states: (state, integer) -> the state after it."""

    def __init__(self, entries: Sequence[tuple[int, ...]], low: int, high: int) -> None:
        self._low, self._high = low, high
        step: list[dict[int, int]] = [{}]
        entry_at = [-1]
        for number, integers in enumerate(entries):
            state = 0
            for integer in integers:
                if integer not in step[state]:
                    step[state][integer] = len(step)
                    step.append({})
                    entry_at.append(-1)
                state = step[state][integer]
            entry_at[state] = number
        self._next = np.full((len(step), high - low + 1), -1, np.int64)
        for state, steps in enumerate(step):
            for integer, after in steps.items():
                self._next[state, integer - low] = after
        self._entry_at = np.array(entry_at)

    def cut(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, K) integers -> entries (N, longest), and how many each row has (N,); -1 stands for an unknown integer."""
        count, length = rows.shape
        symbols = np.where((rows < self._low) | (rows > self._high), self._low - 1, rows) - self._low
        known = np.where(symbols >= 0, self._next[0, symbols] >= 0, False)
        found = np.full((count, length), -1, np.int64)
        place, lengths = np.zeros(count, np.int64), np.zeros(count, np.int64)
        unfinished = np.arange(count) if length else np.arange(0)
        while len(unfinished):
            at = place[unfinished]
            entry, width = self._longest(symbols, unfinished, at)
            taken = known[unfinished, at]
            found[unfinished, lengths[unfinished]] = np.where(taken, entry, -1)
            place[unfinished] += np.where(taken, width, 1)
            lengths[unfinished] += 1
            unfinished = unfinished[place[unfinished] < length]
        return found[:, : lengths.max(initial=0)], lengths

    def _longest(self, symbols: np.ndarray, rows: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The longest entry that begins at place `at` of each of `rows`, and its length; (-1, 0) where none does."""
        entry, width = np.full(len(rows), -1), np.zeros(len(rows), np.int64)
        going, state, ahead = np.arange(len(rows)), np.zeros(len(rows), np.int64), 0
        while len(going):
            symbol = symbols[rows[going], at[going] + ahead]
            state = np.where(symbol >= 0, self._next[state, symbol], -1)
            ahead += 1
            going, state = going[state >= 0], state[state >= 0]
            here = self._entry_at[state]
            entry[going[here >= 0]], width[going[here >= 0]] = here[here >= 0], ahead
            inside = at[going] + ahead < symbols.shape[1]
            going, state = going[inside], state[inside]
        return entry, width
