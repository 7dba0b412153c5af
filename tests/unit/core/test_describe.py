"""What an option allows is said in words, and values are shown as they would be typed."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from understudy.core.describe import allowed, choices, is_text, options_of, submodel, written


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    x: int = 1


class Everything(BaseModel):
    a: int = Field(1, ge=0, le=9)
    b: float | None = Field(None, gt=0, lt=1)
    c: Literal["x", "y"] = "x"
    d: Literal["all"] | list[int] = "all"
    e: tuple[float, float] = (0.9, 0.999)
    f: Colour = Colour.RED
    g: dict[str, str] = Field(default_factory=dict)
    h: list[Annotated[int, Field(ge=0)]] | None = None
    i: str = Field("a", min_length=1)
    j: Path | None = None
    k: bool = False
    inner: Inner = Field(default_factory=Inner)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", "a whole number of at least 0 and of at most 9"),
        ("b", "a number above 0 and below 1, or null"),
        ("c", "one of x, y"),
        ("d", "all or a list of whole numbers such as [0, 1, 2]"),
        ("e", "a list of 2 numbers"),
        ("f", "one of red, blue"),
        ("g", "a dictionary such as '{a: b}'"),
        ("h", "a list of whole numbers such as [0, 1, 2], or null"),
        ("i", "text that is not empty"),
        ("j", "a path, or null"),
        ("k", "true or false"),
        ("inner", "a group of options"),
    ],
)
def test_what_is_allowed_is_said_in_words(name: str, words: str) -> None:
    assert allowed(Everything.model_fields[name]) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-5, "1e-05"),
        (10.0, "10"),
        (0.1234567891234, "0.1234567891234"),
        ((0.9, 0.999), "[0.9, 0.999]"),
        ({"a": [1, None]}, "{a: [1, null]}"),
        (Path("/x"), "/x"),
        (Colour.RED, "red"),
        ("words", "words"),
        (7, "7"),
    ],
)
def test_values_are_shown_as_they_would_be_typed(value: Any, text: str) -> None:
    assert written(value) == text


def test_groups_are_opened_and_wrappers_seen_through() -> None:
    assert [".".join(path) for path, _ in options_of(Everything)][-1] == "inner.x"
    assert submodel(Annotated[Inner | None, "note"]) is Inner
    assert submodel(int) is None
    assert choices(Literal["a"] | Colour) == ["a", "red", "blue"]


def test_text_is_told_from_what_has_to_be_parsed() -> None:
    assert is_text(str | None)
    assert is_text(Path)
    assert is_text(Literal["a", "b"])
    assert not is_text(int | str)
    assert not is_text(None | type(None))
