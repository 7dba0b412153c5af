"""A policy that ignores its cameras, its state, or which camera is which, is told from one that does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from known_policies import Constant, config_for
from make_dataset import make_dataset
from understudy.data.frames import open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.windows import Windows
from understudy.evaluate.heldout import evaluate
from understudy.evaluate.probed import Probed
from understudy.evaluate.probes import exchanged, others, probes_of

STATE, FRONT, WRIST = "observation.state", "observation.images.front", "observation.images.wrist"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two cameras of one size whose grey tells the frame. The action is made to be that grey."""
    folder = tmp_path_factory.mktemp("probes") / "set"
    found = load_dataset(
        str(make_dataset(folder, episodes=2, frames=24, cameras=("front", "wrist"), images_as="image"))
    )
    rows = np.arange(found.num_rows)
    grey = open_frames(found, plan_frames(found, tier="ram")).gather(FRONT, rows).mean((1, 2, 3)) / 255
    found.columns["action"][:] = grey[:, None] + 0.01 * np.sin(rows)[:, None]
    found.columns[STATE][:] = found.columns["action"]
    return found


class Seeing(Constant):
    """Acts by how bright one camera is, and by nothing else."""

    camera = FRONT

    def predict(self, observation: dict[str, Tensor], rng=None) -> Tensor:
        level = observation[self.camera].float().mean((1, 2, 3)) / 255
        return level[:, None, None].expand(-1, self.config.chunk_size, self.size)


class Blind(Constant):
    """Acts by its state, whatever the cameras show."""

    def predict(self, observation: dict[str, Tensor], rng=None) -> Tensor:
        return observation[STATE][:, :1, None].expand(-1, self.config.chunk_size, self.size)


class Indifferent(Constant):
    """Looks at both cameras, and would not notice if they changed places."""

    def predict(self, observation: dict[str, Tensor], rng=None) -> Tensor:
        level = sum(observation[name].float().mean((1, 2, 3)) for name in (FRONT, WRIST)) / 510
        return level[:, None, None].expand(-1, self.config.chunk_size, self.size)


def probed(policy: Constant, dataset: Dataset, **more: int) -> Probed:
    found = evaluate(policy, dataset, **more).probed
    assert found is not None
    return found


def test_a_policy_that_ignores_its_cameras_is_found_out(dataset: Dataset) -> None:
    found = probed(Blind(config_for(dataset.spec)), dataset)
    for name in ("cameras_blank", "cameras_shuffled", "cameras_swapped", f"camera_blank.{WRIST}"):
        assert found.ratio(name) == 1.0
    assert found.sentence("cameras_blank") == "cameras blanked: error stays the same: it is not looking"
    assert found.ratio("state_shuffled") > 2
    assert found.verdict() == [found.sentence("cameras_shuffled"), found.sentence("state_shuffled")]
    assert "it depends on it" in found.verdict()[1]


def test_a_policy_that_uses_its_cameras_is_recognised(dataset: Dataset) -> None:
    found = probed(Seeing(config_for(dataset.spec)), dataset)
    assert found.ratio("cameras_blank") > 1.2
    assert found.ratio("cameras_shuffled") > 2
    assert found.finding("cameras_shuffled").endswith("it depends on them")
    assert found.finding("state_blank") == found.finding("state_shuffled") == "error stays the same: it does not use it"
    assert any("state shuffled" in sentence for sentence in found.verdict())


def test_the_camera_that_matters_is_told_from_the_one_that_does_not(dataset: Dataset) -> None:
    found = probed(Seeing(config_for(dataset.spec)), dataset)
    assert found.ratio(f"camera_blank.{FRONT}") > 1.2
    assert found.sentence(f"camera_blank.{WRIST}") == (
        "camera wrist blanked: error stays the same: it is not looking at it"
    )


def test_swapping_tells_whether_cameras_are_told_apart(dataset: Dataset) -> None:
    assert probed(Seeing(config_for(dataset.spec)), dataset).ratio("cameras_swapped") > 1.2
    indifferent = probed(Indifferent(config_for(dataset.spec)), dataset)
    assert indifferent.ratio("cameras_swapped") == pytest.approx(1)
    assert indifferent.finding("cameras_swapped").endswith("it does not tell them apart")


def test_probes_repeat_exactly_and_cost_what_was_allowed(dataset: Dataset) -> None:
    policy = Blind(config_for(dataset.spec))
    asked: list[int] = []
    predict = policy.predict
    policy.predict = lambda observation, rng=None: (asked.append(len(observation[STATE])), predict(observation))[1]
    first = probed(policy, dataset, probe_frames=10)
    assert first.frames == 10
    assert sum(asked) == dataset.num_rows + 10 * (1 + len(first.names))
    joints = dataset.spec.action.names
    assert first.to_json(list(joints)) == probed(policy, dataset, probe_frames=10).to_json(list(joints))


def test_no_probe_is_made_when_none_is_asked_for(dataset: Dataset) -> None:
    result = evaluate(Blind(config_for(dataset.spec)), dataset, probe_frames=0)
    assert result.probed is None
    assert result.to_json()["probes"] == {}


def test_a_policy_whose_answer_breaks_is_reported_with_null(dataset: Dataset) -> None:
    class Fragile(Seeing):
        def predict(self, observation, rng=None):
            same = (observation[FRONT] == observation[FRONT][:1]).all()
            return super().predict(observation) * (float("nan") if same and len(observation[FRONT]) > 1 else 1.0)

    found = probed(Fragile(config_for(dataset.spec)), dataset)
    document = json.loads(json.dumps(found.to_json(list(dataset.spec.action.names)), allow_nan=False))
    assert document["cameras_blank"]["ratio"] is None
    assert document["cameras_blank"]["finding"] == "its predictions are no longer finite"
    assert document["cameras_shuffled"]["ratio"] > 1


def test_a_blank_picture_has_the_mean_colour_of_its_camera(dataset: Dataset) -> None:
    policy = Blind(config_for(dataset.spec))
    frames = open_frames(dataset, plan_frames(dataset, tier="ram"))
    windows = Windows(dataset, frames, action_offsets=range(4), cameras=[FRONT, WRIST])
    rows = np.arange(1, 20)
    blank = next(each for each in probes_of(policy, windows, rows) if each.name == "cameras_blank")
    own = windows.gather(rows).observation
    shown = blank.change(own, own)
    for camera in (FRONT, WRIST):
        expected = torch.from_numpy(frames.gather(camera, rows)).double().mean((0, 1, 2)).round()
        assert shown[camera].dtype == torch.uint8
        assert torch.equal(shown[camera].double(), expected[None, :, None, None].expand_as(shown[camera]))
    assert torch.equal(shown[STATE], own[STATE])


@pytest.mark.parametrize("count", [2, 3, 40])
def test_every_frame_gets_another_one_and_each_is_used_once(count: int) -> None:
    partner = others(count)
    assert sorted(partner) == list(range(count))
    assert (partner != np.arange(count)).all()


def test_cameras_change_places_with_those_of_their_size_alone() -> None:
    big, small = (3, 48, 64), (3, 24, 32)
    shapes = {"a": big, "b": small, "c": big, "d": big, "e": (3, 10, 10), "f": small}
    assert exchanged(list(shapes), shapes) == {"a": "c", "c": "d", "d": "a", "b": "f", "f": "b"}


def test_a_policy_without_cameras_is_probed_for_its_state_alone(tmp_path: Path) -> None:
    plain = load_dataset(str(make_dataset(tmp_path / "set", frames=6, cameras=())))
    found = probed(Constant(config_for(plain.spec)), plain)
    assert found.names == ["state_blank", "state_shuffled"]


def test_one_frame_has_no_other_to_be_confused_with(tmp_path: Path) -> None:
    plain = load_dataset(str(make_dataset(tmp_path / "set", frames=6, cameras=())))
    assert probed(Constant(config_for(plain.spec)), plain, max_frames=1).names == ["state_blank"]
