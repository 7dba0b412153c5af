"""Tokens of words: cut off, padded, saved as they came; a file that is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.core.errors import CheckpointError
from understudy.nn.text_tokens import TOKENIZER, TOKENIZER_CONFIG, TextTokenizer, byte_tokenizer, read_tokenizer


def test_each_byte_is_a_token_and_what_is_too_long_is_cut_off() -> None:
    tokens, mask = byte_tokenizer(["<pad>"]).encode(["ä b\n", "long words"], 6, pad_to_longest=True)
    assert tokens.shape == (2, 6)
    assert mask.tolist() == [[True] * 5 + [False], [True] * 6]
    assert tokens[0, 5] == 256


def test_padding_to_a_length_whatever_the_texts() -> None:
    tokens, mask = byte_tokenizer(["<pad>"]).encode(["a"], 9, pad_to_longest=False)
    assert tokens.shape == (1, 9)
    assert mask.sum() == 1


def test_special_tokens_stand_behind_the_others() -> None:
    tokenizer = byte_tokenizer(["<pad>", "<picture>"])
    assert tokenizer.added_tokens == {"<pad>": 256, "<picture>": 257}
    assert tokenizer.size == 258
    assert tokenizer.encode(["<picture>"], 9, pad_to_longest=True)[0].tolist() == [[257]]


def test_what_was_saved_gives_the_same_tokens(tmp_path: Path) -> None:
    made = byte_tokenizer(["<pad>"])
    for name, content in made.files.items():
        (tmp_path / name).write_text(content)
    assert (
        read_tokenizer(tmp_path)
        .encode(["cube"], 9, pad_to_longest=False)[0]
        .equal(made.encode(["cube"], 9, pad_to_longest=False)[0])
    )


def test_the_padding_token_may_be_written_with_its_properties() -> None:
    files = dict(byte_tokenizer(["<pad>"]).files) | {TOKENIZER_CONFIG: '{"pad_token": {"content": "<pad>"}}'}
    assert TextTokenizer(files, "here").encode(["a"], 2, pad_to_longest=False)[0][0, 1] == 256


@pytest.mark.parametrize("damage", ["", "{}", '{"model": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / TOKENIZER).write_text(damage)
    with pytest.raises(CheckpointError, match="cannot be read") as caught:
        read_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value.where)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        read_tokenizer(tmp_path)
