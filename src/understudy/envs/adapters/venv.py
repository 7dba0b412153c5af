"""The Python of a benchmark: a virtual environment in the cache, made only when the user asks for it.

    <cache>/benchmarks/aloha-0.1.5/bin/python

$UNDERSTUDY_BENCHMARKS names another folder than <cache>/benchmarks.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from understudy.core import log
from understudy.core.errors import ConfigError, ResourceError
from understudy.core.files import cache_folder, locked

from .benchmarks import Benchmark


def folder_of(benchmark: Benchmark) -> Path:
    """Where the benchmark's virtual environment is, or would be."""
    chosen = os.environ.get("UNDERSTUDY_BENCHMARKS")
    return (Path(chosen).expanduser() if chosen else cache_folder() / "benchmarks") / benchmark.folder


def python_of(benchmark: Benchmark, *, install: bool) -> Path:
    """The benchmark's Python.

    install   make it first where it is missing, with pip

    Raises ConfigError when it is missing and not to be made, with the commands that would; ResourceError when making
    it failed.
    """
    folder = folder_of(benchmark)
    python = folder / "bin" / "python"
    if python.exists() and _is_complete(folder, benchmark):
        return python
    if not install:
        raise ConfigError(
            f"{benchmark.name} runs in a Python of its own ({', '.join(benchmark.requirements[:3])}), not there yet",
            where=str(folder),
            hint=f"--env.install=true makes it with pip (about {benchmark.megabytes} MB on disk), or paste:\n    "
            + "\n    ".join(shlex.join(command) for command in commands(folder, benchmark)),
        )
    with locked(folder.with_name(f".{folder.name}.lock"), wait=True):
        # another process may have made it while this one waited
        if not (python.exists() and _is_complete(folder, benchmark)):
            _make(folder, benchmark)
    return python


def commands(folder: Path, benchmark: Benchmark) -> list[list[str]]:
    """The commands that make the virtual environment."""
    python = str(folder / "bin" / "python")
    return [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [python, "-m", "pip", "install", "--disable-pip-version-check", *benchmark.requirements],
    ]


def _is_complete(folder: Path, benchmark: Benchmark) -> bool:
    """Whether pip finished: each requirement has its metadata there, at its version. Nothing is run for it."""
    found = {path.name.lower().replace("-", "_") for path in folder.glob("lib/python3*/site-packages/*.dist-info")}
    wanted = (requirement.split("==") for requirement in benchmark.requirements)
    return all(f"{name.replace('-', '_')}_{version}.dist_info" in found for name, version in wanted)


def _make(folder: Path, benchmark: Benchmark) -> None:
    log.say(f"making the Python of {benchmark.name} in {folder}: {', '.join(benchmark.requirements)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in commands(folder, benchmark):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
            raise ResourceError(
                f"the Python of {benchmark.name} could not be made: {said[-1].strip() if said else 'no reason given'}",
                where=shlex.join(command),
                hint="run the command by hand to see all of its output; what it leaves behind is made again next time",
            )
