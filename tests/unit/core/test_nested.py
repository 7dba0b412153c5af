"""Nested mappings as one level."""

from __future__ import annotations

from understudy.core.nested import leaves


def test_what_is_no_mapping_is_found_under_its_dotted_name() -> None:
    assert leaves({"a": 1, "b": {"c": [2], "d": {"e": None}}}) == {"a": 1, "b.c": [2], "b.d.e": None}


def test_an_empty_mapping_leaves_nothing() -> None:
    assert leaves({"a": {}, "b": {"c": {}}}) == {}
