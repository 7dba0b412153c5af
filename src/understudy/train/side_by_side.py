"""Several runs on one page: the options in which they differ, curves together, evaluations beside each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.core.errors import ConfigError, UnderstudyError
from understudy.core.events import Event, read_events
from understudy.core.files import json_or_empty
from understudy.core.nested import leaves
from understudy.core.run_folder import RunFolder
from understudy.report.events import history_of
from understudy.report.judgements import Judgements, read_judgements
from understudy.report.page_training import how_it_ended
from understudy.report.several import OneOfSeveral, Several, write_several

from .foreign_run import read_foreign

# the letters that `understudy compare` has
_MOST_COMPARED = 6
_PLACE = ("output_dir", "job_name", "resume", "report")


def write_side_by_side(runs: Sequence[Path], output: Path) -> Path:
    """Write the page into the new folder `output`.

    runs   run folders, or what another program left of a training

    Raises ConfigError for a run that is named twice, DataError for what is none, DiskFull.
    """
    names = names_of(runs)
    found = [_read(path) for path in runs]
    shown = [
        OneOfSeveral(name, history_of(events), how_it_ended(events), _judged(path))
        for name, path, (events, _) in zip(names, runs, found, strict=True)
    ]
    differing = differing_options([config for _, config in found])
    return write_several(Several(shown, differing, paired_lines(runs, names)), output)


def _read(path: Path) -> tuple[list[Event], dict[str, Any]]:
    folder = RunFolder(path)
    if folder.events.exists():
        return read_events(folder.events), json_or_empty(folder.config)
    foreign = read_foreign(path)
    return foreign.events, foreign.config


def _judged(path: Path) -> Judgements:
    return read_judgements(RunFolder(path)) if path.is_dir() else Judgements([], [], [])


def names_of(runs: Sequence[Path]) -> list[str]:
    """The last part of each path, and as many parts before it as it takes to tell them apart."""
    places = [path.resolve() for path in runs]
    for path, place in zip(runs, places, strict=True):
        if places.count(place) > 1:
            raise ConfigError("a run is named twice", where=str(path), hint="its difference to itself is nothing")
    parts = 1
    while len(set(names := ["/".join(path.absolute().parts[-parts:]) for path in runs])) < len(names):
        parts += 1
    return names


def differing_options(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Option -> its value in each run, of those that are not the same wherever they are known."""
    told = [leaves(config) for config in configs]
    keys = list(dict.fromkeys(key for flat in told for key in flat if key not in _PLACE))
    table = {key: [_value(config, flat, key) for config, flat in zip(configs, told, strict=True)] for key in keys}
    return {key: values for key, values in table.items() if len({value for value in values if value}) > 1}


def _value(config: Mapping[str, Any], flat: Mapping[str, Any], key: str) -> str:
    """As text; null where the whole group is off or empty, "" where it is not known.

    flat   the leaves of `config`
    """
    if key in flat:
        return json.dumps(flat[key])
    group: Any = config
    for part in key.split("."):
        if not isinstance(group, Mapping) or part not in group:
            return ""
        group = group[part]
        if group is None or group == {}:
            return "null"
    return ""


def paired_lines(runs: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Lines about each pair of runs whose evaluations can be compared: the difference and its interval; or why not."""
    from understudy.evaluate.compare.pair import compare_all
    from understudy.evaluate.compare.protocols import check_equal
    from understudy.evaluate.compare.sides import read_side
    from understudy.evaluate.compare.table import table

    evaluated = [(name, path) for name, path in zip(names, runs, strict=True) if _judged(path).simulated]
    if len(evaluated) < 2:
        return []
    if len(evaluated) > _MOST_COMPARED:
        return [f"not compared in pairs: more than {_MOST_COMPARED} runs; understudy compare A B does it for some"]
    letters = "abcdef"[: len(evaluated)]
    said = [f"{letter}: {name}" for letter, (name, _) in zip(letters, evaluated, strict=True)]
    try:
        sides = [read_side(letter, str(path)) for letter, (_, path) in zip(letters, evaluated, strict=True)]
        differing = check_equal(sides, allowed=False)
        return [*said, "", *table(compare_all(sides, 0.95), differing).splitlines()]
    except UnderstudyError as error:
        return [*said, "", *f"not compared in pairs: {error.what}".splitlines()]
