"""Errors say what, where and what to do, and their class decides the exit code."""

from __future__ import annotations

import re

import pytest

from understudy.core import errors
from understudy.core.errors import ConfigError, Interrupted, UnderstudyError, nearest


def all_classes(base: type[UnderstudyError] = UnderstudyError) -> list[type[UnderstudyError]]:
    return [base, *(deeper for child in base.__subclasses__() for deeper in all_classes(child))]


def test_the_text_holds_what_where_and_hint_on_a_line_each() -> None:
    error = ConfigError("the folder is a file", where="/x", hint="choose another")
    assert str(error).splitlines() == ["the folder is a file", "  where: /x", "  hint: choose another"]
    assert str(ConfigError("bad")) == "bad"


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = dict(re.findall(r"[─ ] ?(\w+) +(\d+)", errors.__doc__ or ""))
    real = {kind.__name__: str(kind.exit_code) for kind in all_classes() if kind not in (UnderstudyError, Interrupted)}
    # only what core defines: a test may have subclasses of its own
    real = {name: code for name, code in real.items() if hasattr(errors, name)}
    assert {name: code for name, code in drawn.items() if name != "Interrupted"} == real
    assert "130/143" in (errors.__doc__ or "")


def test_an_interruption_carries_the_code_of_its_signal() -> None:
    assert Interrupted("stopped").exit_code == 130
    assert Interrupted("stopped", exit_code=143).exit_code == 143


@pytest.mark.parametrize(("typed", "meant"), [("trian", "train"), ("evl", "eval"), ("xyzzy", None)])
def test_the_nearest_name_is_found_or_none(typed: str, meant: str | None) -> None:
    assert nearest(typed, ["train", "eval", "data"]) == meant
