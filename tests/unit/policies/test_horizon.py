"""From chunks to actions: the queue, the weights of temporal ensembling, the controller."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act
from understudy.policies.horizon import ActionQueue, Controller, TemporalEnsembler


def chunk_of(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, -1, 1)


def test_a_queue_gives_the_first_actions_of_a_chunk_in_order() -> None:
    queue = ActionQueue(2)
    assert queue.is_empty
    queue.push(chunk_of(1, 2, 3))
    assert [float(queue.pop()), float(queue.pop())] == [1, 2]
    assert queue.is_empty


def test_a_reset_queue_forgets() -> None:
    queue = ActionQueue(3)
    queue.push(chunk_of(1, 2, 3))
    queue.reset()
    assert queue.is_empty


@pytest.mark.parametrize("coefficient", [0.0, 0.01, 1.0, -0.5])
def test_the_ensemble_is_the_weighted_mean_of_all_predictions_for_a_step(coefficient: float) -> None:
    rng = np.random.default_rng(0)
    chunks = rng.standard_normal((9, 1, 4, 2)).astype(np.float32)
    ensembler = TemporalEnsembler(coefficient, 4)
    for now, chunk in enumerate(chunks):
        given = ensembler.update(torch.from_numpy(chunk))
        made = range(max(0, now - 3), now + 1)  # oldest first: the predictions that reach this step
        weights = np.exp(-coefficient * np.arange(len(made)))
        expected = sum(w * chunks[k, 0, now - k] for w, k in zip(weights, made, strict=True)) / weights.sum()
        np.testing.assert_allclose(given[0].numpy(), expected, atol=1e-5)


def test_a_reset_ensemble_starts_anew() -> None:
    ensembler = TemporalEnsembler(0.01, 3)
    ensembler.update(chunk_of(1, 2, 3))
    ensembler.reset()
    assert float(ensembler.update(chunk_of(7, 8, 9))) == 7


def controller_of(**options: object) -> tuple[Controller, Act]:
    config = ActConfig.model_validate({**ActConfig.tiny().lerobot_json(), **options})
    torch.manual_seed(0)
    policy = config.build(config.fake_statistics())
    return Controller(policy), policy


def observation_of(policy: Act, seed: int = 0) -> dict[str, np.ndarray]:
    drawn = policy.config.fake_batch(1, seed=seed).observation
    return {name: value[0].numpy() for name, value in drawn.items()}


def test_observations_are_not_looked_at_while_a_chunk_is_executed() -> None:
    controller, policy = controller_of(n_action_steps=2)
    first, other = observation_of(policy), observation_of(policy, seed=1)
    chunk = policy.predict({k: torch.from_numpy(v)[None] for k, v in first.items()})[0].numpy()
    assert np.array_equal(controller.act(first), chunk[0])
    assert np.array_equal(controller.act(other), chunk[1])
    assert not np.allclose(controller.act(other), chunk[2], atol=1e-6)


def test_a_reset_controller_predicts_anew() -> None:
    controller, policy = controller_of(n_action_steps=3)
    first = controller.act(observation_of(policy))
    controller.act(observation_of(policy))
    controller.reset()
    assert np.array_equal(controller.act(observation_of(policy)), first)


def test_a_robots_picture_may_have_its_channels_last() -> None:
    controller, policy = controller_of(n_action_steps=1)
    observation = observation_of(policy)
    camera = policy.config.cameras[0]
    turned = {**observation, camera: observation[camera].transpose(1, 2, 0)}
    first = controller.act(observation)
    controller.reset()
    np.testing.assert_allclose(controller.act(turned), first, atol=1e-6)


def test_a_batch_of_robots_is_answered_as_a_batch() -> None:
    controller, policy = controller_of(n_action_steps=1, temporal_ensemble_coeff=0.01)
    batch = policy.config.fake_batch(3).observation
    assert controller.act(batch).shape == (3, 6)
    assert controller.act({k: v[:, ...] for k, v in batch.items()}).dtype == np.float32


def test_a_robots_own_names_are_translated_and_what_is_unknown_is_left_aside() -> None:
    controller, policy = controller_of(n_action_steps=1)
    observation = observation_of(policy)
    expected = controller.act(observation)
    camera = policy.config.cameras[0]
    policy.rename_map = {"observation.images.cam0": camera}
    robots = {"observation.images.cam0" if k == camera else k: v for k, v in observation.items()}
    controller.reset()
    assert np.array_equal(controller.act({**robots, "observation.temperature": np.zeros(1)}), expected)
