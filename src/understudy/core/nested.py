"""Nested mappings as one level: what configurations, protocols and summaries of runs are compared and listed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value of everything in `tree` that is no mapping itself; an empty mapping leaves nothing."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
