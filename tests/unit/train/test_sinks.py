"""Sinks: each gets the numbers, and none can hurt a run."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from understudy.core import log
from understudy.train.events import EventLog
from understudy.train.sinks import Guarded, InBackground, TensorBoard, Trackio, Wandb, scalars

STEP = {"event": "step", "time": 1.0, "step": 10, "loss": 0.5, "lr": 1e-5}


class Failing:
    def __init__(self) -> None:
        self.calls = 0

    def event(self, event: dict[str, Any]) -> None:
        self.calls += 1
        raise ConnectionError("no network\nand a long story")

    def close(self) -> None:
        raise ConnectionError("still no network")


def test_a_failing_sink_warns_once_and_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_warned", set())
    failing = Failing()
    with EventLog(tmp_path / "e", [Guarded("Weights & Biases", failing)]) as events:
        events.append("step", 1)
        events.append("step", 2)
    assert failing.calls == 1
    assert capsys.readouterr().err == "warning: Weights & Biases failed and is left out from here on: no network\n"


def test_scalars_are_named_by_group_and_nested_keys() -> None:
    validation = {"event": "validation", "time": 0.0, "step": 3, "loss": 1.0, "action_mae": {"elbow": 0.25}}
    assert scalars(validation) == {"validation/loss": 1.0, "validation/action_mae/elbow": 0.25}
    assert scalars({"event": "checkpoint", "time": 0.0, "step": 3, "bytes": 5}) == {}


def test_tensorboard_files_hold_the_scalars(tmp_path: Path) -> None:
    sink = InBackground(Guarded("TensorBoard", TensorBoard(tmp_path)))
    sink.event(STEP)
    sink.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(tmp_path)).Reload()
    [loss] = read.Scalars("train/loss")
    assert (loss.step, loss.value) == (10, 0.5)


def _fake_tracker(calls: list[tuple[str, Any]]) -> types.ModuleType:
    module = types.ModuleType("tracker")

    class Run:
        def log(self, values: dict[str, float], step: int) -> None:
            calls.append(("log", (values, step)))

        def finish(self) -> None:
            calls.append(("finish", None))

    def init(**options: Any) -> Run:
        calls.append(("init", options))
        return Run()

    module.init = init  # type: ignore[attr-defined]
    module.log = Run().log  # type: ignore[attr-defined]
    module.finish = Run().finish  # type: ignore[attr-defined]
    return module


class _Config:
    job_name = "banana"

    def to_json(self) -> dict[str, Any]:
        return {"steps": 5}


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_is_started_at_the_first_numbers_and_finished(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.train.tracker_config import TrackioConfig, WandbConfig

    calls: list[tuple[str, Any]] = []
    monkeypatch.setitem(sys.modules, name, _fake_tracker(calls))
    config: Any = _Config()
    sink = Wandb(WandbConfig(enable=True), config, tmp_path) if name == "wandb" else Trackio(TrackioConfig(), config)
    sink.event({"event": "run_started", "time": 0.0, "step": 0})
    assert calls == []
    sink.event(STEP)
    sink.close()
    assert [kind for kind, _ in calls] == ["init", "log", "finish"]
    assert calls[0][1]["name"] == "banana"
    assert calls[1][1] == ({"train/loss": 0.5, "train/lr": 1e-5}, 10)
