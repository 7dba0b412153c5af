"""The physics of one scene as a task sees it: cubes, targets, the hand, what the jaws hold. Metres and radians."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from .arm import LIMITS
from .kinematics import Kinematics, Place
from .model import CUBE, SUBSTEPS, scene

# control steps after the things are laid out, until they lie still
_SETTLE = 6


class World:
    """One scene: `things` are the bodies of the task and `front` is its front camera, as MJCF."""

    def __init__(self, things: str, front: str) -> None:
        self.model = mujoco.MjModel.from_xml_string(scene(things, front))
        self.data = mujoco.MjData(self.model)
        self.kinematics = Kinematics(self.model)
        self._hand = self.model.body("gripper").id
        self._jaws = [self.model.geom(name).id for name in ("fixed_jaw", "moving_jaw")]

    @property
    def joints(self) -> np.ndarray:
        """(6,) rad: where the joints are."""
        joints: np.ndarray = self.data.qpos[:6].copy()
        return joints

    def clear(self, joints: np.ndarray) -> None:
        """Start anew, the arm at rest at `joints` (6,) rad."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:6] = joints
        self.data.ctrl[:] = joints

    def put(self, cube: str, x: float, y: float, yaw: float) -> None:
        """Lay a cube on the table."""
        joint = self.data.joint(cube)
        joint.qpos[:] = (x, y, CUBE, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))

    def mark(self, target: str, x: float, y: float, z: float) -> None:
        """Move a target, a body that touches nothing."""
        self.data.mocap_pos[self.model.body(target).mocapid[0]] = (x, y, z)

    def settle(self) -> None:
        """Let everything come to rest, then start the clock."""
        mujoco.mj_step(self.model, self.data, SUBSTEPS * _SETTLE)
        self.data.qvel[:] = 0.0
        self.data.time = 0.0
        mujoco.mj_forward(self.model, self.data)

    def advance(self, joints: np.ndarray) -> None:
        """One control step with the servos told to go to `joints` (6,) rad."""
        self.data.ctrl[:] = np.clip(joints, LIMITS[:, 0], LIMITS[:, 1])
        mujoco.mj_step(self.model, self.data, SUBSTEPS)
        # positions have moved since contacts and frames were last computed
        mujoco.mj_forward(self.model, self.data)

    def where(self, thing: str) -> np.ndarray:
        """(3,) m: the middle of a cube or a target."""
        position: np.ndarray = self.data.body(thing).xpos.copy()
        return position

    def yaw(self, cube: str) -> float:
        """How far a cube is turned, -pi/4..pi/4 rad: a quarter turn more is the same cube."""
        axes = self.data.body(cube).xmat
        return quarter(math.atan2(axes[3], axes[0]))

    def hand(self) -> Place:
        """Where the hand is."""
        return self.kinematics.place(self.data.qpos[:6])

    def hand_speed(self) -> float:
        """m/s: how fast the hand moves."""
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(self.model, self.data, mujoco.mjtObj.mjOBJ_BODY, self._hand, velocity, 0)
        return float(np.linalg.norm(velocity[3:]))

    def in_hand(self, cube: str) -> np.ndarray:
        """(3,) m: the cube's middle as the hand sees it: along the hand, across it, towards the moving jaw."""
        offset = self.where(cube) - self.hand().position
        seen: np.ndarray = self.data.body("gripper").xmat.reshape(3, 3).T @ offset
        return seen

    def touches(self, first: int, second: int) -> bool:
        """Whether two geoms, by number, are in contact."""
        pairs = self.data.contact.geom
        return bool(((pairs == (first, second)).all(axis=1) | (pairs == (second, first)).all(axis=1)).any())

    def jaws_on(self, cube: str) -> int:
        """How many of both jaws touch a cube."""
        body = self.model.geom(cube).id
        return sum(self.touches(jaw, body) for jaw in self._jaws)

    def holds(self, cube: str) -> bool:
        """Whether both jaws touch a cube."""
        return self.jaws_on(cube) == 2


def quarter(angle: float) -> float:
    """An angle plus as many quarter turns as bring it into -pi/4..pi/4."""
    return (angle + math.pi / 4) % (math.pi / 2) - math.pi / 4
