"""Items spread over processes: each is answered once, whatever happens to the process it was given to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import toy_env
from understudy.core.errors import ConfigError, UnderstudyError
from understudy.rollout.workers import Lost, run_in_workers

TARGET = "understudy.toy_target:serve"
# a module of ours, as far as a worker can tell
CODE = """
import os, time, types
from understudy.core.errors import ConfigError
module = types.ModuleType("understudy.toy_target")
def serve(setup):
    if setup.get("refuse"): raise ConfigError("no such robot", hint="buy one")
    if setup.get("die"): os._exit(3)
    print("libraries print, and that must not hurt")
    def answer(item):
        print("still printing")
        if item == "hang": time.sleep(3600)
        if item == "die": os._exit(9)
        if item == "raise": raise ValueError("unexpected")
        if item == "refuse": raise ConfigError("not this one")
        return {"double": 2 * item, "threads": os.environ["OMP_NUM_THREADS"]}
    return answer
module.serve = serve
sys.modules["understudy.toy_target"] = module
"""


@pytest.fixture(autouse=True)
def toy_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "understudy.rollout.workers.PROGRAM",
        ("-c", f"import sys{CODE}\nfrom understudy.rollout.worker import main; main()"),
    )


def answers(items: list[Any], *, workers: int = 2, timeout_s: float = 60, **setup: Any) -> dict[Any, Any]:
    return dict(run_in_workers(TARGET, setup, items, workers=workers, timeout_s=timeout_s))


@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_is_answered_once_by_a_process_of_one_thread(workers: int) -> None:
    found = answers([1, 2, 3, 4], workers=workers)
    assert found == {item: {"double": 2 * item, "threads": "1"} for item in (1, 2, 3, 4)}


def test_nothing_to_do_starts_nothing() -> None:
    assert answers([]) == {}


def test_a_process_that_dies_costs_its_item_alone() -> None:
    found = answers([1, "die", 2], workers=1)
    assert found["die"] == Lost("the process died (exit code 9)")
    assert found[1]["double"] == 2
    assert found[2]["double"] == 4


def test_a_process_that_hangs_is_killed_and_costs_its_item_alone() -> None:
    found = answers(["hang", 2], workers=1, timeout_s=3)
    assert found["hang"] == Lost("no answer within 3 s")
    assert found[2]["double"] == 4


def test_an_unexpected_exception_is_a_lost_item(capfd: pytest.CaptureFixture[str]) -> None:
    assert isinstance(answers(["raise"])["raise"], Lost)
    assert "unexpected" in capfd.readouterr().err


def test_an_error_of_ours_reaches_the_caller_as_itself() -> None:
    with pytest.raises(ConfigError, match="not this one"):
        answers(["refuse"])


def test_where_setting_up_is_refused_no_item_is_to_blame() -> None:
    with pytest.raises(ConfigError, match="no such robot") as caught:
        answers([1, 2], refuse=True)
    assert caught.value.hint == "buy one"


def test_a_process_that_dies_while_it_is_set_up_is_an_error_and_not_a_lost_item() -> None:
    with pytest.raises(UnderstudyError, match=r"could not be set up: the process died \(exit code 3\)"):
        answers([1, 2], die=True)


def test_a_caller_who_stops_early_leaves_no_process() -> None:
    for item, _ in run_in_workers(TARGET, {}, [1, "hang", "hang"], workers=2, timeout_s=3600):
        assert item == 1
        break
    children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "toy_target"], capture_output=True, text=True)
    assert children.stdout == ""


def test_a_worker_does_not_outlive_a_killed_caller(tmp_path: Path) -> None:
    note = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    program = f"import sys{CODE}\n{note}\nfrom understudy.rollout.worker import main; main()"
    code = (
        "import understudy.rollout.workers as workers\n"
        f"workers.PROGRAM = ('-c', {program!r})\n"
        f"list(workers.run_in_workers({TARGET!r}, {{}}, ['hang'], workers=1, timeout_s=3600))\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code])
    worker = _waited_for(tmp_path / "pid")
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    deadline = time.monotonic() + 60
    while _is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_running(worker)


def _waited_for(file: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.05)
    raise AssertionError("the worker did not start")


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_only_modules_of_ours_can_be_named() -> None:
    with pytest.raises(UnderstudyError, match="could not be set up"):
        list(run_in_workers("os:system", {}, ["true"], workers=1, timeout_s=60))


def test_the_toy_task_is_known_where_a_test_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_env.in_workers(monkeypatch)
    from understudy.envs.catalogue import make_env

    assert make_env("toy/reach").task.fps == 10
