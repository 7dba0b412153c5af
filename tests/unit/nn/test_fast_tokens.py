"""The FAST tokenizer gives back what it promises, counts what it cannot tell, and is read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.nn.fast_tokens import BOS, EOS, PAD, UNK, FastTokenizer


def some_chunks(count: int = 50, horizon: int = 6, dims: int = 2) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, horizon, dims)).cumsum(axis=1) * 0.2


@pytest.fixture(scope="module")
def tokenizer() -> FastTokenizer:
    return FastTokenizer.fit(some_chunks(), vocabulary=120, integers=(-40, 40))


@settings(deadline=None, max_examples=50)
@given(integers=arrays(np.int64, (3, 12), elements=st.integers(-40, 40)))
def test_integers_of_the_declared_range_come_back_exactly(tokenizer: FastTokenizer, integers: np.ndarray) -> None:
    encoded = tokenizer.encode_integers(integers, 14)
    assert encoded.unknown == encoded.cut == 0
    np.testing.assert_array_equal(tokenizer.decode_integers(encoded.tokens), integers)


def test_actions_come_back_to_within_half_a_step_of_each_coefficient(tokenizer: FastTokenizer) -> None:
    chunks = some_chunks()
    decoded = tokenizer.decode(tokenizer.encode(chunks, 14).tokens)
    error = np.sqrt(np.square(decoded - chunks).mean())
    assert error == pytest.approx(tokenizer.rounding_error(chunks))
    assert 0 < error <= 0.5 / tokenizer.scale


def test_half_integers_go_to_the_even_neighbour() -> None:
    tokenizer = FastTokenizer(1, 3, 10.0, (-2, 0, 2))
    assert tokenizer.integers(np.array([[[0.05, 0.15, -0.05]]])).tolist() == [[0, 2, 0]]


def test_the_numbers_of_a_chunk_stand_time_frequency_major() -> None:
    chunk = np.random.default_rng(3).standard_normal((4, 3)).cumsum(axis=0)[None] * 0.3
    tokenizer = FastTokenizer.fit(chunk, vocabulary=30)
    lowest = chunk[0].sum(axis=0) / 2 * 10  # the mean of each dimension, times sqrt(4)
    assert tokenizer.integers(chunk)[0, :3].tolist() == np.rint(lowest).tolist()


def test_a_sequence_is_begin_tokens_end_and_padding(tokenizer: FastTokenizer) -> None:
    encoded = tokenizer.encode(some_chunks(), 20)
    for row, count in zip(encoded.tokens.tolist(), encoded.counts.tolist(), strict=True):
        assert row[0] == BOS
        assert all(token > UNK for token in row[1 : count + 1])
        assert row[count + 1 :] == [EOS] + [PAD] * (18 - count)


def test_what_is_out_of_range_becomes_unknown_is_counted_and_shifts_what_follows(tokenizer: FastTokenizer) -> None:
    encoded = tokenizer.encode_integers(np.array([[41, *range(11)], [*range(10), -41, 5]]), 14)
    assert encoded.unknown == 2
    assert encoded.tokens[0, 1] == UNK
    assert tokenizer.decode_integers(encoded.tokens).tolist() == [[*range(11), 0], [*range(10), 5, 0]]


def test_an_integer_that_no_chunk_had_is_unknown_when_only_those_that_occur_are_known() -> None:
    tokenizer = FastTokenizer(1, 2, 1.0, (0, 3))
    encoded = tokenizer.encode_integers(np.array([[0, 1]]), 4)
    assert encoded.tokens.tolist() == [[BOS, 4, UNK, EOS]]
    assert encoded.unknown == 1


def test_what_does_not_fit_is_cut_and_counted(tokenizer: FastTokenizer) -> None:
    whole = tokenizer.encode(some_chunks(), 14)
    room = int(np.median(whole.counts)) + 2
    cut = tokenizer.encode(some_chunks(), room)
    assert whole.cut == 0
    assert 0 < cut.cut < len(whole.counts)
    assert cut.cut == int((whole.counts + 2 > room).sum())
    np.testing.assert_array_equal(cut.tokens, whole.tokens[:, :room])


def test_a_token_that_stands_for_nothing_is_an_error(tokenizer: FastTokenizer) -> None:
    for token in (tokenizer.size, -1):
        with pytest.raises(DataError, match=f"token {token} stands for nothing"):
            tokenizer.decode(np.array([[BOS, token, EOS]]))


def test_missing_integers_are_zeros_and_too_many_are_cut_off(tokenizer: FastTokenizer) -> None:
    five = tokenizer.base.index(5) + 4
    assert tokenizer.decode_integers(np.array([[BOS, five, EOS, PAD]])).tolist() == [[5] + [0] * 11]
    assert tokenizer.decode_integers(np.full((1, 30), five)).tolist() == [[5] * 12]
    assert tokenizer.decode(np.array([[BOS, EOS]])).tolist() == np.zeros((1, 6, 2)).tolist()


def test_the_vocabulary_has_the_integers_that_occur_then_merges_until_it_is_full() -> None:
    tokenizer = FastTokenizer.fit(some_chunks(), vocabulary=100)
    assert tokenizer.size == 100
    assert tokenizer.base == tuple(np.unique(tokenizer.integers(some_chunks())).tolist())
    assert all(len(entry) > 1 for entry in tokenizer.entries[len(tokenizer.base) :])


def test_too_many_integers_for_the_vocabulary_are_told() -> None:
    with pytest.raises(DataError, match="has room for 6"):
        FastTokenizer.fit(some_chunks(), vocabulary=10)
    with pytest.raises(DataError, match="no chunk"):
        FastTokenizer.fit(some_chunks(0))


def test_chunks_of_another_shape_are_refused(tokenizer: FastTokenizer) -> None:
    with pytest.raises(ConfigError, match="chunks of 6 actions of 2 numbers"):
        tokenizer.encode(some_chunks(horizon=5), 14)


def test_what_is_saved_is_read_back_equal(tokenizer: FastTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = FastTokenizer.load(tmp_path / "tokenizer.json")
    assert loaded == tokenizer
    assert loaded.encode(some_chunks(), 14).tokens.tolist() == tokenizer.encode(some_chunks(), 14).tokens.tolist()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format 2"),
        ({"base": []}, "at least one"),
        ({"base": [0, 2, 1]}, "ascending"),
        ({"base": [0, 1, 1]}, "different"),
        ({"base": [0, 1.5]}, "other things than integers"),
        ({"base": "abc"}, "other things than integers"),
        ({"merges": [[0, 1000]]}, "comes later"),
        ({"merges": [[0, -1]]}, "comes later"),
        ({"merges": [[0, 1, 2]]}, "not a pair"),
        ({"merges": 5}, "not iterable"),
        ({"scale": 0}, "positive"),
        ({"scale": "NaN"}, "positive"),
        ({"horizon": 0}, "positive"),
        ({"dims": None}, "other things than integers"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_reason(
    tokenizer: FastTokenizer, change: dict[str, Any], reason: str
) -> None:
    text = json.dumps(json.loads(tokenizer.to_json()) | change)
    with pytest.raises(CheckpointError, match=reason) as caught:
        FastTokenizer.from_json(text, "somewhere.json")
    assert caught.value.where == "somewhere.json"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '{"format": 1}', "[" * 100_000])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be understood"):
        FastTokenizer.from_json(text, "somewhere.json")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        FastTokenizer.load(tmp_path / "nowhere.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CheckpointError, match="cannot be read"):
        FastTokenizer.load(tmp_path / "bytes.json")


@pytest.mark.slow
@pytest.mark.shared
def test_the_pendulums_windows_give_the_numbers_of_the_study(shared: Path) -> None:
    with np.load(shared / "inverted_pendulum_pid" / "pid_4000x100.npz", allow_pickle=False) as file:
        action = file["action"].astype(np.float64)
    starts = [*range(9), *range(10, 25, 2), *range(27, 49, 3)]
    chunks = np.concatenate([action[:, s : s + 50] for s in starts])
    assert len(chunks) == 100_000
    tokenizer = FastTokenizer.fit(chunks)
    assert (len(tokenizer.base), tokenizer.integer_range, tokenizer.size) == (95, (-52, 48), 256)
    zeros = [len(entry) for entry in tokenizer.entries[95:] if set(entry) == {0}]
    assert (len(zeros), max(zeros)) == (33, 44)
    encoded = tokenizer.encode(chunks, 25)
    assert (encoded.unknown, encoded.cut, encoded.counts.max() + 2) == (0, 0, 25)
    # 7.67 with the study's own vocabulary, made of its own data; this one is made of these windows
    assert encoded.counts.mean() == pytest.approx(7.67, abs=0.04)
    assert tokenizer.rounding_error(chunks) == pytest.approx(0.0215, abs=1e-4)
