"""Where the hand is for given joints, and the joints for where the hand should be.

The hand's point lies midway between the jaws, where a cube is gripped; it moves sideways when the moving jaw opens. The
place of a hand has four numbers: position, and yaw, the direction in which the jaws open. Down at the table the hand
points straight down; the higher it is the more it leans outwards, because the wrist bends by 95 degrees and no further.

Unusual: forward kinematics and Jacobian are MuJoCo's own, on a copy of the state, so no length is written down twice.
Inverse kinematics: damped least squares (Nakamura and Hanafusa 1986; Wampler 1986) for shoulder and elbow; both joints
of the wrist follow from lean and yaw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from .arm import LIMITS
from .model import CUBE, PARALLEL, PIVOT, REACH

_DAMPING = 1e-3  # m/rad
_EXACT = 1e-5  # m, at which the iteration ends
_ITERATIONS = 40
_LARGEST = 0.3  # rad a joint moves in one iteration at most
# the hand leans by _LEAN rad for each metre above _UPRIGHT, at most by _LEAN_MOST
_UPRIGHT, _LEAN, _LEAN_MOST = 0.025, 5.5, 0.75


@dataclass(frozen=True)
class Place:
    """Where the hand is: the point between its jaws (3,) in metres, and the yaw of the opening direction in rad."""

    position: np.ndarray
    yaw: float


class Kinematics:
    """The arm of one model. Works on its own copy of the state."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        self._hand = model.body("gripper").id
        self._jacobian = np.zeros((3, model.nv))

    def place(self, joints: np.ndarray) -> Place:
        """Where the hand is with `joints` (6,) rad. The yaw is that of a hand that points straight down."""
        return Place(self._point(joints), float(joints[4] - joints[0]))

    def rotation(self, joints: np.ndarray) -> np.ndarray:
        """(3, 3): the hand's axes as columns: where it points, across, and the direction in which the jaws open."""
        self._point(joints)
        axes: np.ndarray = self._data.xmat[self._hand].reshape(3, 3).copy()
        return axes

    def solve(self, place: Place, jaw: float, start: np.ndarray) -> np.ndarray:
        """(6,) rad: joints that bring the hand, with its jaw at `jaw` rad, to `place`.

        The nearest solution to `start` (6,) within the limits; where none exists, the best that was found.
        """
        pitch = math.pi / 2 - lean(float(place.position[2]))
        joints = np.array(start, dtype=np.float64)
        joints[5] = jaw
        for _ in range(_ITERATIONS):
            joints[3] = pitch - joints[1] - joints[2]
            joints[4] = place.yaw + joints[0]
            np.clip(joints, LIMITS[:, 0], LIMITS[:, 1], out=joints)
            point = self._point(joints)
            error = place.position - point
            if np.abs(error).max() < _EXACT:
                break
            jacobian = self._jacobian_at(point)
            step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + _DAMPING**2 * np.eye(3), error)
            joints[:3] += np.clip(step, -_LARGEST, _LARGEST)
        clipped: np.ndarray = np.clip(joints, LIMITS[:, 0], LIMITS[:, 1])
        return clipped

    def _point(self, joints: np.ndarray) -> np.ndarray:
        """(3,) the hand's point."""
        self._data.qpos[:6] = joints
        mujoco.mj_kinematics(self._model, self._data)
        rotation = self._data.xmat[self._hand].reshape(3, 3)
        point: np.ndarray = self._data.xpos[self._hand] + rotation @ between_jaws(float(joints[5]))
        return point

    def _jacobian_at(self, point: np.ndarray) -> np.ndarray:
        """(3, 3): how the point moves with pan, lift and elbow, when the wrist keeps pitch and yaw."""
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_jac(self._model, self._data, self._jacobian, None, point, self._hand)
        pan, lift, elbow, flex, roll = self._jacobian[:, :5].T
        return np.stack([pan + roll, lift - flex, elbow - flex], axis=1)


def lean(height: float) -> float:
    """How far a hand at `height` m leans outwards from straight down, rad."""
    return min(_LEAN_MOST, max(0.0, (height - _UPRIGHT) * _LEAN))


def between_jaws(jaw: float) -> np.ndarray:
    """(3,) m, in the frame of the body "gripper": the point midway between the jaws at the depth of the grip."""
    along, down = REACH - PIVOT[0], CUBE - PIVOT[1]
    angle = jaw - PARALLEL
    # the moving jaw's face is a line `down` from the pivot, turned by `angle`; where it passes the depth of the grip
    face = PIVOT[1] + down / math.cos(angle) + along * math.tan(angle)
    return np.array([REACH, 0.0, (face - CUBE) / 2])
