"""The text of --help: options in groups, each with its default and a description, readable at 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .describe import allowed, choices, is_required, options_of, written

WIDTH = 80
_COLUMN = 34


def options_help(model: type[BaseModel], positionals: Sequence[str], verb: str) -> str:
    """The help of one verb."""
    bare = "".join(f" {name.upper()}" for name in positionals)
    summary = textwrap.fill(" ".join((model.__doc__ or "").split()), WIDTH)
    lines = [f"usage: understudy {verb}{bare} [--name=value ...]", "", summary, ""]
    names = [name.removesuffix("...") for name in positionals]
    for name in names:
        lines += entry(name.upper(), _description(model.model_fields[name], required=True))
    lines += ["", "Options:"] if positionals else ["Options:"]
    for path, field in options_of(model):
        if ".".join(path) not in names:
            lines += option_entry(path, field, required=is_required(model, path))
    return "\n".join(lines) + "\n"


def option_entry(path: tuple[str, ...], field: FieldInfo, *, required: bool = False) -> list[str]:
    """The lines of one option."""
    name, default = ".".join(path), default_of(field)
    left = f"--{name}" if default is None else f"--{name}={default}"
    return entry(left, _description(field, required=required))


def _description(field: FieldInfo, *, required: bool) -> str:
    """Its description and the words to choose from; limits of numbers are told when they are overstepped."""
    named = choices(field.annotation)
    parts = [field.description or allowed(field)]
    if len(named) > 1:
        parts.append(f"one of {', '.join(named)}")
    if required and field.is_required():
        parts.append("required")
    return "; ".join(parts)


def entry(left: str, right: str) -> list[str]:
    """`left` and its explanation in two columns, or below each other when `left` is long."""
    indent = " " * _COLUMN
    lines = textwrap.wrap(right, WIDTH - _COLUMN) or [""]
    if len(left) + 4 <= _COLUMN:
        return [f"  {left:<{_COLUMN - 2}}{lines[0]}".rstrip(), *(indent + line for line in lines[1:])]
    return [f"  {left}", *(indent + line for line in lines if line)]


def default_of(field: FieldInfo) -> str | None:
    """The default of `field` as it would be typed; None: it has none."""
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, dict) and any(isinstance(entry, BaseModel) for entry in value.values()):
        return "{...}"  # a table of groups: nobody reads it on one line
    return None if value is PydanticUndefined else written(value)
