"""Trials by hand: scripted on stdin, as a person would press the keys."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest

from understudy.cli.main import main
from understudy.core import log
from understudy.core.errors import ConfigError
from understudy.evaluate.manual.config import ManualConfig
from understudy.evaluate.manual.session import Judged, record_of
from understudy.evaluate.manual.trials import Run, labelled, schedule
from understudy.evaluate.records import read_evaluation

SUCCESS, FAILURE = "\ns\n\n", "\nf\n0.5\nmissed the cube\n"


@pytest.fixture(autouse=True)
def at_the_robot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "_to_stderr", False)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()


def session(monkeypatch: pytest.MonkeyPatch, keys: str, *more: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(keys))
    policies = "--manual.policies=[one, two]"
    return main(["eval", "--env.type=manual", policies, "--eval.n_episodes=2", "--output_dir=trials", *more])


def test_every_policy_is_judged_once_in_each_trial_and_told_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session(monkeypatch, SUCCESS + FAILURE + SUCCESS + SUCCESS) == 0
    said = capsys.readouterr().out
    during, _, after = said.rpartition("A was")
    assert " two" not in during
    assert "trial 2 of 2, policy" in during
    found = [read_evaluation(Path("trials") / label) for label in "AB"]
    assert sorted(evaluation.policy for evaluation in found) == ["one", "two"]
    assert [evaluation.n for evaluation in found] == [2, 2]
    assert sum(evaluation.successes for evaluation in found) == 3
    assert found[0].protocol == found[1].protocol
    (failed,) = [episode for evaluation in found for episode in evaluation.episodes if not episode.success]
    assert (failed.progress, failed.reason) == (0.5, "missed the cube")
    assert "understudy compare trials/A trials/B" in after


def test_who_is_running_is_not_said_while_it_is_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session(monkeypatch, 4 * SUCCESS, "--manual.command=run --policy.path={policy}") == 0
    during = capsys.readouterr().out.split("A was")[0]
    assert "two" not in during
    assert "sh trials/start-A.sh" in during
    scripts = sorted(Path(f"trials/start-{label}.sh").read_text().splitlines()[1] for label in "AB")
    assert scripts == ["exec run --policy.path=one", "exec run --policy.path=two"]


def test_a_session_that_was_stopped_goes_on_after_the_last_judged_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session(monkeypatch, SUCCESS + "\nq\n") == 130
    assert "1 of 4 runs" in capsys.readouterr().err
    assert session(monkeypatch, SUCCESS, "--resume=true") == 130
    assert session(monkeypatch, FAILURE + SUCCESS, "--resume=true") == 0
    found = [read_evaluation(Path("trials") / label) for label in "AB"]
    assert [evaluation.n for evaluation in found] == [2, 2]
    assert sum(evaluation.successes for evaluation in found) == 3


def test_a_session_is_not_begun_anew_over_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session(monkeypatch, SUCCESS)
    assert session(monkeypatch, 4 * SUCCESS) == 2
    assert session(monkeypatch, 4 * SUCCESS, "--resume=true", "--manual.task=another") == 2
    assert "settings.task" in capsys.readouterr().err


def test_a_repeated_run_does_not_count_and_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert session(monkeypatch, "\nr\n" + SUCCESS + 3 * SUCCESS) == 0
    measured = [e.measured for label in "AB" for e in read_evaluation(Path("trials") / label).episodes]
    assert sorted(entry["repeats"] for entry in measured) == [0, 0, 0, 1]


def test_what_is_no_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert session(monkeypatch, "\nx\nf\nmuch\n7\n0.25\n\n" + 3 * SUCCESS) == 0
    progress = [e.progress for label in "AB" for e in read_evaluation(Path("trials") / label).episodes]
    assert sorted(progress) == [0.25, 1.0, 1.0, 1.0]


def test_json_lists_an_evaluation_for_each_policy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session(monkeypatch, 4 * SUCCESS, "--json") == 0
    documents = json.loads(capsys.readouterr().out)["evaluations"]
    assert [(d["successes"], d["n"], d["env"]) for d in documents] == [(2, 2, "manual")] * 2


def test_order_and_labels_are_balanced_and_follow_from_the_seed() -> None:
    runs = schedule("ABC", 60, seed=3)
    assert runs == schedule("ABC", 60, seed=3)
    assert runs != schedule("ABC", 60, seed=4)
    assert Counter(run.label for run in runs) == {"A": 60, "B": 60, "C": 60}
    for trial in range(60):
        assert sorted(run.label for run in runs[3 * trial : 3 * trial + 3]) == ["A", "B", "C"]
    first = Counter(runs[3 * trial].label for trial in range(60))
    assert min(first.values()) >= 10
    assert {labelled(["x", "y"], seed)["A"] for seed in range(20)} == {"x", "y"}
    with pytest.raises(ConfigError, match="named twice"):
        labelled(["x", "x"], 0)


def test_beyond_the_time_limit_a_run_has_failed() -> None:
    record = record_of(Run(0, "A"), Judged(True, 1.0, 31.0, "", 0), ManualConfig(time_limit_s=30))
    assert (record.success, record.reason, record.steps) == (False, "time limit", 31)
    assert record.progress < 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--manual.policies=[one, nowhere]"], "--manual.command"),
        (["--manual.policies=[one]", "--manual.command=run"], "{policy}"),
        (["--manual.policies=[one]", "--eval.videos=3"], "--eval.videos: not for trials"),
        ([], "which policies?"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--env.type=manual", *words]) == 2
    assert told in capsys.readouterr().err
    assert not Path("outputs").exists()
