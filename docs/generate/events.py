"""The events of events.jsonl and their keys, from core/event_keys.py."""

from __future__ import annotations

from understudy.core.event_keys import COMMON, KEYS
from understudy.core.events import NAMES

from .markdown import code, first_paragraph, table, words


def event_pages() -> dict[str, str]:
    """events.md."""
    from understudy.core import event_keys

    parts = [
        "# Events",
        first_paragraph(event_keys.__doc__ or ""),
        "## In every event",
        _keys(COMMON),
    ]
    for name in NAMES:
        parts += [f"## {words(name)}", words(KEYS[name].when), _keys(KEYS[name].keys)]
    return {"events.md": "\n\n".join(parts) + "\n"}


def _keys(keys: dict[str, str]) -> str:
    return table(("key", "meaning"), ((code(key), words(meaning)) for key, meaning in keys.items()))
