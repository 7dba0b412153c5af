from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fake_run import started, write_events
from make_dataset import make_dataset
from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder
from understudy.data.lerobot import Dataset, load_dataset
from understudy.evaluate.episodes import check_held_out, training_episodes, validation_episodes, wanted_episodes
from understudy.evaluate.nearest import Absent

SET = "set"
SPLIT = {"train": [0, 1, 2, 4], "validation": [3], "test": [5]}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run on the dataset with the fingerprint f00d."""
    folder = RunFolder(tmp_path / "run")
    write_events(folder, [started()])
    folder.split.write_text(json.dumps(SPLIT))
    return folder


def dataset(fingerprint: str = "f00d", episodes: list[int] | None = None) -> Any:
    loaded = range(6) if episodes is None else episodes
    return SimpleNamespace(
        fingerprint=fingerprint, root=Path("banana"), episodes=[SimpleNamespace(index=i) for i in loaded]
    )


def test_the_episodes_that_the_run_held_out_are_taken(run: RunFolder) -> None:
    assert wanted_episodes(None, run, SET) == [3, 5]
    check_held_out(None, dataset(episodes=[3, 5]), run)


def test_another_dataset_is_never_guessed_at(run: RunFolder) -> None:
    with pytest.raises(ConfigError, match="not trained on exactly this dataset") as caught:
        check_held_out(None, dataset("beef", [3, 5]), run)
    assert "--dataset.episodes=all" in str(caught.value)


def test_a_policy_outside_a_run_folder_needs_the_episodes_to_be_named() -> None:
    with pytest.raises(ConfigError, match="run folder"):
        wanted_episodes(None, None, SET)


def test_a_run_that_held_nothing_out_needs_them_named_too(run: RunFolder) -> None:
    run.split.write_text(json.dumps({"train": [0, 1, 2, 3, 4, 5], "validation": [], "test": []}))
    with pytest.raises(ConfigError, match="held no episode of it out"):
        wanted_episodes(None, run, SET)


def test_a_run_without_a_split_needs_them_named_too(run: RunFolder) -> None:
    run.split.unlink()
    with pytest.raises(ConfigError, match="held no episode of it out"):
        wanted_episodes(None, run, SET)


def test_all_and_lists_are_taken_as_they_are_asked_for(run: RunFolder) -> None:
    assert wanted_episodes("all", run, SET) is None
    assert wanted_episodes([4, 2], None, SET) == [4, 2]


def test_episodes_that_were_trained_on_are_pointed_out(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    check_held_out([2, 3], dataset(episodes=[2, 3]), run)
    assert "1 of 2 episodes were trained on" in capsys.readouterr().err


@pytest.mark.parametrize("fingerprint", ["f00d", "beef"])
def test_nothing_is_pointed_out_where_nothing_is_known_to_be_wrong(
    fingerprint: str, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    check_held_out([3, 5], dataset(fingerprint, [3, 5]), run)
    assert capsys.readouterr().err == ""


@pytest.fixture
def held_out(tmp_path: Path, run: RunFolder) -> Dataset:
    """The validation and test episodes of the dataset that `run` was trained on."""
    folder = make_dataset(tmp_path / "set", version="v2.1", episodes=6, frames=5, cameras=())
    renamed = {"observation.state": "observation.environment_state"}
    found = load_dataset(str(folder), episodes=[3, 5], rename_map=renamed)
    facts = {"repo_id": "set", "fingerprint": found.fingerprint}
    write_events(run, [started(dataset=facts)])
    return found


def test_the_episodes_trained_on_are_read_from_the_same_folder_under_the_same_names(
    run: RunFolder, held_out: Dataset
) -> None:
    found = training_episodes(held_out, run)
    assert isinstance(found, Dataset)
    assert [episode.index for episode in found.episodes] == SPLIT["train"]
    assert "observation.environment_state" in found.columns


def test_episodes_for_choosing_are_the_validation_ones_and_never_those_of_the_test(
    run: RunFolder, held_out: Dataset
) -> None:
    assert validation_episodes(held_out, run) == [3]
    assert validation_episodes(held_out, None) == []
    assert validation_episodes(dataset("beef"), run) == []


def test_training_episodes_that_are_not_here_are_absent_with_the_reason(run: RunFolder, held_out: Dataset) -> None:
    (held_out.root / "data/chunk-000/episode_000002.parquet").unlink()
    found = training_episodes(held_out, run)
    assert isinstance(found, Absent)
    assert "cannot be read here" in found.reason


def test_nothing_is_looked_up_in_episodes_of_another_dataset(run: RunFolder, held_out: Dataset) -> None:
    assert training_episodes(dataset("beef"), run) == Absent("the run was not trained on this dataset")
    assert isinstance(training_episodes(held_out, None), Absent)
    run.split.unlink()
    assert training_episodes(held_out, run) == Absent("the run has no split.json that names its training episodes")


@pytest.fixture
def mixed(tmp_path: Path) -> RunFolder:
    """A run on two datasets: the first is told by a name, and of the second the folder is known."""
    folder = RunFolder(tmp_path / "mixed")
    parts = [
        {"repo_id": "you/cubes", "fingerprint": "f00d", "first_episode": 0},
        {"repo_id": "more", "fingerprint": "beef", "first_episode": 10},
    ]
    write_events(folder, [started(dataset={"repo_id": "you/cubes + more", "fingerprint": "both", "parts": parts})])
    folder.split.write_text(json.dumps({"train": [0, 1, 2, 4, 10, 12], "validation": [3, 11], "test": [13]}))
    (tmp_path / "more").mkdir()
    mixture = [{"repo_id": "you/cubes", "root": None}, {"repo_id": "more", "root": str(tmp_path / "more")}]
    folder.config.write_text(json.dumps({"dataset": {"repo_id": "you/cubes + more", "mixture": mixture}}))
    return folder


def test_of_several_datasets_the_episodes_of_the_one_that_is_named_are_taken(mixed: RunFolder, tmp_path: Path) -> None:
    assert wanted_episodes(None, mixed, "you/cubes") == [3]
    assert wanted_episodes(None, mixed, str(tmp_path / "more")) == [1, 3]
    assert wanted_episodes(None, mixed, "anything", tmp_path / "more") == [1, 3]
    with pytest.raises(ConfigError, match="trained on you/cubes, more"):
        wanted_episodes(None, mixed, "you/others")


def test_of_several_datasets_each_is_known_by_its_own_numbers(
    mixed: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validation_episodes(dataset("beef"), mixed) == [1]
    check_held_out(None, dataset("beef", [1, 3]), mixed)
    assert capsys.readouterr().err == ""
    check_held_out([0, 1], dataset("beef", [0, 1]), mixed)
    assert "1 of 2 episodes were trained on" in capsys.readouterr().err
