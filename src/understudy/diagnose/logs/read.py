"""One way into every log: a file or a folder -> what training it tells of."""

from __future__ import annotations

from pathlib import Path

from understudy.core.errors import DataError

from .console_text import read_console_text
from .parsed import ParsedLog
from .wandb_files import read_csv_export, read_wandb_summary

# in a folder, the richest of these is read
_IN_A_FOLDER = (
    "*.log", "files/output.log", "files/wandb-summary.json", "wandb-summary.json", "*tfevents*", "*.csv",
    # where W&B leaves them in LeRobot's output folder
    "wandb/*run-*/files/output.log", "wandb/*run-*/files/wandb-summary.json",
)  # fmt: skip
_LARGEST = 2 * 1024**3


def find_log(path: Path) -> Path:
    """The log itself: `path`, or the first of a folder's. Raises DataError when there is none."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError("there is no such file", where=str(path))
    for pattern in _IN_A_FOLDER:
        if found := sorted(path.glob(pattern)):
            return found[0]
    raise DataError(
        "no log was found in this folder",
        where=str(path),
        hint="logs are console text, wandb-summary.json, a W&B CSV export, or a TensorBoard event file",
    )


def read_log(path: Path) -> ParsedLog:
    """Read a log of LeRobot, W&B, TensorBoard, or of a loop that prints its numbers.

    Raises DataError for a file in which no numbers of a training are found, with what was looked for.
    """
    try:
        return _read(find_log(path))
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror}", where=str(path)) from error


def _read(path: Path) -> ParsedLog:
    if path.stat().st_size > _LARGEST:
        raise DataError(f"the file has {path.stat().st_size / 1e9:.1f} GB; that is no log", where=str(path))
    if "tfevents" in path.name:
        from .tensorboard_file import read_tensorboard

        return read_tensorboard(path)
    if path.suffix == ".json":
        log = read_wandb_summary(path)
    elif path.suffix == ".csv":
        log = read_csv_export(path)
    else:
        with path.open(errors="replace") as lines:
            log = read_console_text(lines)
    if not log.events:
        raise DataError(
            "no numbers of a training were found",
            where=str(path),
            hint='expected are lines such as "step:2K loss:0.046 lr:1e-05" or "Step 100/1000 | Loss: 0.5"',
        )
    return log
