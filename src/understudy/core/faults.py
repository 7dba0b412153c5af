"""Faults of a configuration, a line each: the option as the user wrote it, what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .arguments import Settings, get
from .describe import allowed, choices, submodel, written
from .errors import ConfigError, nearest

MOST_FAULTS_SHOWN = 6
LONGEST_VALUE_SHOWN = 60
# SequenceMatcher's ratio: chunk_sze and chunk_size have 0.95, epochs and num_epochs 0.75, crop_shape and chunk_size 0.5
LEAST_LIKENESS = 0.7


def unknown(settings: Settings, path: tuple[str, ...], known: Iterable[str]) -> str:
    """The fault line of an option that does not exist, with the nearest one that does."""
    guess = nearest_option(".".join(path), known)
    from_flag = any(path[:end] in settings.flags for end in range(1, len(path) + 1))
    shown = f"`--{guess}`" if from_flag else f"`{guess}`"
    return f"{settings.spelled(path)}: unknown option" + (f"; did you mean {shown}?" if guess else "")


def nearest_option(name: str, known: Iterable[str]) -> str | None:
    """The option that `name` was probably meant to be: its last word is alike; the group decides between equals."""

    def likeness(option: str) -> tuple[float, float]:
        (group, _, leaf), (its_group, _, its_leaf) = wanted.rpartition("."), option.rpartition(".")
        return (SequenceMatcher(None, leaf, its_leaf).ratio(), SequenceMatcher(None, group, its_group).ratio())

    wanted = name.replace("-", "_")
    best = max(known, key=likeness, default=None)
    return best if best is not None and likeness(best)[0] >= LEAST_LIKENESS else None


def refusal(settings: Settings, path: tuple[str, ...], value: Any, field: FieldInfo) -> str:
    """The fault line of a value that the option does not take."""
    shown = written(value)
    if len(shown) > LONGEST_VALUE_SHOWN:
        shown = f"{shown[: LONGEST_VALUE_SHOWN - 3]}..."
    line = f"{settings.spelled(path)}: got `{shown}`; expects {allowed(field)}"
    guess = nearest(str(value), choices(field.annotation)) if isinstance(value, str) else None
    return f"{line}; did you mean `{guess}`?" if guess else line


def explain(
    model: type[BaseModel], details: Mapping[str, Any], prefix: tuple[str, ...], settings: Settings
) -> tuple[tuple[str, ...], str]:
    """(path, line) for one of pydantic's findings, in our words."""
    path, field = _field_at(model, details["loc"], prefix)
    if field is None:
        return path, _message(details)
    if details["type"] == "missing":
        return path, f"{settings.spelled(path)} is required: {field.description or allowed(field)}"
    if details["type"] in ("value_error", "assertion_error"):
        return path, f"{settings.spelled(path)}: {_message(details)}"
    return path, refusal(settings, path, get(settings.values, path, details["input"]), field)


def _field_at(
    model: type[BaseModel], location: Sequence[int | str], prefix: tuple[str, ...]
) -> tuple[tuple[str, ...], FieldInfo | None]:
    """The option that a pydantic location lies in: places inside a list or a union member belong to their option."""
    path, field, inner = prefix, None, model
    for part in location:
        found = next((f for name, f in inner.model_fields.items() if part in (name, f.alias)), None)
        if found is None:
            break
        path, field = (*path, str(part)), found
        below = submodel(found.annotation)
        if below is None:
            break
        inner = below
    return path, field


def _message(details: Mapping[str, Any]) -> str:
    cause = details.get("ctx", {}).get("error")
    return str(cause) if cause else str(details["msg"])


def as_error(faults: Sequence[str], *, hint: str | None = None, files: Iterable[str] = ()) -> ConfigError:
    """One ConfigError for all faults: a single one in its own words, several as a list that stays short.

    hint     told where the names of options are the trouble and no nearest one is known
    files    where values came from; if all faults in files are in one, it is named once, at the end
    """
    faults = list(faults)
    mentioned = {file for file in files for fault in faults if f" in {file}" in fault}
    where = mentioned.pop() if len(mentioned) == 1 else None
    if where:
        faults = [fault.replace(f" in {where}", "", 1) for fault in faults]
    needs_hint = any(fault.endswith("unknown option") or " is required" in fault for fault in faults)
    if len(faults) == 1:
        return ConfigError(faults[0], where=where, hint=hint if needs_hint else None)
    lines = [f"{len(faults)} options cannot be used", *(f"  {fault}" for fault in faults[:MOST_FAULTS_SHOWN])]
    if len(faults) > MOST_FAULTS_SHOWN:
        lines.append(f"  and {len(faults) - MOST_FAULTS_SHOWN} more")
    return ConfigError("\n".join(lines), where=where, hint=hint if needs_hint else None)
