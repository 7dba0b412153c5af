"""Tables of options: name, default, what it means and what it allows, from the models that read command lines."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from understudy.core.describe import allowed, is_required, members
from understudy.core.option_help import default_of

from .markdown import code, table, words

HEADS = ("option", "default", "meaning")


def option_table(
    options: Iterable[tuple[tuple[str, ...], FieldInfo]], model: type[BaseModel], *, marks_ours: bool = False
) -> str:
    """The table of some `options` of `model`; `marks_ours`: those that LeRobot does not have are told apart."""
    return table(HEADS, (_row(path, field, model, marks_ours) for path, field in options))


def _row(path: tuple[str, ...], field: FieldInfo, model: type[BaseModel], marks_ours: bool) -> tuple[str, str, str]:
    default = default_of(field)
    extra = field.json_schema_extra
    ours = marks_ours and isinstance(extra, dict) and bool(extra.get("own"))
    top = {entry.alias or name for name, entry in model.model_fields.items()}
    needed = is_required(model, path) if path[0] in top else field.is_required()
    said = words(field.description or "")
    if bool not in members(field.annotation):
        said += f" <br>*{words(allowed(field))}*"
    return code("--" + ".".join(path)), _default(default, needed), said + (" · **ours**" if ours else "")


def _default(default: str | None, needed: bool) -> str:
    if default is None:
        return "required" if needed else ""
    return code(default) if default else "empty"
