"""How far the seeds are: read on as the file grows, told in lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_run import step, validation
from understudy.core import log
from understudy.core.run_folder import RunFolder
from understudy.studies.ensemble_folder import EnsembleFolder
from understudy.studies.ensemble_progress import Board, Follower, state_of_exit


def test_a_run_is_read_on_as_it_grows_and_a_torn_line_waits_for_its_end(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    follower = Follower(run.events)
    assert follower.progress(3, "running", None).step == 0
    with run.events.open("a") as file:
        file.write(json.dumps(step(10, 100) | {"loss": 0.5, "update_s": 0.1, "data_s": 0.1}) + "\n")
        file.write(json.dumps(validation(10, 100) | {"action_error": "NaN"}) + "\n" + '{"event": "st')
        file.flush()
        found = follower.progress(3, "running", 100)
        assert (found.step, found.loss, found.eta_s) == (10, 0.5, pytest.approx(18.0))
        assert found.line(100) == "seed 3  running  step 10 of 100  loss 0.5000  held-out error nan  left 18.0 s"
        file.write('ep", "step": 20, "loss": 0.25}\n')
        file.flush()
    assert follower.progress(3, "running", 100).loss == 0.25


@pytest.mark.parametrize(
    ("code", "state"),
    [(0, "finished"), (130, "interrupted"), (143, "interrupted"), (-2, "interrupted"), (5, "failed"), (-9, "failed")],
)
def test_an_exit_code_says_what_became_of_a_run(code: int, state: str) -> None:
    assert state_of_exit(code) == state


def test_off_a_terminal_each_change_is_a_line_and_nothing_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(log, "say", said.append)
    board = Board(EnsembleFolder(tmp_path), [1, 2, 3], finished=[3])
    board.show([1], {})
    board.show([1], {})
    board.show([2], {1: 5})
    board.close()
    assert said == ["seed 1  running", "seed 3  finished", "seed 1  failed", "seed 2  running"]
