"""`understudy record`: what it prints, and what it answers to bad options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import toy_env
from understudy.cli.main import main

TOY = ["--env.type=toy/reach", "--env.width=32", "--env.height=32"]


@pytest.fixture(autouse=True)
def toy_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_env.in_workers(monkeypatch)


def test_a_recording_ends_with_its_success_rate_and_what_to_type_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "d"
    assert main(["record", *TOY, f"--dataset.root={root}", "--dataset.num_episodes=3", "--workers=1"]) == 0
    said = capsys.readouterr().out
    # 0.025 ** (1 / 3)
    assert "3 of 3 attempts succeeded: 100.0%, between 29.2% and 100.0% with 95 % confidence" in said
    assert f"understudy train --policy.type=act --dataset.repo_id=local/d --dataset.root={root}" in said


def test_a_document_is_all_that_stands_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.core.log._to_stderr", False)
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "home"))
    assert main(["record", *TOY, "--dataset.repo_id=me/toy", "--dataset.num_episodes=2", "--seed=7", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == str(tmp_path / "home/me/toy")
    assert (document["seeds"], document["attempts"], document["successes"]) == ([7, 8], 2, 2)
    assert document["interval"] == [pytest.approx(0.025**0.5), 1.0]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--env.type=toy/rech", "--dataset.root=d"], "did you mean `toy/reach`"),
        (["--env.type=toy/reach"], "`--dataset`"),
        (["--env.type=toy/reach", "--dataset.num_episodes=3"], "say where the recording goes"),
        ([*TOY, "--dataset.root=d", "--dataset.num_episodes=0"], "at least 1"),
        ([*TOY, "--dataset.root=d", "--dataset.num_episode=3"], "did you mean `--dataset.num_episodes`"),
        ([*TOY, "--dataset.root=d", "--policy.type=expertt"], "did you mean `expert`"),
        ([*TOY, "--dataset.root=d", "--policy.type=expert", "--policy.path=x"], "give one of them"),
        ([*TOY, "--dataset.root=d", "--noise=-1"], "at least 0"),
        ([*TOY, "--dataset.root=d", "--env.width=33"], "even numbers"),
        ([*TOY, "--dataset.root=d", "--resume=true"], "no recording to go on with"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_bad_options_are_answered_and_nothing_is_written(
    words: list[str],
    answer: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["record", *words]) == 2
    assert answer in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_policy_that_is_not_there_is_bad_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*TOY, f"--dataset.root={tmp_path / 'd'}", f"--policy.path={tmp_path / 'nothing'}"]
    assert main(["record", *options]) == 3
    assert "no such folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
