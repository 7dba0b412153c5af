"""ALOHA's demonstrators, in joint space: each stage looks where the objects are, solves the inverse kinematics of the
pose that is wanted next, and moves there along a minimum-jerk curve of the joints.

A grip is a point 13.5 cm in front of the gripper's link, between the tips. A pose turns a gripper by `pitch` below the
horizontal and by `roll` about its own axis; the right arm points to -x, the left one to +x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

GRIP_M = 0.135
OPEN, CLOSED = 1.0, 0.0
PITCH = np.pi / 3
MEETING = np.array([0.0, 0.5, 0.25])
X = np.array([1.0, 0.0, 0.0])
UP = np.array([0.0, 0.0, 1.0])
# keeps the tips, 1.9 cm in front of the grip, off the table
CLEAR = np.array([0.0, 0.0, 0.01])
SIDES = ("left", "right")
HEADING = {"left": X, "right": -X}

Pose = tuple[np.ndarray, float, float]  # where the grip is, pitch, roll
Plan = Iterator[np.ndarray]  # of actions, (14,)


def expert_for(task: str, physics: Any, seed: int) -> Expert:
    """The demonstrator of a task for the episode that has just begun. It draws nothing, so `seed` changes nothing."""
    plans: dict[str, Callable[[Arms], Plan]] = {"transfer-cube": transfer_cube, "insertion": insertion}
    return Expert(plans[task](Arms(physics)))


class Expert:
    """Plays a plan; at its end it stays."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._last = np.zeros(14)

    def act(self) -> np.ndarray:
        """(14,) the next action."""
        self._last = next(self._plan, self._last)
        return self._last


def transfer_cube(arms: Arms) -> Plan:
    """The right arm lifts the cube from above and holds it out; the left one takes it between its upright fingers."""
    # things start above the table and fall: where they lie is known when the arm is above them
    yield from arms.move(60, right=(arms.position("box") + 0.1 * UP, PITCH, 0.0), right_grip=OPEN)
    yield from arms.move(35, right=(arms.position("box") + CLEAR, PITCH, 0.0))
    yield from arms.move(30, right_grip=CLOSED)
    yield from arms.move(80, right=(MEETING, PITCH, 0.0), left=(MEETING - 0.14 * X, 0.0, np.pi / 2), left_grip=OPEN)
    yield from arms.move(35, left=(arms.position("box") + 0.005 * X, 0.0, np.pi / 2))
    yield from arms.move(35, left_grip=CLOSED)
    yield from arms.move(25, right_grip=OPEN)
    yield from arms.move(50, right=(MEETING + 0.1 * (X + UP), PITCH, 0.0), left=(MEETING - 0.1 * X, 0.0, np.pi / 2))


def insertion(arms: Arms) -> Plan:
    """Either arm lifts its part from above; held in line, the peg is pushed into the socket."""
    peg, socket = arms.position("peg"), arms.position("socket")
    yield from arms.move(
        60,
        right=(peg + 0.1 * UP, PITCH, 0.0),
        left=(socket + 0.1 * UP, PITCH, 0.0),
        right_grip=OPEN,
        left_grip=OPEN,
    )
    peg, socket = arms.position("peg"), arms.position("socket")
    yield from arms.move(35, right=(peg + CLEAR, PITCH, 0.0), left=(socket, PITCH, 0.0))
    yield from arms.move(35, right_grip=CLOSED, left_grip=CLOSED)
    yield from arms.move(80, right=(MEETING + 0.1 * X, PITCH, 0.0), left=(MEETING - 0.1 * X, PITCH, 0.0))
    # what a part is off from where its grip should hold it is taken away before they meet
    for gap in (0.15, 0.11, 0.06):
        part = gap / 2 * X
        yield from arms.move(
            35,
            right=(arms.grip("right") + MEETING + part - arms.position("peg"), PITCH, 0.0),
            left=(arms.grip("left") + MEETING - part - arms.position("socket"), PITCH, 0.0),
        )


class Arms:
    """Both arms: where things are, and moves from the last command to the next."""

    def __init__(self, physics: Any) -> None:
        import mujoco

        self._physics = physics
        self._model = physics.model.ptr
        # inverse kinematics tries joint angles on a copy
        self._trial = mujoco.MjData(self._model)
        self._joints = {side: self._of(side) for side in SIDES}
        self._links = {side: self._model.body(f"vx300s_{side}/gripper_link").id for side in SIDES}
        self._last = {side: physics.data.qpos[self._joints[side]].copy() for side in SIDES}
        self._fingers = dict.fromkeys(SIDES, CLOSED)

    def position(self, body: str) -> np.ndarray:
        """(3,) where the body is now, m."""
        found: np.ndarray = self._physics.named.data.xpos[body].copy()
        return found

    def grip(self, side: str) -> np.ndarray:
        """(3,) where the grip of an arm is now, m."""
        return _grip(self._physics.data, self._links[side])

    def move(
        self,
        steps: int,
        *,
        left: Pose | None = None,
        right: Pose | None = None,
        left_grip: float | None = None,
        right_grip: float | None = None,
    ) -> Plan:
        """Actions that bring the arms to the poses in `steps` control steps; what is not named stays."""
        poses, grips = {"left": left, "right": right}, {"left": left_grip, "right": right_grip}
        begin, began = dict(self._last), dict(self._fingers)
        for side in SIDES:
            pose, grip = poses[side], grips[side]
            if pose is not None:
                self._last[side] = self._solve(side, pose)
            if grip is not None:
                self._fingers[side] = grip
        for step in range(1, steps + 1):
            s = step / steps
            share = s**3 * (10 - 15 * s + 6 * s**2)
            yield np.concatenate(
                [
                    part
                    for side in SIDES
                    for part in (
                        begin[side] + share * (self._last[side] - begin[side]),
                        [began[side] + min(1.0, 2 * s) * (self._fingers[side] - began[side])],
                    )
                ]
            )

    def _solve(self, side: str, pose: Pose) -> np.ndarray:
        """Joint angles (6,) for the pose, by damped least squares from the last command."""
        import mujoco

        point, pitch, roll = pose
        model, data, link, joints = self._model, self._trial, self._links[side], self._joints[side]
        low, high = model.jnt_range[joints].T
        wanted = _rotation(side, pitch, roll)
        data.qpos[:] = self._physics.data.qpos
        data.qpos[joints] = self._last[side]
        moved, turned = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        for _ in range(150):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            grip = _grip(data, link)
            error = np.concatenate([point - grip, _turn(data.xmat[link].reshape(3, 3), wanted)])
            if np.abs(error).max() < 1e-4:
                break
            mujoco.mj_jac(model, data, moved, turned, grip, link)
            jacobian = np.concatenate([moved[:, joints], turned[:, joints]])
            change = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + 1e-4 * np.eye(6), error)
            data.qpos[joints] = np.clip(data.qpos[joints] + np.clip(change, -0.2, 0.2), low, high)
        found: np.ndarray = data.qpos[joints].copy()
        return found

    def _of(self, side: str) -> np.ndarray:
        """Which of the model's joints are the six of an arm; they are also its entries of position and velocity."""
        names = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
        return np.array([self._model.joint(f"vx300s_{side}/{name}").id for name in names])


def _grip(data: Any, link: int) -> np.ndarray:
    point: np.ndarray = data.xpos[link] + GRIP_M * data.xmat[link].reshape(3, 3)[:, 0]
    return point


def _rotation(side: str, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) axes of the gripper: forward, across (along which the fingers open), and the third."""
    forward = np.cos(pitch) * HEADING[side] - np.sin(pitch) * UP
    level = np.cross(UP, HEADING[side])
    across = np.cos(roll) * level + np.sin(roll) * np.cross(forward, level)
    return np.stack([forward, across, np.cross(forward, across)], axis=1)


def _turn(now: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(3,) rotation vector from one orientation to another, in the world's axes."""
    difference = wanted @ now.T
    axis = np.array(
        [
            difference[2, 1] - difference[1, 2],
            difference[0, 2] - difference[2, 0],
            difference[1, 0] - difference[0, 1],
        ]
    )
    sine, cosine = np.linalg.norm(axis) / 2, (np.trace(difference) - 1) / 2
    angle = np.arctan2(sine, cosine)
    return axis / (2 * sine) * angle if sine > 1e-9 else np.zeros(3)
