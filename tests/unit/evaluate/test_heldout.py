from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from known_policies import Constant, KnownConfig, Oracle, config_for
from make_dataset import make_dataset
from understudy.core.errors import CheckpointError, ConfigError
from understudy.data.lerobot import Dataset, load_dataset
from understudy.evaluate.heldout import evaluate
from understudy.policies.config import Horizon
from understudy.policies.horizon import Controller

LENGTHS = (6, 9, 7)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "set", frames=LENGTHS, cameras=(), action_dim=3, fps=10)))


def actions_of(dataset: Dataset, episode: int) -> np.ndarray:
    found = dataset.episodes[episode]
    return dataset.columns["action"][found.start : found.start + found.length]


def by_hand(dataset: Dataset, predict, chunk: int = 4) -> np.ndarray:
    """Mean absolute error per joint, window by window: predict(actions, frame) -> one action or several."""
    errors = []
    for episode in range(len(dataset.episodes)):
        actions = actions_of(dataset, episode)
        for frame in range(1, len(actions)):
            actual = actions[frame : frame + chunk]
            errors.append(np.abs(actual - predict(actions, frame)))
    return np.concatenate(errors).mean(0)


def test_a_policy_that_knows_the_future_has_no_error(dataset: Dataset) -> None:
    policy = Oracle(config_for(dataset.spec), dataset.columns["observation.state"], dataset.columns["action"])
    result = evaluate(policy, dataset, probe_frames=0)
    assert result.mae_mean() == 0.0
    assert result.mae_mean("hold") > 0.01


def test_the_error_is_the_mean_over_every_demonstrated_entry(dataset: Dataset) -> None:
    result = evaluate(Constant(config_for(dataset.spec), 0.25), dataset, batch_size=5)
    expected = by_hand(dataset, lambda actions, frame: 0.25)
    np.testing.assert_allclose(list(result.mae().values()), expected, rtol=1e-6)


def test_holding_repeats_the_action_before_the_window(dataset: Dataset) -> None:
    result = evaluate(Constant(config_for(dataset.spec)), dataset)
    expected = by_hand(dataset, lambda actions, frame: actions[frame - 1])
    np.testing.assert_allclose(list(result.mae("hold").values()), expected, rtol=1e-6)


def test_the_mean_baseline_is_the_mean_that_the_policy_was_trained_with(dataset: Dataset) -> None:
    result = evaluate(Constant(config_for(dataset.spec)), dataset)
    expected = by_hand(dataset, lambda actions, frame: 0.5)
    np.testing.assert_allclose(list(result.mae("mean").values()), expected, rtol=1e-6)


def test_first_frames_are_left_out_because_nothing_was_executed_before_them(dataset: Dataset) -> None:
    assert evaluate(Constant(config_for(dataset.spec)), dataset).frames == sum(LENGTHS) - len(LENGTHS)


def test_chosen_episodes_alone_are_measured(dataset: Dataset) -> None:
    result = evaluate(Constant(config_for(dataset.spec)), dataset, episodes=[1])
    assert (result.episodes, result.frames) == ([1], LENGTHS[1] - 1)


def test_an_episode_that_is_not_there_is_named(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"\[7\]"):
        evaluate(Constant(config_for(dataset.spec)), dataset, episodes=[0, 7])


def test_no_episode_at_all_is_an_error(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="n = 0"):
        evaluate(Constant(config_for(dataset.spec)), dataset, episodes=[])


def test_episodes_of_one_frame_leave_nothing_to_measure(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "set", episodes=1, frames=1, cameras=())))
    with pytest.raises(ConfigError, match="n = 0"):
        evaluate(Constant(config_for(dataset.spec)), dataset)


def test_at_most_as_many_frames_as_allowed_are_measured(dataset: Dataset) -> None:
    assert evaluate(Constant(config_for(dataset.spec)), dataset, max_frames=5).frames == 5


def test_steps_that_no_episode_reaches_are_null_in_json(dataset: Dataset) -> None:
    result = evaluate(Constant(config_for(dataset.spec, chunk_size=12, n_action_steps=12)), dataset)
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    steps = document["by_step"]
    assert steps["frames"][7] == 1  # one window of the longest episode: its second frame, seven further ones
    assert steps["frames"][8] == 0
    assert steps["policy"]["joint_0.pos"][8] is None


def test_the_replay_predicts_anew_after_every_executed_chunk(dataset: Dataset) -> None:
    policy = Oracle(config_for(dataset.spec), dataset.columns["observation.state"], dataset.columns["action"])
    replay = evaluate(policy, dataset, probe_frames=0).replays[1]
    assert replay.starts.tolist() == [0, 2, 4, 6, 8]
    np.testing.assert_array_equal(replay.predicted, actions_of(dataset, 1))
    np.testing.assert_array_equal(replay.demonstrated, actions_of(dataset, 1))


def test_the_policy_predicts_in_eval_mode_and_is_given_back_as_it_was(dataset: Dataset) -> None:
    policy = Constant(config_for(dataset.spec))
    policy.train()
    evaluate(policy, dataset, batch_size=5)
    assert policy.training
    assert {mode for mode, _ in policy.asked} == {False}
    assert max(count for _, count in policy.asked) == 5


def test_pictures_reach_the_policy_at_the_cameras_size(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "set", episodes=1, frames=4, size=(24, 32))))
    shapes = []

    class Looking(Constant):
        def predict(self, observation, rng=None):
            shapes.append(tuple(observation["observation.images.front"].shape[1:]))
            return super().predict(observation, rng)

    evaluate(Looking(config_for(dataset.spec)), dataset)
    assert set(shapes) == {(3, 24, 32)}


def test_a_prediction_that_is_not_finite_names_episode_and_frame(dataset: Dataset) -> None:
    with pytest.raises(CheckpointError, match="not finite") as caught:
        evaluate(Constant(config_for(dataset.spec), float("nan")), dataset, episodes=[2])
    assert "episode 2, frame 0" in str(caught.value)


def test_a_policy_of_another_robot_is_refused_before_anything_is_decoded(dataset: Dataset, tmp_path: Path) -> None:
    other = load_dataset(str(make_dataset(tmp_path / "other", cameras=(), action_dim=4)))
    with pytest.raises(ConfigError, match="features of the policy"):
        evaluate(Constant(config_for(other.spec)), dataset)


def test_results_repeat_exactly(dataset: Dataset) -> None:
    policy = Constant(config_for(dataset.spec), 0.1)
    assert evaluate(policy, dataset).to_json() == evaluate(policy, dataset).to_json()


def test_a_policy_that_averages_is_replayed_averaging(dataset: Dataset) -> None:
    class Averaging(KnownConfig):
        def horizon(self) -> Horizon:
            return Horizon(self.chunk_size, 1, 0.1)

    class Mirror(Constant):
        """Its state over the whole chunk."""

        def predict(self, observation, rng=None):
            state = observation["observation.state"][:, None, : self.size]
            return state.expand(-1, self.config.chunk_size, -1).clone()

    policy = Mirror(Averaging(**config_for(dataset.spec).model_dump()))
    replay = evaluate(policy, dataset, probe_frames=0, max_frames=2).replays[0]
    controller = Controller(policy)
    controller.reset()
    executed = [controller.act({"observation.state": state}) for state in dataset.columns["observation.state"][:6]]
    np.testing.assert_allclose(replay.predicted, executed, atol=1e-6)
    assert replay.starts.tolist() == list(range(6))


def test_a_sample_of_the_frames_leaves_the_replays_whole(dataset: Dataset) -> None:
    policy = Oracle(config_for(dataset.spec), dataset.columns["observation.state"], dataset.columns["action"])
    result = evaluate(policy, dataset, probe_frames=0, max_frames=2)
    for episode, replay in enumerate(result.replays):
        np.testing.assert_array_equal(replay.predicted, actions_of(dataset, episode))


def test_the_verdict_says_when_too_little_was_learnt_for_probes(dataset: Dataset) -> None:
    learnt_nothing = evaluate(Constant(config_for(dataset.spec), 0.5), dataset)
    assert "learnt too little" in learnt_nothing.verdicts()[-1]
    assert learnt_nothing.verdict().count(". ") == len(learnt_nothing.verdicts()) - 1
