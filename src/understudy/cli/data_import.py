"""`understudy data import SOURCE TARGET`: recordings of the pendulum that are arrays in files, as a dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, field_validator

from understudy.core import log
from understudy.core.config import Options, parse_options


class DataImportOptions(Options):
    """Makes a LeRobot v3.0 dataset of the pendulum's recordings: an npz file, or a folder of NNNN.npy files."""

    source: Path = Field(description="npz file with observation and action, or a folder of NNNN.npy, an episode each")
    target: Path = Field(description="new folder for the dataset")

    @field_validator("source", "target")
    @classmethod
    def _home(cls, value: Path) -> Path:
        return value.expanduser()


def run_import(arguments: Sequence[str]) -> int:
    """Exit code 0. Raises ConfigError, DataError, DiskFull."""
    options = parse_options(DataImportOptions, arguments, positionals=["source", "target"], verb="data import")
    if options.as_json:
        log.talk_on_stderr()
    from understudy.data.pendulum_arrays import import_arrays

    made = import_arrays(options.source, options.target)
    split = None if made.split_file is None else str(made.split_file)
    if options.as_json:
        document = {"path": str(made.root), "episodes": made.episodes, "frames": made.frames, "split_file": split}
        print(json.dumps(document, indent=2))
        return 0
    log.say(f"{made.episodes:,} episodes, {made.frames:,} frames in {made.root}")
    if split is not None:
        log.say(f"its split: --dataset.split_file={split}")
    return 0
