"""How a tokenizer's JSON is read: strictly, and what is wrong with it is said."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from understudy.core.errors import CheckpointError, what_is_wrong

FORMAT = 1


def written(**content: Any) -> str:
    """One JSON document that holds `content` and the format's number."""
    return json.dumps({"format": FORMAT, **content})


@contextlib.contextmanager
def understood(text: str, where: str) -> Iterator[dict[str, Any]]:
    """What `written` wrote. Raises CheckpointError, naming `where`, for anything else, and for whatever inside finds
    that a value is missing or of another kind."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"it is of format {content['format']!r}, known is {FORMAT}")
        yield content
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"the tokenizer cannot be understood: {what_is_wrong(error)}",
            where=where,
            hint="without its own tokenizer the policy's tokens mean nothing; copy the checkpoint again",
        ) from error


def whole(values: Any) -> list[int]:
    """The values, all of which have to be integers. Raises ValueError."""
    if not isinstance(values, list) or any(not isinstance(v, int) or isinstance(v, bool) for v in values):
        raise ValueError("there are other things than integers where integers have to be")
    return values
