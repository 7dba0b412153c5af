"""Progress that is shown in one place: what a notebook gets instead of a terminal's bar."""

from __future__ import annotations

import io
import sys
import types
from typing import Any

import pytest

from understudy.core import live_bar as module
from understudy.core import log
from understudy.core.live_bar import NotebookBar, in_notebook, live_bar
from understudy.train.console import Console


class Display:
    """Keeps what IPython would show, and how often it was shown anew."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        self.shown.append(bundle)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[Display]:
    """IPython with a kernel; the displays that were opened in it."""
    opened: list[Display] = []

    def display(bundle: dict[str, str], *, raw: bool, display_id: bool) -> Display:
        opened.append(Display())
        opened[-1].update(bundle, raw=raw)
        return opened[-1]

    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    shown: Any = types.ModuleType("IPython.display")
    shown.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    monkeypatch.setattr(module, "_REDRAWN_EVERY_S", 0.0)
    return opened


def test_without_ipython_this_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert live_bar(io.StringIO(), "work", 3, "steps") is None


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not in_notebook()


def test_in_a_notebook_one_display_is_updated_and_ends_with_the_time_it_took(notebook: list[Display]) -> None:
    bar = live_bar(sys.stdout, "train", 4, "steps")
    assert isinstance(bar, NotebookBar)
    for step in range(1, 5):
        bar.update(step, "2.00 steps/s", f"loss < {step}")
    bar.close()
    bar.close()
    (display,) = notebook
    assert [bundle["text/plain"].split("  ")[0] for bundle in display.shown[1:5]] == [
        f"train: {step} of 4 steps" for step in range(1, 5)
    ]
    assert "left" in display.shown[1]["text/plain"]
    last = display.shown[-1]
    assert len(display.shown) == 6
    assert "  in " in last["text/plain"]
    assert "loss &lt; 4" in last["text/html"]


def test_a_bar_is_redrawn_a_few_times_a_second_at_most(
    notebook: list[Display], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REDRAWN_EVERY_S", 1e9)
    bar = NotebookBar("work", 1000, "rows", 0)
    for done in range(1000):
        bar.update(done)
    assert len(notebook[0].shown) == 1


def test_what_is_said_to_somebody_else_is_no_bar_of_the_notebook(notebook: list[Display]) -> None:
    with log.heard_by(io.StringIO()), log.progress("decoding", 1, "frames") as advance:
        advance(1)
    assert notebook == []


def test_long_work_in_a_notebook_has_a_bar(notebook: list[Display], capsys: pytest.CaptureFixture[str]) -> None:
    with log.progress("decoding", 2, "frames") as advance:
        advance(2, "nearly done")
    assert "nearly done" in notebook[0].shown[-1]["text/html"]
    assert capsys.readouterr().out == ""


def test_a_training_in_a_notebook_prints_what_is_rare_and_shows_the_newest_of_what_is_not(
    notebook: list[Display], capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(total_steps=40, start_step=0)
    numbers = {"loss": 0.5, "grad_norm": 1.0, "lr": 1e-4, "update_s": 0.1, "data_s": 0.0, "samples": 8}
    numbers |= {"episodes": 1.0, "epochs": 0.1, "samples_per_s": 80.0, "clipped_fraction": 0.0}
    for step in range(1, 41):
        console.tick(step)
        console.event({"event": "step", "time": 0.0, "step": step, **numbers})
    console.event({"event": "checkpoint", "path": "x", "bytes": 10, "reasons": ["final"], "seconds": 0.1})
    console.close()
    said = capsys.readouterr().out
    assert "step:" not in said
    assert said.count("checkpoint") == 1
    assert len(notebook) == 1
    assert "step:40" in notebook[0].shown[-1]["text/html"]
