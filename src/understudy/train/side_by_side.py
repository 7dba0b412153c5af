"""Several runs on one page: the options in which they differ, curves together, evaluations beside each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.core.errors import ConfigError
from understudy.core.files import json_or_empty
from understudy.core.nested import leaves
from understudy.core.run_folder import RunFolder
from understudy.report.several import Several, write_several


def write_side_by_side(runs: Sequence[Path], output: Path) -> Path:
    """Write the page into the new folder `output`. Raises ConfigError for what is no run, DiskFull."""
    folders = [RunFolder(path) for path in runs]
    for folder in folders:
        if not folder.events.exists():
            raise ConfigError("this is no run: it has no events.jsonl", where=str(folder.path))
    names = names_of(folders)
    differing = differing_options([json_or_empty(folder.config) for folder in folders])
    return write_several(Several(names, folders, differing, paired_lines(folders)), output)


def differing_options(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Option -> its value in each of these configurations as JSON, "" where it has none; those that differ."""
    told = [leaves(config) for config in configs]
    keys = dict.fromkeys(key for config in told for key in config if key not in ("output_dir", "job_name", "resume"))
    values = {key: [_text(config.get(key)) for config in told] for key in keys}
    return {key: found for key, found in values.items() if len(set(found)) > 1}


def names_of(folders: Sequence[RunFolder]) -> list[str]:
    """The last part of each path, and as many parts before it as it takes to tell them apart."""
    for parts in range(1, 6):
        names = ["/".join(folder.path.absolute().parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    raise ConfigError("a run is named twice", where="--compare")


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def paired_lines(folders: Sequence[RunFolder]) -> list[str]:
    """A line for each pair of runs whose evaluations can be compared: the difference and its interval."""
    from understudy.evaluate.compare.pair import compare_all
    from understudy.evaluate.compare.protocols import check_equal
    from understudy.evaluate.compare.sides import read_side
    from understudy.evaluate.compare.table import table

    if len(folders) > 6 or not all(any(folder.eval.glob("*/summary.json")) for folder in folders):
        return []
    try:
        sides = [read_side(letter, str(folder.path)) for letter, folder in zip("abcdef", folders, strict=False)]
        differing = check_equal(sides, allowed=False)
        return table(compare_all(sides, 0.95), differing).splitlines()
    except ConfigError as error:
        return [f"not compared: {error.what}"]
