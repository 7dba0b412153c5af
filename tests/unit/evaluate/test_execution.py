"""What is worked out from stored chunks is what the controller would have done, step by step, on the same pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from known_policies import Constant, KnownConfig
from understudy.evaluate.execution import ensembled, open_loop
from understudy.policies.config import Feature, Horizon
from understudy.policies.horizon import Controller

FRAMES, STEPS, JOINTS = 23, 6, 2


class Recorded(Constant):
    """Answers with the chunk that was stored for the frame whose number is its state."""

    def __init__(self, config: KnownConfig, chunks: np.ndarray) -> None:
        super().__init__(config)
        self.chunks = torch.from_numpy(chunks)

    def predict(self, observation, rng=None):
        return self.chunks[observation["observation.state"][:, 0].long()]


class Averaging(KnownConfig):
    coefficient: float | None = None

    def horizon(self) -> Horizon:
        return Horizon(self.chunk_size, self.n_action_steps, self.coefficient)


def chunks() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(FRAMES, STEPS, JOINTS)).astype(np.float32)


def by_controller(executed: int, coefficient: float | None) -> np.ndarray:
    config = Averaging(
        input_features={"observation.state": Feature(type="STATE", shape=(1,))},
        output_features={"action": Feature(type="ACTION", shape=(JOINTS,))},
        chunk_size=STEPS,
        n_action_steps=executed,
        coefficient=coefficient,
    )
    controller = Controller(Recorded(config, chunks()))
    controller.reset()
    return np.stack([controller.act({"observation.state": np.array([t], np.float32)}) for t in range(FRAMES)])


@pytest.mark.parametrize("executed", [1, 2, 4, STEPS])
def test_open_loop_is_what_the_controller_executes(executed: int) -> None:
    np.testing.assert_array_equal(open_loop(chunks(), executed), by_controller(executed, None))


@pytest.mark.parametrize("coefficient", [0.5, 0.01, 0.0, -0.3])
def test_ensembling_is_what_the_controller_executes(coefficient: float) -> None:
    np.testing.assert_allclose(ensembled(chunks(), coefficient), by_controller(1, coefficient), atol=2e-6)


def test_an_episode_shorter_than_a_chunk_is_executed_to_its_end() -> None:
    short = chunks()[:3]
    np.testing.assert_array_equal(open_loop(short, STEPS), short[0, :3])
    np.testing.assert_allclose(ensembled(short, 0.0)[2], (short[2, 0] + short[1, 1] + short[0, 2]) / 3, atol=1e-6)
