"""What an option allows, in words, for error messages and for --help: pydantic's fields without pydantic's jargon."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
_PLURALS = {int: "whole numbers", float: "numbers", str: "texts", Path: "paths"}
_EXAMPLES = {int: "[0, 1, 2]", float: "[0.9, 0.95]", str: "[a, b]", Path: "[a, b]"}
_LIMITS = {Ge: ("ge", "of at least"), Gt: ("gt", "above"), Le: ("le", "of at most"), Lt: ("lt", "below")}


def members(annotation: Any) -> list[Any]:
    """The alternatives of a type: `int | None` -> [int, NoneType]; wrappers such as Annotated are taken off."""
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return members(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return [member for part in get_args(annotation) for member in members(part)]
    return [annotation]


def submodel(annotation: Any) -> type[BaseModel] | None:
    """The model whose fields are the options below this one, if there is one."""
    for member in members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            return member
    return None


def is_text(annotation: Any) -> bool:
    """Whether every value but null is text, so that `123` typed for it means the text."""
    kinds = [member for member in members(annotation) if member is not type(None)]
    return bool(kinds) and all(_is_text_type(kind) for kind in kinds)


def _is_text_type(kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return all(isinstance(choice, str) for choice in get_args(kind))
    return isinstance(kind, type) and issubclass(kind, (str, Path))


def choices(annotation: Any) -> list[str]:
    """The words that may be given, if the option is a choice between words."""
    found: list[str] = []
    for member in members(annotation):
        if get_origin(member) is Literal:
            found += [_word(choice) for choice in get_args(member)]
        elif isinstance(member, type) and issubclass(member, Enum):
            found += [str(choice.value) for choice in member]
    return found


def options_of(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every option of `model` as (path, field), groups opened, in the order they were written."""
    for name, field in model.model_fields.items():
        path = (*prefix, field.alias or name)
        inner = submodel(field.annotation)
        if inner is None:
            yield path, field
        else:
            yield from options_of(inner, path)


def is_required(model: type[BaseModel], path: Sequence[str]) -> bool:
    """Whether the option at `path` has to be given: it and every group around it have no default."""
    field = next(f for name, f in model.model_fields.items() if path[0] in (name, f.alias))
    inner = submodel(field.annotation)
    return field.is_required() and (len(path) == 1 or inner is None or is_required(inner, path[1:]))


def allowed(field: FieldInfo) -> str:
    """What may be given for `field`: "a whole number of at least 1, or null"."""
    annotation, kinds = field.annotation, members(field.annotation)
    words = []
    if named := choices(annotation):
        words.append(named[0] if len(named) == 1 else f"one of {', '.join(named)}")
    others = [kind for kind in kinds if kind is not type(None) and get_origin(kind) is not Literal]
    words += [_kind(kind) for kind in others if not _is_enum(kind)]
    limits = " and ".join(text for limit in field.metadata if (text := _limit(limit)))
    text = f"{' or '.join(dict.fromkeys(words))} {limits}".strip()
    return f"{text}, or null" if type(None) in kinds else text


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _kind(kind: Any) -> str:
    origin = get_origin(kind)
    if origin in (list, tuple, set, frozenset):
        return _sequence(kind)
    if origin is dict or kind is dict:
        return "a dictionary such as '{a: b}'"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "a group of options"
    return _WORDS.get(kind, "a value")


def _sequence(kind: Any) -> str:
    inner = [argument for argument in get_args(kind) if argument is not Ellipsis]
    item = members(inner[0])[0] if inner else str
    plural, example = _PLURALS.get(item, "values"), _EXAMPLES.get(item, "[a, b]")
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
        return f"a list of {len(inner)} {plural}"
    return f"a list of {plural} such as {example}"


def _limit(limit: Any) -> str | None:
    if isinstance(limit, MinLen):
        return "that is not empty" if limit.min_length == 1 else f"of length {limit.min_length} or more"
    if isinstance(limit, MaxLen):
        return f"of length {limit.max_length} at most"
    for kind, (attribute, words) in _LIMITS.items():
        if isinstance(limit, kind):
            return f"{words} {getattr(limit, attribute):g}"
    return None


def written(value: Any) -> str:
    """A value as it would be typed on the command line: null, true, 1e-05, [0, 1]."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(written(entry) for entry in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(entry)}" for key, entry in value.items()) + "}"
    return _word(value)


def _word(value: Any) -> str:
    return (
        str(value.value) if isinstance(value, Enum) else str(value) if isinstance(value, (str, Path)) else repr(value)
    )
