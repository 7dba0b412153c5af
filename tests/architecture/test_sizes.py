"""Files that a person can read, functions that fit a screen, and no large file in the repository."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = "tests/data/"


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("NOT RUN: needs the repository")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_source_file_is_longer_than_300_lines() -> None:
    sources = list((ROOT / "src").rglob("*.py"))
    assert len(sources) > 50
    long = {str(p.relative_to(ROOT)): n for p in sources if (n := len(p.read_text().splitlines())) > 300}
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []


def test_no_tracked_file_is_large() -> None:
    large = [str(path.relative_to(ROOT)) for path in tracked() if path.stat().st_size > 1_000_000]
    assert large == []


def test_what_tests_read_is_below_10_megabytes() -> None:
    total = sum(path.stat().st_size for path in tracked() if path.relative_to(ROOT).as_posix().startswith(FIXTURES))
    assert 0 < total < 10_000_000


def test_nothing_that_could_run_code_when_read_is_tracked() -> None:
    pickles = [p.name for p in tracked() if p.suffix in (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".bin")]
    assert pickles == []
