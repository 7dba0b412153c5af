from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fake_run import started, write_events
from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder
from understudy.evaluate.episodes import choose_episodes

SPLIT = {"train": [0, 1, 2, 4], "validation": [3], "test": [5]}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run on the dataset with the fingerprint f00d."""
    folder = RunFolder(tmp_path / "run")
    write_events(folder, [started()])
    folder.split.write_text(json.dumps(SPLIT))
    return folder


def dataset(fingerprint: str = "f00d") -> Any:
    return SimpleNamespace(
        fingerprint=fingerprint, root=Path("banana"), episodes=[SimpleNamespace(index=i) for i in range(6)]
    )


def test_the_episodes_that_the_run_held_out_are_taken(run: RunFolder) -> None:
    assert choose_episodes(None, dataset(), run) == [3, 5]


def test_another_dataset_is_never_guessed_at(run: RunFolder) -> None:
    with pytest.raises(ConfigError, match="not trained on exactly this dataset") as caught:
        choose_episodes(None, dataset("beef"), run)
    assert "--dataset.episodes=all" in str(caught.value)


def test_a_policy_outside_a_run_folder_needs_the_episodes_to_be_named() -> None:
    with pytest.raises(ConfigError, match="run folder"):
        choose_episodes(None, dataset(), None)


def test_a_run_that_held_nothing_out_needs_them_named_too(run: RunFolder) -> None:
    run.split.write_text(json.dumps({"train": [0, 1, 2, 3, 4, 5], "validation": [], "test": []}))
    with pytest.raises(ConfigError, match="held no episode out"):
        choose_episodes(None, dataset(), run)


def test_all_means_every_episode_of_the_dataset() -> None:
    assert choose_episodes("all", dataset(), None) == [0, 1, 2, 3, 4, 5]


def test_episodes_that_were_trained_on_are_pointed_out(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose_episodes([2, 3], dataset(), run) == [2, 3]
    assert "1 of 2 episodes were trained on" in capsys.readouterr().err


def test_held_out_episodes_asked_for_by_name_raise_no_warning(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    choose_episodes([3, 5], dataset(), run)
    assert capsys.readouterr().err == ""
