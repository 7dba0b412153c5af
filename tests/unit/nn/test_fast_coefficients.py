"""Every coefficient has a range of its own, what is outside is clamped, and a file is read strictly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from understudy.core.errors import CheckpointError, DataError
from understudy.nn.dct import dct
from understudy.nn.fast_coefficients import CoefficientTokenizer


def some_chunks(count: int = 50) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 6, 2)).cumsum(axis=1) * 0.2


def test_the_range_of_each_coefficient_is_that_of_the_training_chunks() -> None:
    chunks = some_chunks()
    tokenizer = CoefficientTokenizer.fit(chunks, 30)
    integers = tokenizer.integers(chunks)
    assert integers.shape == (50, 12)
    assert np.abs(integers).max(axis=0).tolist() == list(tokenizer.high)
    assert tokenizer.high[0] > tokenizer.high[-1]
    np.testing.assert_allclose(tokenizer.spread, integers.std(axis=0), rtol=0.1)


def test_integers_come_back_exactly_and_actions_to_within_half_a_step() -> None:
    chunks = some_chunks()
    tokenizer = CoefficientTokenizer.fit(chunks, 30)
    integers = tokenizer.integers(chunks)
    np.testing.assert_array_equal(tokenizer.integers(tokenizer.actions(integers)), integers)
    decoded = tokenizer.actions(integers)
    assert np.abs(dct(decoded - chunks) * 30).max() <= 0.5 + 1e-9
    assert tokenizer.rounding_error(chunks) == pytest.approx(np.sqrt(np.square(decoded - chunks).mean()))


def test_what_is_larger_than_all_training_chunks_is_clamped() -> None:
    tokenizer = CoefficientTokenizer.fit(some_chunks(), 30)
    assert np.abs(tokenizer.integers(some_chunks() * 50)).max(axis=0).tolist() == list(tokenizer.high)


def test_a_coefficient_that_is_always_zero_is_no_fault() -> None:
    tokenizer = CoefficientTokenizer.fit(np.ones((3, 4, 1)), 10)
    assert tokenizer.high == (20, 0, 0, 0)
    assert tokenizer.integers(np.ones((1, 4, 1))).tolist() == [[20, 0, 0, 0]]


def test_without_a_chunk_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataError, match="no chunk"):
        CoefficientTokenizer.fit(some_chunks(0), 10)


def test_what_is_written_is_read_back_equal() -> None:
    tokenizer = CoefficientTokenizer.fit(some_chunks(), 30)
    assert CoefficientTokenizer.from_json(tokenizer.to_json(), "here") == tokenizer


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 7}, "format 7"),
        ({"horizon": 5}, "10 ranges"),
        ({"dims": "2"}, "integers have to be"),
        ({"high": [1] * 11 + [-1]}, "not be negative"),
        ({"high": [1.5] * 12}, "integers have to be"),
        ({"high": [1]}, "12 ranges"),
        ({"spread": [0.0] * 12}, "must be positive"),
        ({"spread": ["x"] * 12}, "could not convert"),
        ({"scale": -1}, "positive"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    text = json.dumps(json.loads(CoefficientTokenizer.fit(some_chunks(), 30).to_json()) | change)
    with pytest.raises(CheckpointError, match=reason) as caught:
        CoefficientTokenizer.from_json(text, "somewhere.json")
    assert caught.value.where == "somewhere.json"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}'])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be understood"):
        CoefficientTokenizer.from_json(text, "somewhere.json")
