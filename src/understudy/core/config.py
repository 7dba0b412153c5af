"""Settings -> a pydantic model, or one error that names every fault in words.

A verb describes its options as a model and gets them read, checked and explained:

    class EvalOptions(Options):
        "Measures a trained policy on held-out episodes."
        policy: str = Field(description="a pretrained_model folder, or a Hub repository")
        batch_size: int = Field(8, ge=1, description="windows at once")

    options = parse_options(EvalOptions, arguments, verb="eval")

`--policy=P --batch_size 4` fills it; `--help` prints it; `--batch_sze` is answered with the nearest option.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from .arguments import Settings, Text, get, parse_flow, read_words
from .describe import allowed, is_text, members, options_of, submodel
from .errors import ConfigError
from .faults import as_error, explain, refusal, unknown

_NULL_WORDS = {"null", "None", "~"}

M = TypeVar("M", bound=BaseModel)


class Options(BaseModel):
    """Base of the small option models of the verbs. Its docstring is the first line of `--help`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    as_json: bool = Field(False, alias="json", description="print one JSON document on stdout, all else on stderr")


O = TypeVar("O", bound=Options)  # noqa: E741


def parse_options(
    model: type[O], arguments: Sequence[str], *, positionals: Sequence[str] = (), verb: str = "VERB"
) -> O:
    """The options of a verb from its command line.

    positionals   names of options that may be given as bare words, in this order: `understudy inspect PATH`;
                  "target..." takes a list
    verb          how the verb is called, for `--help` and hints ("data info")

    `--help` prints the options and leaves with SystemExit(0). Raises ConfigError naming every fault.
    """
    if any(word in ("-h", "--help") for word in arguments):
        from .option_help import options_help

        sys.stdout.write(options_help(model, positionals, verb))
        raise SystemExit(0)
    known = known_options(model)
    settings = read_words(arguments, positionals=positionals, switches=switches(model), known=known)
    result, faults = check(model, settings, known=known)
    if result is None:
        raise as_error(faults, hint=f"`understudy {verb} --help` lists the options")
    return result


def known_options(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> list[str]:
    """The dotted names of all options of `model`."""
    return [".".join(path) for path, _ in options_of(model, prefix)]


def switches(model: type[BaseModel]) -> set[str]:
    """The dotted names of its options that are true or false."""
    return {".".join(path) for path, field in options_of(model) if bool in members(field.annotation)}


def check(
    model: type[M], settings: Settings, *, prefix: tuple[str, ...] = (), known: Iterable[str] = ()
) -> tuple[M | None, list[str]]:
    """`model` filled from the settings at `prefix`, or None and the faults, a line each.

    known    dotted names of every option of the command, for suggestions
    """
    faults: dict[tuple[str, ...], str] = {}
    values: Any = get(settings.values, prefix, {})
    if isinstance(values, Text):
        values = parse_flow(values)
    if not isinstance(values, Mapping):
        return None, [
            f"{settings.spelled(prefix)}: a group of options is expected, such as `--{'.'.join(prefix)}.type=...`"
        ]
    ready = _ready(model, values, prefix, settings, faults, list(known) or known_options(model, prefix))
    result = None
    try:
        result = model.model_validate(ready)
    except ValidationError as error:
        for details in error.errors():
            path, line = explain(model, dict(details), prefix, settings)
            # a fault at or above this place has been told already
            if not any(path[: len(told)] == told for told in faults):
                faults[path] = line
    return (None if faults else result), list(faults.values())


def _ready(
    model: type[BaseModel],
    values: Mapping[str, Any],
    prefix: tuple[str, ...],
    settings: Settings,
    faults: dict[tuple[str, ...], str],
    known: list[str],
) -> dict[str, Any]:
    """`values` with typed text turned into what each option expects; unknown keys become faults and are left out."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    ready = {}
    for key, value in values.items():
        path = (*prefix, key)
        if key not in fields:
            faults |= {leaf: unknown(settings, leaf, known) for leaf in _leaves(value, path)}
            continue
        field = fields[key]
        if isinstance(value, Text):
            value, fault = _from_text(value, field)
            if fault:
                faults[path] = f"{settings.spelled(path)}: {fault}"
                continue
        inner = submodel(field.annotation)
        if inner is not None and isinstance(value, Mapping):
            value = _ready(inner, value, path, settings, faults, known)
        elif isinstance(value, Mapping) and (deeper := _typed_below(value, path)):
            faults[path] = f"{settings.spelled(deeper)}: unknown option; `--{'.'.join(path)}` takes {allowed(field)}"
            continue
        elif _is_number_expected(field) and isinstance(value, bool):
            faults[path] = refusal(settings, path, value, field)
            continue
        ready[key] = value
    # a missing group is looked into, so that what it lacks is told by name
    groups = {key for key, field in fields.items() if field.is_required() and submodel(field.annotation)}
    return {key: {} for key in groups - values.keys()} | ready


def _leaves(value: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not isinstance(value, Mapping) or not value:
        return [path]
    return [leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, key))]


def _from_text(text: Text, field: FieldInfo) -> tuple[Any, str | None]:
    """(value, fault) of what was typed for `field`."""
    kinds = members(field.annotation)
    if text.bare and bool not in kinds:
        return None, f"a value is missing; expects {allowed(field)}"
    if text in _NULL_WORDS and type(None) in kinds:
        return None, None
    if is_text(field.annotation):
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        return (text[1:-1] if quoted else str(text)), None
    if text == "":
        return None, f"a value is missing; expects {allowed(field)}"
    try:
        return parse_flow(text), None
    except ConfigError:
        return None, f"`{text}` cannot be read; expects {allowed(field)}"


def _typed_below(values: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path of the first typed value below a dictionary that has to be given whole."""
    for key, value in values.items():
        if isinstance(value, Text):
            return (*path, key)
        if isinstance(value, Mapping) and (found := _typed_below(value, (*path, key))):
            return found
    return None


def _is_number_expected(field: FieldInfo) -> bool:
    kinds = members(field.annotation)
    return bool not in kinds and (int in kinds or float in kinds)
