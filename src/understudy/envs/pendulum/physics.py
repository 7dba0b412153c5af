"""The inverted pendulum's physics: a cart on a rail, pushed by a motor, with a pole hinged on it. Many at a time.

The numbers are those of Gymnasium's InvertedPendulum-v5, of which it is a replay to the last bit, with two limits made
wider: the rail is 10 m long to each side instead of 1 m, and the pole may lean pi/4 instead of 0.2 rad. A state is
float64 (4,): cart position [m], pole angle [rad], cart velocity [m/s], pole angular velocity [rad/s]; a positive angle
leans towards +x. The pole's axis leans by 1 mm in 0.6 m, so upright rest is at LEAN, not at 0.

One episode and a thousand take the same path: `Physics.step` hands all states to MuJoCo's batched rollout, each from
its own row and nothing else (no warm start is kept), so a row's next state does not depend on its neighbours.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

FPS = 25
SUBSTEPS = 2
TIMESTEP_S = 0.02
RAIL_M = 10.0
FALL_ANGLE = np.pi / 4
ACTION_LIMIT = 3.0  # 1.0 is 100 N on the cart
LEAN = -0.001 / 0.6  # rad, small-angle
START_SPREAD = 0.5
STATE_NAMES = ("cart.pos", "pole.pos", "cart.vel", "pole.vel")

# the rotation of rail and cart is not normalised in Gymnasium's file either; MuJoCo does it while compiling
MJCF = f"""
<mujoco model="understudy pendulum">
  <compiler inertiafromgeom="true"/>
  <option gravity="0 0 -9.81" integrator="RK4" timestep="{TIMESTEP_S}"/>
  <default>
    <joint armature="0" damping="1" limited="true"/>
    <geom contype="0" friction="1 0.1 0.1"/>
  </default>
  <worldbody>
    <geom name="rail" type="capsule" quat="0.707 0 0.707 0" size="0.02 {RAIL_M}"/>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0" range="-{RAIL_M} {RAIL_M}"/>
      <geom name="cart" type="capsule" quat="0.707 0 0.707 0" size="0.1 0.1"/>
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0" range="-90 90"/>
        <geom name="pole" type="capsule" fromto="0 0 0 0.001 0 0.6" size="0.049"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="push" joint="slider" gear="100" ctrllimited="true" ctrlrange="-{ACTION_LIMIT} {ACTION_LIMIT}"/>
  </actuator>
</mujoco>
"""


class Physics:
    """Steps any number of pendulums; holds nothing between the steps but MuJoCo's scratch space."""

    def __init__(self) -> None:
        import mujoco
        from mujoco import rollout

        self._model = compiled_model()
        self._data = mujoco.MjData(self._model)
        self._rollout = rollout.Rollout(nthread=0)
        self._width = mujoco.mj_stateSize(self._model, mujoco.mjtState.mjSTATE_FULLPHYSICS)

    def step(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """(n, 4) float64: the states one control step (0.04 s) later.

        states   (n, 4) float64
        actions  (n,) what the motors get; clipped to the limit and rounded to float32, in which datasets keep actions
        """
        executed = np.clip(actions, -ACTION_LIMIT, ACTION_LIMIT).astype(np.float32).astype(np.float64)
        # the time comes first in MuJoCo's state, and nothing here depends on it
        full = np.zeros((len(states), self._width))
        full[:, 1:5] = states
        controls = np.repeat(executed[:, None, None], SUBSTEPS, axis=1)
        after, _ = self._rollout.rollout(self._model, self._data, full, controls)
        result: np.ndarray = after[:, -1, 1:5].copy()
        return result


@cache
def compiled_model() -> Any:
    """MuJoCo's model of the pendulum."""
    import mujoco

    return mujoco.MjModel.from_xml_string(MJCF)


def has_fallen(states: np.ndarray) -> np.ndarray:
    """(n,) bool: the pole leans beyond FALL_ANGLE, or a number of the state is not finite. `states` is (n, 4)."""
    fallen: np.ndarray = ~np.isfinite(states).all(axis=1) | (np.abs(states[:, 1]) > FALL_ANGLE)
    return fallen
