"""The account of a start adds up: every second is in one phase, and the total has no gap."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import run, train_command
from understudy.core.events import read_events
from understudy.train import start_up
from understudy.train.start_up import StartUp, launched


class Clock:
    """Stands in for the module `time`."""

    now = 100.0

    def time(self) -> float:
        return 1_000_000.0 + self.now

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(start_up, "time", clock)
    return clock


def test_a_phase_within_a_phase_counts_for_itself_alone(clock: Clock) -> None:
    start = StartUp()
    with start.phase("policy"):
        clock.now += 1
        with start.phase("statistics"):
            clock.now += 2
            with start.phase("frames"):
                clock.now += 4
        clock.now += 8
    assert start.seconds == {"frames": 4, "statistics": 2, "policy": 9}
    assert start.total == 15


def test_a_phase_that_comes_twice_adds_up_and_gaps_are_in_the_total(clock: Clock) -> None:
    start = StartUp()
    for _ in range(2):
        with start.phase("frames"):
            clock.now += 3
        clock.now += 1
    assert start.seconds == {"frames": 6}
    assert start.total == 8


def test_what_passed_since_the_launch_is_the_imports(clock: Clock) -> None:
    start = StartUp(launched=clock.time() - 1.5)
    with start.phase("dataset"):
        clock.now += 0.25
    assert start.seconds == pytest.approx({"imports": 1.5, "dataset": 0.25})
    assert start.total == pytest.approx(1.75)


def test_a_phase_that_fails_is_counted_all_the_same(clock: Clock) -> None:
    start = StartUp()
    with pytest.raises(ZeroDivisionError), start.phase("dataset"):
        clock.now += 2
        raise ZeroDivisionError
    assert start.seconds == {"dataset": 2}


def test_it_is_said_in_one_line_without_what_took_no_time(clock: Clock) -> None:
    start = StartUp()
    for name, seconds in (("dataset", 0.01), ("statistics", 0.2), ("policy", 1.1)):
        with start.phase(name):
            clock.now += seconds
    assert str(start) == "in 1.3 s: statistics 0.2, policy 1.1"
    assert str(StartUp()) == "in 0.0 s"


def test_this_process_was_started_before_now_and_not_last_year() -> None:
    assert 0 < time.time() - launched() < 86_400


def test_a_run_says_where_its_start_went_and_imports_nothing_that_is_slow_and_unused(tmp_path: Path) -> None:
    """In a process of its own: other tests may have imported these."""
    dataset = make_dataset(tmp_path / "d", episodes=1, frames=8, size=(32, 32), cameras=("front",), images_as="image")
    script = "import sys; from understudy.cli.main import main; main(sys.argv[1:]); print(*sorted(sys.modules))"
    arguments = train_command(dataset, tmp_path / "run", "--steps=1", "--save_checkpoint=false", "--precision=fp32")
    done = run([sys.executable, "-c", script, *arguments[3:]], UNDERSTUDY_CACHE=str(tmp_path / "cache"))
    loaded = set(done.stdout.split())
    assert "understudy.train.run" in loaded, done.stderr
    assert not loaded & {"torch._dynamo", "pandas", "sympy", "matplotlib", "tensorboard", "wandb"}
    (started,) = [e for e in read_events(tmp_path / "run/events.jsonl") if e["event"] == "run_started"]
    phases = started["startup_s"]
    assert {"imports", "dataset", "frames", "statistics", "policy", "norms", "total"} <= phases.keys()
    assert sum(phases.values()) - phases["total"] <= phases["total"]
    assert "started    in " in done.stdout + done.stderr
