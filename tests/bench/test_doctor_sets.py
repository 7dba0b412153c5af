"""The recordings and trainings that the doctor is counted on are all there, or the benchmark says that they are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from doctor_sets import make


def test_a_command_that_fails_ends_the_making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []

    def fails(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        begun.append(words)
        return subprocess.CompletedProcess(words, 5)

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(SystemExit, match=r"record --dataset\.repo_id=made/pendulum_calm_10 .* ended with 5"):
        make(tmp_path)
    assert len(begun) == 1
