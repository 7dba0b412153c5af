"""Every way to end has its exit code and its few words."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from understudy.cli.errors import report
from understudy.core.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DiskFull,
    HealthStop,
    Interrupted,
    OutOfMemory,
    StatisticMissing,
)


class OutOfMemoryError(RuntimeError):
    """Named like torch's, which is not imported to be recognised."""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("bad flag"), 2, "error: bad flag"),
        (DataError("bad video"), 3, "error: bad video"),
        (CheckpointError("torn"), 3, "error: torn"),
        (StatisticMissing("no mean"), 3, "error: no mean"),
        (HealthStop("not finite"), 4, "error: not finite"),
        (DiskFull("full"), 5, "error: full"),
        (OutOfMemory("too big"), 5, "error: too big"),
        (Interrupted("stopped after step 5"), 130, "stopped after step 5"),
        (Interrupted("stopped after step 5", exit_code=143), 143, "stopped after step 5"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 5, "error: the memory did not suffice"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), 5, "error: the memory did not suffice"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            5,
            "error: the memory did not suffice",
        ),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 5, "error: the memory did not suffice"),
        (OSError(errno.ENOSPC, "No space left on device", "/runs/x"), 5, "error: the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/runs/x"), 5, "error: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 2, "error: no permission"),
        (ZeroDivisionError("division by zero"), 70, "error: unexpected ZeroDivisionError: division by zero"),
        (SystemExit(0), 0, ""),
        (SystemExit(None), 0, ""),
        (SystemExit(3), 3, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_each_end_has_its_code_and_words(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[:1] == ([words] if words else [])
    assert len(shown.err.splitlines()) <= 4
    assert "Traceback" not in shown.err


def test_out_of_memory_names_the_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    report(MemoryError())
    text = capsys.readouterr().err
    assert all(knob in text for knob in ("--batch_size", "--grad_accumulation_steps", "--precision=bf16"))


def test_a_full_disk_names_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    report(OSError(errno.ENOSPC, "No space left on device", "/runs/x"))
    assert "where: /runs/x" in capsys.readouterr().err


def test_a_traceback_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError as error:
        report(error)
        assert "--debug" in capsys.readouterr().err
        report(error, debug=True)
        assert "Traceback" in capsys.readouterr().err


_TALK = """
import sys
from understudy.cli import main as program
import types
def run(words):
    for number in range(100_000):
        print("line", number)
    return 0
module = types.ModuleType("understudy.cli.probe"); module.run = run
sys.modules["understudy.cli.probe"] = module
program.VERBS["probe"] = ""
sys.exit(program.main(["probe"]))
"""


def test_a_reader_that_goes_away_is_no_error_to_talk_about() -> None:
    process = subprocess.Popen([sys.executable, "-c", _TALK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "line 0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141
