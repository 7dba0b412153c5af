"""Instructions in words -> tokens, as the fast tokenizers of Hugging Face make them: read from `tokenizer.json`.

No `transformers`: the file holds all that makes the tokens. Padding stands on the right and is masked, so its number
is of no consequence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from understudy.core.errors import CheckpointError

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"


class TextTokenizer:
    """A tokenizer and the texts of the files it was made from, so that it can be saved again as it came.

    files   file name -> content: tokenizer.json, and tokenizer_config.json where there is one

    Raises CheckpointError, naming `where`, for a file that is none.
    """

    def __init__(self, files: dict[str, str], where: str) -> None:
        self.files = files
        try:
            self._tokenizer = Tokenizer.from_str(files[TOKENIZER])
            self._tokenizer.no_padding()  # whatever the file says: the policy's options decide that
            config = json.loads(files.get(TOKENIZER_CONFIG, "{}"))
            self._pad = self._number_of(config.get("pad_token"))
        except Exception as error:  # the library raises Exception itself
            raise CheckpointError(f"the tokenizer cannot be read: {error}", where=where) from error

    def _number_of(self, token: object) -> int:
        text = token.get("content") if isinstance(token, dict) else token
        return (self._tokenizer.token_to_id(text) if isinstance(text, str) else None) or 0

    @property
    def added_tokens(self) -> dict[str, int]:
        """Special token -> its number."""
        return {token.content: number for number, token in self._tokenizer.get_added_tokens_decoder().items()}

    @property
    def size(self) -> int:
        """One more than the largest number a token can have."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode(self, texts: Sequence[str], longest: int, *, pad_to_longest: bool) -> tuple[Tensor, Tensor]:
        """Tokens (B, T) int64 and which of them are no padding, (B, T) bool.

        longest          more tokens are cut off at the end
        pad_to_longest   T is the length of the longest text, otherwise `longest`
        """
        self._tokenizer.enable_truncation(longest)
        found = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        width = max((len(ids) for ids in found), default=0) if pad_to_longest else longest
        tokens = torch.full((len(found), width), self._pad)
        mask = torch.zeros(len(found), width, dtype=torch.bool)
        for row, ids in enumerate(found):
            tokens[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
            mask[row, : len(ids)] = True
        return tokens, mask


def read_tokenizer(folder: Path) -> TextTokenizer:
    """The tokenizer in `folder`. Raises CheckpointError when it is missing or no tokenizer."""
    files = {}
    for name in (TOKENIZER, TOKENIZER_CONFIG):
        try:
            files[name] = (folder / name).read_text()
        except FileNotFoundError as error:
            if name == TOKENIZER:
                raise CheckpointError(f"{name} is missing", where=str(folder)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{name} cannot be read: {error}", where=str(folder)) from error
    return TextTokenizer(files, str(folder / TOKENIZER))


def byte_tokenizer(specials: Sequence[str]) -> TextTokenizer:
    """A tokenizer that needs no training: each byte of the text is a token, and `specials` stand behind the 256."""
    from tokenizers import AddedToken, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in specials])
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": specials[0]}
    return TextTokenizer({TOKENIZER: tokenizer.to_str(), TOKENIZER_CONFIG: json.dumps(config)}, "the tiny tokenizer")
