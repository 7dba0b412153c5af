from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from known_policies import Constant, config_for
from make_dataset import make_dataset
from understudy.data.lerobot import Dataset, load_dataset
from understudy.evaluate import nearest
from understudy.evaluate.heldout import evaluate
from understudy.evaluate.nearest import Absent, Nearest, find_neighbours

STATE = "observation.state"


def load(folder: Path, **more: object) -> Dataset:
    return load_dataset(str(make_dataset(folder, frames=(12, 9, 15), cameras=(), action_dim=3, **more)))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load(tmp_path / "set")


def by_hand(known: np.ndarray, query: np.ndarray) -> int:
    scaled = (known - query) / known.std(0)
    return int((scaled.astype(np.float64) ** 2).sum(1).argmin())


def test_the_neighbour_is_the_frame_with_the_smallest_scaled_distance(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # blocks smaller than the data, so that they have to be put together
    monkeypatch.setattr(nearest, "_KNOWN_AT_ONCE", 5)
    monkeypatch.setattr(nearest, "_QUERIES_AT_ONCE", 4)
    known, asked = np.arange(21), np.arange(21, 36)
    found = Nearest(dataset, known, [STATE]).chunks(dataset, asked, 4)
    states, actions = dataset.columns[STATE], dataset.columns["action"]
    for row, chunk in zip(asked, found.numpy(), strict=True):
        at = by_hand(states[known].astype(np.float64), states[row])
        last = 11 if at < 12 else 20
        np.testing.assert_array_equal(chunk, actions[np.minimum(at + np.arange(4), last)])


def test_a_number_that_never_changes_does_not_decide(dataset: Dataset) -> None:
    dataset.columns[STATE][:, 0] = 7.0
    known, asked = np.arange(12), np.array([12, 13])
    before = Nearest(dataset, known, [STATE]).chunks(dataset, asked, 2)
    dataset.columns[STATE][12:14, 0] = 1e6
    np.testing.assert_array_equal(Nearest(dataset, known, [STATE]).chunks(dataset, asked, 2), before)


def test_it_is_measured_on_the_same_windows_as_the_policy(dataset: Dataset) -> None:
    policy = Constant(config_for(dataset.spec))
    train = load_dataset(str(dataset.root), episodes=[0, 1])
    result = evaluate(policy, dataset, episodes=[2], training=train, probe_frames=0)
    assert result.errors["nearest"].count.tolist() == result.errors["policy"].count.tolist()
    assert set(result.to_json()["baselines"]) == {"hold", "mean", "nearest"}
    assert result.absent.keys() == {"horizon_choice"}


def test_an_evaluated_episode_is_never_looked_up_in_itself(dataset: Dataset) -> None:
    policy = Constant(config_for(dataset.spec))
    train = load_dataset(str(dataset.root), episodes=[0, 1])
    given_all = evaluate(policy, dataset, episodes=[2], training=dataset, probe_frames=0)
    assert given_all.mae("nearest") == evaluate(policy, dataset, episodes=[2], training=train).mae("nearest")
    assert given_all.mae_mean("nearest") > 0


def test_demonstrations_that_repeat_are_found_again(tmp_path: Path) -> None:
    first, second = load(tmp_path / "a"), load(tmp_path / "b")
    second.files.__dict__["fingerprint"] = "another recording of the same motions"
    result = evaluate(Constant(config_for(first.spec)), first, training=second, probe_frames=0)
    assert result.mae_mean("nearest") == pytest.approx(0, abs=1e-6)


def test_without_training_episodes_the_reason_is_told(dataset: Dataset) -> None:
    result = evaluate(Constant(config_for(dataset.spec)), dataset, training=Absent("they are elsewhere"))
    assert result.to_json()["absent"]["nearest"] == "they are elsewhere"
    assert "nearest" not in result.errors


def test_training_on_the_evaluated_episodes_alone_leaves_nowhere_to_look(dataset: Dataset) -> None:
    found = find_neighbours(dataset, dataset, [0, 1, 2], config_for(dataset.spec))
    assert found == Absent("there is no training episode to look in")


def test_a_policy_of_pictures_alone_has_no_neighbours(dataset: Dataset) -> None:
    config = config_for(dataset.spec).model_copy(update={"input_features": {}})
    assert find_neighbours(dataset, dataset, [0], config) == Absent("the policy reads no state")


def test_training_episodes_of_another_robot_are_not_looked_in(dataset: Dataset, tmp_path: Path) -> None:
    other = load(tmp_path / "other", state_dim=4)
    found = find_neighbours(other, dataset, [0], config_for(dataset.spec))
    assert isinstance(found, Absent)
    assert STATE in found.reason
