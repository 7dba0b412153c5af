"""Every coefficient has a resolution of its own, what is too large is clamped, and a file is read strictly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from understudy.core.errors import CheckpointError, DataError
from understudy.nn.dct import dct
from understudy.nn.fast_bins import FastBins


def some_chunks(count: int = 50) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 6, 2)).cumsum(axis=1) * 0.2


def test_the_largest_coefficient_of_each_kind_uses_the_whole_range() -> None:
    chunks = some_chunks()
    integers = FastBins.fit(chunks, 30).integers(chunks)
    assert integers.shape == (50, 12)
    assert np.abs(integers).max(axis=0).tolist() == [30] * 12


def test_integers_come_back_exactly_and_actions_to_within_half_a_step() -> None:
    chunks = some_chunks()
    bins = FastBins.fit(chunks, 30)
    integers = bins.integers(chunks)
    np.testing.assert_array_equal(bins.integers(bins.actions(integers)), integers)
    difference = np.abs(dct(bins.actions(integers) - chunks)).reshape(50, -1) * bins.scale
    assert difference.max() <= 0.5 + 1e-9
    assert bins.rounding_error(chunks) == pytest.approx(np.sqrt(np.square(bins.actions(integers) - chunks).mean()))


def test_what_is_larger_than_all_training_chunks_is_clamped() -> None:
    bins = FastBins.fit(some_chunks(), 30)
    assert np.abs(bins.integers(some_chunks() * 50)).max() == 30


def test_a_coefficient_that_is_always_zero_is_no_fault() -> None:
    bins = FastBins.fit(np.ones((3, 4, 1)), 10)
    assert bins.integers(np.ones((1, 4, 1))).tolist() == [[10, 0, 0, 0]]
    assert max(bins.scale) == 1000 * bins.scale[0]
    assert FastBins.fit(np.zeros((3, 4, 1)), 10).integers(np.zeros((1, 4, 1))).tolist() == [[0, 0, 0, 0]]


def test_without_a_chunk_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataError, match="no chunk"):
        FastBins.fit(some_chunks(0), 10)


def test_what_is_written_is_read_back_equal() -> None:
    bins = FastBins.fit(some_chunks(), 30)
    assert FastBins.from_json(bins.to_json(), "here") == bins


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 7}, "format 7"),
        ({"horizon": 5}, "10 positive scales"),
        ({"high": 0}, "positive"),
        ({"high": 3.5}, "must be integers"),
        ({"scale": [1.0]}, "12 positive scales"),
        ({"scale": [-1.0] * 12}, "positive scales"),
        ({"scale": ["x"] * 12}, "could not convert"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    text = json.dumps(json.loads(FastBins.fit(some_chunks(), 30).to_json()) | change)
    with pytest.raises(CheckpointError, match=reason) as caught:
        FastBins.from_json(text, "somewhere.json")
    assert caught.value.where == "somewhere.json"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}'])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be understood"):
        FastBins.from_json(text, "somewhere.json")
