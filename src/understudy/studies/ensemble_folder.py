"""Where things are in the folder of an ensemble, and whether what is there may be gone on with.

    OUT/config.json          the configuration that all seeds share, as --config_path of `understudy train`
        ensemble.json        the seeds, and the threads each of them computes with
        seed-1000/           the run of seed 1000, as `understudy train` makes it
        logs/seed-1000.txt   what it said
        summary.json  ensemble.md  ensemble.html  plots/

Every path of it is made here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from understudy import __version__
from understudy.core import files
from understudy.core.describe import written
from understudy.core.errors import ConfigError, DataError
from understudy.core.events import read_events
from understudy.core.files import write_atomically
from understudy.core.run_folder import ENSEMBLE, RunFolder
from understudy.train.command import differences
from understudy.train.config import TrainConfig

_ENDS = ("run_started", "run_resumed", "run_finished", "run_interrupted", "run_failed")
_MOST_DIFFERENCES = 6


@dataclass(frozen=True)
class EnsembleFolder:
    """The paths of one ensemble."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def facts(self) -> Path:
        return self.path / ENSEMBLE

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def stop_request(self) -> Path:
        """While this file is there, processes on other machines save and stop."""
        return self.path / ".stop"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def page(self) -> Path:
        return self.path / "ensemble.md"

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    def run(self, seed: int) -> RunFolder:
        """The run folder of one seed."""
        return RunFolder(self.path / f"seed-{seed}")

    def log(self, seed: int) -> Path:
        """What the process of one seed printed, of all its starts."""
        return self.path / "logs" / f"seed-{seed}.txt"

    def options(self, seed: int) -> list[str]:
        """The options of `understudy train` that begin the run of a seed, or go on with it."""
        run = self.run(seed)
        if is_started(run):
            return ["--resume", str(run.path.absolute())]
        return [f"--config_path={self.config}", f"--seed={seed}", f"--output_dir={run.path}"]


@dataclass(frozen=True)
class Facts:
    """What ensemble.json holds.

    seeds      of all invocations so far
    threads    that each run computes with: with another number the sums round differently
    together   threads of the one computation that all are trained with; 0: a process for each
    """

    seeds: list[int]
    threads: int
    together: int = 0

    def save(self, path: Path) -> None:
        """Write ensemble.json. Raises DiskFull."""
        content = {"version": __version__, **asdict(self)}
        write_atomically(path, json.dumps(content, indent=2) + "\n")


def read_facts(folder: EnsembleFolder) -> Facts | None:
    """What an earlier invocation noted; None when there was none. Raises DataError when it cannot be read."""
    if not folder.facts.exists():
        return None
    content = _read_json(folder.facts)
    # ensembles of earlier versions were processes
    seeds: Any = content.get("seeds")
    threads, together = content.get("threads"), content.get("together", 0)
    is_whole = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
    if not is_whole or type(threads) is not int or type(together) is not int:
        raise DataError("this is not what an ensemble notes about itself", where=str(folder.facts))
    return Facts(seeds, threads, together)


def as_begun(folder: EnsembleFolder, config: TrainConfig) -> TrainConfig:
    """`config` with the precision that was decided when the ensemble was begun, where it leaves that open."""
    if config.precision != "auto" or not folder.config.exists():
        return config
    return config.model_copy(update={"precision": _read_json(folder.config).get("precision", "auto")})


def check_folder(folder: EnsembleFolder, config: TrainConfig) -> Facts | None:
    """What is known of the ensemble in the folder; None for a new one. Writes nothing.

    Raises ConfigError: something else is there, or an ensemble of another configuration. DataError: it is damaged.
    """
    facts = read_facts(folder)
    if facts is None:
        _check_empty(folder, config)
        return None
    changed = list(differences(_read_json(folder.config), config.to_json()))
    if changed:
        lines = [
            f"  `--{'.'.join(path)}`: got `{written(new)}`, but the ensemble has `{written(old)}`"
            for path, old, new in changed[:_MOST_DIFFERENCES]
        ]
        if len(changed) > _MOST_DIFFERENCES:
            lines.append(f"  and {len(changed) - _MOST_DIFFERENCES} more")
        raise ConfigError(
            "\n".join(["the folder holds an ensemble of another configuration", *lines]),
            where=str(folder.path),
            hint=f"go on with it as it is: understudy ensemble --resume {folder.path}, or choose another --output_dir",
        )
    for seed in facts.seeds:
        _check_run(folder.run(seed), seed)
    return facts


def held_alone(folder: EnsembleFolder) -> contextlib.AbstractContextManager[None]:
    """Keep every other ensemble out of the folder. Raises ConfigError when one is at it."""
    hint = "wait for it, or choose another --output_dir"
    refusal = ConfigError("another process is training this ensemble", where=str(folder.path), hint=hint)
    return files.held_alone(folder.lock, refusal)


def check_not_training(folder: EnsembleFolder, seeds: Sequence[int]) -> None:
    """A process whose ensemble was killed trains on alone. Raises ConfigError naming the seed it is at."""
    for seed in seeds:
        run = folder.run(seed)
        if not run.lock.exists():
            continue
        hint = "wait until it has ended, or end it with SIGTERM: it saves and stops"
        refusal = ConfigError(f"seed {seed} is being trained by another process", where=str(run.path), hint=hint)
        with files.held_alone(run.lock, refusal):
            pass


def is_finished(run: RunFolder) -> bool:
    """Whether the run came to its end."""
    ends = [event["event"] for event in read_events(run.events) if event["event"] in _ENDS]
    return bool(ends) and ends[-1] == "run_finished"


def is_started(run: RunFolder) -> bool:
    """Whether there is a run to go on with."""
    return run.config.exists() or bool(run.saved_checkpoints())


def _check_empty(folder: EnsembleFolder, config: TrainConfig) -> None:
    """A new ensemble needs a folder of its own, or the one in which it was killed before its first seed began."""
    path = folder.path
    files.check_place(path, "--output_dir")
    content = sorted(p.name for p in path.glob("*") if not p.name.startswith("."))
    if content == [folder.config.name] and _read_json(folder.config) == config.to_json():
        return
    if content:
        raise ConfigError(
            f"the output folder holds something else than an ensemble ({', '.join(content[:3])})",
            where=str(path),
            hint="choose another --output_dir",
        )


def _check_run(run: RunFolder, seed: int) -> None:
    """A run that was put there by hand is not taken for one of the ensemble."""
    if not run.config.exists():
        return
    found = _read_json(run.config).get("seed")
    if found != seed:
        raise ConfigError(
            f"this should be the run of seed {seed}, but it was trained with seed {found}",
            where=str(run.path),
            hint="move it away: the ensemble trains its own",
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError("the ensemble's own record cannot be read", where=str(path)) from error
    if not isinstance(content, dict):
        raise DataError("the ensemble's own record cannot be read", where=str(path))
    return content
