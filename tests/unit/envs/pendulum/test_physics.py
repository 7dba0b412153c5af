from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

from understudy.envs.pendulum.expert import GAINS, CascadedPid
from understudy.envs.pendulum.physics import FALL_ANGLE, Physics, has_fallen


def test_a_step_is_that_of_gymnasiums_inverted_pendulum_v5_to_the_last_bit() -> None:
    assert gymnasium.__file__
    asset = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "inverted_pendulum.xml"
    model = mujoco.MjModel.from_xml_path(str(asset))
    physics = Physics()
    random = np.random.default_rng(0)
    for _ in range(300):
        # away from the rail's ends, which are where the two differ
        state = random.uniform(-0.8, 0.8, 4)
        action = random.uniform(-3, 3, 1).astype(np.float32)
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:], data.ctrl[:] = state[:2], state[2:], action
        mujoco.mj_step(model, data, nstep=2)
        assert np.array_equal(physics.step(state[None], action)[0], np.concatenate([data.qpos, data.qvel]))


def test_a_rows_next_state_does_not_depend_on_its_neighbours_even_at_the_limits() -> None:
    random = np.random.default_rng(1)
    states = random.uniform(-1, 1, (64, 4)) * [10.5, 1.7, 5, 5]
    actions = random.uniform(-4, 4, 64)
    together = Physics().step(states, actions)
    physics = Physics()
    alone = np.concatenate([physics.step(states[i : i + 1], actions[i : i + 1]) for i in reversed(range(64))])
    assert np.array_equal(together, alone[::-1])


def test_a_push_beyond_the_limit_is_clipped() -> None:
    state = np.zeros((1, 4))
    physics = Physics()
    assert np.array_equal(physics.step(state, np.array([7.0])), physics.step(state, np.array([3.0])))


def test_a_pole_has_fallen_beyond_45_degrees_or_when_a_number_is_not_finite() -> None:
    states = np.array(
        [[0, FALL_ANGLE, 0, 0], [0, FALL_ANGLE + 1e-9, 0, 0], [0, -0.8, 0, 0], [np.nan, 0, 0, 0], [9, 0.2, 3, 3]]
    )
    assert has_fallen(states).tolist() == [False, True, True, True, False]


@pytest.mark.shared
def test_the_recorded_episodes_are_replayed_bit_for_bit_by_physics_and_expert(shared: Path) -> None:
    with np.load(shared / "inverted_pendulum_pid" / "pid_4000x100.npz", allow_pickle=False) as file:
        recorded = {name: file[name][:200] for name in ("observation", "action", "applied_action")}
    draws = [np.random.default_rng([0, episode, 0]) for episode in range(200)]
    pid = CascadedPid(np.array([GAINS * draw.uniform(0.9, 1.1, 6) for draw in draws]))
    states = np.array([draw.uniform(-0.5, 0.5, 4) for draw in draws])
    noise = np.array([draw.uniform(-0.05, 0.05, 100) for draw in draws])
    physics = Physics()
    for step in range(100):
        assert np.array_equal(states.astype(np.float32), recorded["observation"][:, step])
        actions = pid.act(states)
        assert np.array_equal(actions, recorded["action"][:, step, 0])
        applied = actions.astype(np.float64) + noise[:, step]
        assert np.array_equal(np.clip(applied, -3, 3).astype(np.float32), recorded["applied_action"][:, step, 0])
        states = physics.step(states, applied)
