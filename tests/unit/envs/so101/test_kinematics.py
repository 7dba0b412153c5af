import math

import mujoco
import numpy as np
import pytest

from understudy.envs.so101.arm import LIMITS
from understudy.envs.so101.kinematics import Kinematics, Place, between_jaws, lean
from understudy.envs.so101.model import PARALLEL, REACH, WIDE, scene

START = np.array([0.0, -0.5, 0.6, 1.2, 1.5, PARALLEL])


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(scene("", WIDE))


def places(n: int) -> list[tuple[Place, float]]:
    """Places all over the table in reach, and a jaw for each."""
    random = np.random.default_rng(5)
    return [
        (
            Place(random.uniform([0.16, -0.12, 0.013], [0.28, 0.12, 0.10]), random.uniform(1.0, 2.1)),
            random.uniform(0, 0.9),
        )
        for _ in range(n)
    ]


def test_inverse_kinematics_brings_the_hand_where_it_is_wanted(model: mujoco.MjModel) -> None:
    kinematics = Kinematics(model)
    for place, jaw in places(50):
        joints = kinematics.solve(place, jaw, START)
        reached = kinematics.place(joints)
        assert np.abs(reached.position - place.position).max() < 1e-4
        assert reached.yaw == pytest.approx(place.yaw, abs=1e-9)
        assert joints[5] == jaw
        points = kinematics.rotation(joints)[:, 0]
        assert math.acos(-points[2]) == pytest.approx(lean(place.position[2]), abs=1e-6)


def test_a_place_out_of_reach_gives_joints_within_their_limits(model: mujoco.MjModel) -> None:
    joints = Kinematics(model).solve(Place(np.array([0.6, 0.0, 0.3]), 1.5), 0.3, START)
    assert (joints >= LIMITS[:, 0]).all() and (joints <= LIMITS[:, 1]).all()


def test_solving_starts_from_nothing_but_its_arguments(model: mujoco.MjModel) -> None:
    used, fresh = Kinematics(model), Kinematics(model)
    for place, jaw in places(5):
        used.solve(place, jaw, START)
    place, jaw = places(1)[0]
    assert used.solve(place, jaw, START).tobytes() == fresh.solve(place, jaw, START).tobytes()


@pytest.mark.parametrize("jaw", [0.0, PARALLEL, 0.4, 0.65])
def test_the_point_between_the_jaws_is_midway_between_their_faces(model: mujoco.MjModel, jaw: float) -> None:
    data = mujoco.MjData(model)
    data.qpos[5] = jaw
    mujoco.mj_forward(model, data)
    hand, fixed, moving = data.body("gripper"), data.geom("fixed_jaw"), data.geom("moving_jaw")
    axes = hand.xmat.reshape(3, 3)

    def face_at_the_grip(geom: object, id: int, side: float) -> float:
        """Height of a jaw's face where it passes the depth of the grip, in the hand's frame."""
        normal = axes.T @ geom.xmat.reshape(3, 3)[:, 2]  # type: ignore[attr-defined]
        on_face = axes.T @ (geom.xpos - hand.xpos) + side * model.geom_size[id][2] * normal  # type: ignore[attr-defined]
        return float(on_face[2] - (REACH - on_face[0]) * normal[0] / normal[2])

    below = face_at_the_grip(fixed, model.geom("fixed_jaw").id, 1.0)
    above = face_at_the_grip(moving, model.geom("moving_jaw").id, -1.0)
    assert between_jaws(jaw)[2] == pytest.approx((below + above) / 2, abs=1e-4)


def test_a_hand_at_the_table_points_straight_down() -> None:
    assert lean(0.013) == 0.0
    assert lean(0.05) < lean(0.10)
