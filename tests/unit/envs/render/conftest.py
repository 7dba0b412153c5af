"""A small scene with one of everything: an arm over a table, a cube, a ball, an egg, a bin, two cameras."""

import mujoco
import pytest

SCENE = """
<mujoco>
  <asset>
    <material name="table" rgba="0.80 0.64 0.46 1"/>
    <material name="arm" rgba="0.95 0.60 0.15 1"/>
  </asset>
  <worldbody>
    <geom name="floor" type="plane" size="0 0 1" pos="0 0 -0.7" rgba="0.75 0.77 0.8 1"/>
    <geom name="table" type="box" size="0.45 0.45 0.02" pos="0.15 0 -0.02" material="table"/>
    <geom name="bin" type="box" size="0.05 0.05 0.003" pos="0.26 0.20 0.003" rgba="0.3 0.5 0.55 1"/>
    <geom name="wall" type="box" size="0.05 0.003 0.02" pos="0.26 0.25 0.02" rgba="0.3 0.5 0.55 1"/>
    <geom name="collision" type="sphere" size="0.5" group="3" rgba="1 0 0 1"/>
    <geom name="ghost" type="sphere" size="0.5" rgba="1 0 0 0"/>
    <camera name="front" pos="0.62 0 0.42" xyaxes="0 1 0 -0.6 0 0.8" fovy="45"/>
    <body name="base">
      <geom name="base" type="box" size="0.05 0.04 0.03" pos="0 0 0.03" rgba="0.13 0.13 0.15 1"/>
      <body name="link" pos="0 0 0.08">
        <joint name="pan" axis="0 0 1"/>
        <geom name="motor" type="cylinder" size="0.03 0.025" euler="80 10 0" rgba="0.13 0.13 0.15 1"/>
        <geom name="arm" type="capsule" fromto="0 0 0 0.17 0 0.06" size="0.017" material="arm"/>
        <camera name="wrist" pos="0.17 0 0.10" xyaxes="0 -1 0 0.7 0 0.7" fovy="70"/>
      </body>
    </body>
    <body name="cube" pos="0.24 0.08 0.015" euler="0 0 20">
      <freejoint/><geom name="cube" type="box" size="0.015 0.015 0.015" rgba="0.85 0.15 0.13 1"/>
    </body>
    <body name="ball" pos="0.30 -0.05 0.02">
      <freejoint/><geom name="ball" type="sphere" size="0.02" rgba="0.2 0.65 0.3 1"/>
    </body>
    <body name="egg" pos="0.16 0.16 0.02" euler="10 0 40">
      <freejoint/><geom name="egg" type="ellipsoid" size="0.035 0.02 0.015" rgba="0.9 0.85 0.3 1"/>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(SCENE)


@pytest.fixture
def data(model: mujoco.MjModel) -> mujoco.MjData:
    state = mujoco.MjData(model)
    state.joint("pan").qpos = 0.3
    mujoco.mj_forward(model, state)
    return state
