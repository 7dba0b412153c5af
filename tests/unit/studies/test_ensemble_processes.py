"""Processes of an ensemble: why they ended, where they compute, and that none outlives it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from understudy.core.errors import ConfigError
from understudy.studies.ensemble_processes import Here, Task, reason


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("--- 1 x\nerror: old\n--- 2 x\nok\nerror: no room\n  where: /x\nlater\n", 5, "no room\n  where: /x"),
        ("--- 1 x\nerror: old\n--- 2 x\nSegmentation fault\n", 3, "exit code 3: Segmentation fault"),
        ("--- 1 x\n", 70, "exit code 70"),
        ("", -11, "killed by SIGSEGV"),
        ("", -9, "killed by SIGKILL: the system does so when memory runs out"),
    ],
)
def test_the_reason_is_the_error_of_the_last_start(tmp_path: Path, text: str, code: int, expected: str) -> None:
    log = tmp_path / "log.txt"
    log.write_text(text)
    assert reason(log, code) == expected


def run_python(place: Here, seed: int, code: str, folder: Path) -> Path:
    log = folder / f"{seed}.txt"
    place.start(Task(seed, [sys.executable, "-S", "-c", code], log))
    return log


def wait_for(place: Here, count: int) -> dict[int, int]:
    codes: dict[int, int] = {}
    while len(codes) < count:
        codes |= place.ended()
        time.sleep(0.01)
    return codes


def test_runs_at_the_same_time_are_spread_over_the_gpus(tmp_path: Path) -> None:
    place = Here(2, gpus=["4", "7"])
    tell = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['OMP_NUM_THREADS'])"
    logs = [run_python(place, seed, tell, tmp_path) for seed in (1, 2, 3)]
    assert wait_for(place, 3) == {1: 0, 2: 0, 3: 0}
    assert [log.read_text().splitlines()[1] for log in logs] == ["4 2", "7 2", "4 2"]


def test_what_does_not_listen_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.studies.ensemble_processes._PATIENCE_S", 0.1)
    place = Here(1)
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    log = run_python(place, 1, deaf, tmp_path)
    while "deaf" not in log.read_text().splitlines():
        time.sleep(0.01)
    place.close()
    assert place.ended() == {1: -9}


def test_without_ray_its_option_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.studies.ensemble_ray import OnRay

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="needs the package ray") as refused:
        OnRay("local", threads=1, gpu=False, stop_request=tmp_path / ".stop")
    assert "understudy[ray]" in (refused.value.hint or "")
