"""The arm, its table and what lies on it, as MJCF text built of primitives.

Lengths, joint axes, limits and masses of the links are those of TheRobotStudio's SO-ARM100 model of the SO-101
(github.com/TheRobotStudio/SO-ARM100, Apache-2.0), rounded to a tenth of a millimetre; the sideways offsets of the
joints, which cancel out along the arm, are left away. The shapes are ours. At the zero pose every frame is parallel to
the world's: x forward, y left, z up.

Unusual: the links carry no weight (`gravcomp`), so that a joint stands where it is told to; only jaws and palm touch
things; both jaws are parallel when a cube of 26 mm is between them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .arm import JOINTS, LIMITS

FPS = 30
SUBSTEPS = 16
CUBE = 0.013  # half the edge of a cube, m

# geometry of the hand, in the frame of the body "gripper" at x forward, z towards the moving jaw; m and rad
REACH = 0.0900  # from the roll joint to the point between the jaws that grips
PIVOT = (0.0234, 0.0211)  # the moving jaw's axis (x, z)
PARALLEL = 0.166  # the jaw angle at which both jaws are parallel, CUBE away from the roll axis

# the fixed camera, opposite the arm and a little to its left: everything that is used is large in its picture
NEAR = 'pos="0.497 0.130 0.256" xyaxes="-0.423 0.906 0 -0.520 -0.242 0.819" fovy="35"'  # 16 x 16 cm
WIDE = 'pos="0.532 0.135 0.281" xyaxes="-0.423 0.906 0 -0.520 -0.242 0.819" fovy="43.5"'  # 19 x 31 cm

_PRINTED = "0.96 0.62 0.20 1"
_SERVO = "0.16 0.17 0.20 1"
_JAW = "0.93 0.93 0.90 1"
# the six servos: proportional gain Nm/rad, damping Nms/rad, torque limit Nm, inertia of the gears kgm^2
_SERVOS = [(180, 4.0, 3.35, 0.02)] * 5 + [(5, 0.16, 0.9, 0.0015)]


def scene(things: str, front: str) -> str:
    """The whole scene as MJCF; `things` are the bodies of a task, `front` is where its front camera stands."""
    return f"""
<mujoco model="so101-like">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{1 / FPS / SUBSTEPS!r}" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <size memory="4M"/>
  <visual>
    <headlight ambient="0.35 0.35 0.35" diffuse="0.35 0.35 0.35" specular="0 0 0"/>
    <quality shadowsize="2048"/>
  </visual>
  <default>
    <geom contype="0" conaffinity="0" solref="0.006 1" friction="1 0.01 0.001"/>
    <default class="hand"><geom contype="2" conaffinity="1" condim="4" friction="1.5 0.02 0.001"/></default>
    <default class="object"><geom contype="1" conaffinity="1" condim="4" friction="1 0.01 0.001"/></default>
  </default>
  <asset>
    <texture name="table" type="2d" builtin="checker" rgb1="0.80 0.74 0.66" rgb2="0.77 0.71 0.62"
             width="64" height="64"/>
    <material name="table" texture="table" texrepeat="8 8" rgba="0.62 0.58 0.53 1"/>
  </asset>
  <worldbody>
    <light pos="0.25 0.35 0.9" dir="-0.05 -0.35 -0.9" diffuse="0.6 0.6 0.6" castshadow="true"/>
    <camera name="front" {front}/>
    <camera name="overview" pos="0.697 0.390 0.397" xyaxes="-0.574 0.819 0 -0.346 -0.243 0.906" fovy="33"/>
    <geom name="table" type="box" size="0.35 0.35 0.01" pos="0.2 0 -0.01" material="table" rgba="0.80 0.74 0.66 1"/>
    <geom name="floor" class="object" type="plane" size="1 1 0.1" group="3"/>
    {_ARM}
    {things}
  </worldbody>
  <actuator>
    {_servos()}
  </actuator>
</mujoco>"""


def cube(name: str, colour: Sequence[float]) -> str:
    """A cube of 26 mm and 20 g that can be moved about."""
    rgba = " ".join(str(part) for part in (*colour, 1))
    return f"""<body name="{name}"><freejoint name="{name}"/>
      <geom name="{name}" class="object" type="box" size="{CUBE} {CUBE} {CUBE}" mass="0.02" rgba="{rgba}"/></body>"""


def _joint(number: int, axis: str) -> str:
    low, high = LIMITS[number]
    inertia = _SERVOS[number][3]
    return f'<joint name="{JOINTS[number]}" axis="{axis}" range="{low:.5f} {high:.5f}" armature="{inertia}"/>'


def _servos() -> str:
    return "\n    ".join(
        f'<position name="{joint}" joint="{joint}" kp="{kp}" kv="{kv}" forcerange="{-limit} {limit}"'
        f' ctrlrange="{low:.5f} {high:.5f}"/>'
        for joint, (kp, kv, limit, _), (low, high) in zip(JOINTS, _SERVOS, LIMITS, strict=True)
    )


_ARM = f"""
<body name="base">
  <geom type="box" size="0.045 0.040 0.008" pos="0.012 0 0.008" rgba="{_PRINTED}"/>
  <geom type="box" size="0.028 0.030 0.022" pos="0.020 0 0.036" rgba="{_PRINTED}"/>
  <geom type="cylinder" size="0.022 0.006" pos="0.0388 0 0.0600" rgba="{_SERVO}"/>
  <body name="shoulder" pos="0.0388 0 0.0624" gravcomp="1">
    <inertial pos="0.02 0 0.03" mass="0.100" diaginertia="8e-5 8e-5 3e-5"/>
    {_joint(0, "0 0 -1")}
    <geom type="box" size="0.024 0.020 0.020" pos="0.014 0 0.024" rgba="{_SERVO}"/>
    <geom type="box" size="0.022 0.026 0.006" pos="0.012 0 0.006" rgba="{_PRINTED}"/>
    <geom type="cylinder" size="0.017 0.027" pos="0.0304 0 0.0542" euler="1.5708 0 0" rgba="{_PRINTED}"/>
    <body name="upper_arm" pos="0.0304 0 0.0542" gravcomp="1">
      <inertial pos="0.015 0 0.07" mass="0.103" diaginertia="1.4e-4 1.4e-4 4e-5"/>
      {_joint(1, "0 1 0")}
      <geom type="capsule" size="0.014" fromto="0 0 0 0.0280 0 0.1126" rgba="{_PRINTED}"/>
      <geom type="box" size="0.012 0.018 0.024" pos="0.0200 0 0.0850" euler="0 0.244 0" rgba="{_SERVO}"/>
      <geom type="cylinder" size="0.016 0.025" pos="0.0280 0 0.1126" euler="1.5708 0 0" rgba="{_PRINTED}"/>
      <body name="lower_arm" pos="0.0280 0 0.1126" gravcomp="1">
        <inertial pos="0.08 0 0.003" mass="0.104" diaginertia="3e-5 1.5e-4 1.5e-4"/>
        {_joint(2, "0 1 0")}
        <geom type="capsule" size="0.013" fromto="0 0 0 0.1349 0 0.0052" rgba="{_PRINTED}"/>
        <geom type="box" size="0.024 0.017 0.012" pos="0.1000 0 0.0040" rgba="{_SERVO}"/>
        <geom type="cylinder" size="0.015 0.023" pos="0.1349 0 0.0052" euler="1.5708 0 0" rgba="{_PRINTED}"/>
        <body name="wrist" pos="0.1349 0 0.0052" gravcomp="1">
          <inertial pos="0.04 0 0" mass="0.079" diaginertia="3e-5 3e-5 3e-5"/>
          {_joint(3, "0 1 0")}
          <geom type="box" size="0.022 0.014 0.014" pos="0.0300 0 0" rgba="{_SERVO}"/>
          <geom type="cylinder" size="0.015 0.005" pos="0.0560 0 0" euler="0 1.5708 0" rgba="{_PRINTED}"/>
          <body name="gripper" pos="0.0611 0 0" gravcomp="1">
            <inertial pos="0.03 0 0" mass="0.087" diaginertia="3e-5 4e-5 4e-5"/>
            {_joint(4, "-1 0 0")}
            <geom class="hand" type="box" size="0.022 0.014 0.019" pos="0.0230 0 0.0020" rgba="{_SERVO}"/>
            <geom type="box" size="0.006 0.017 0.023" pos="0.0040 0 0" rgba="{_PRINTED}"/>
            <geom class="hand" type="box" size="0.0290 0.0120 0.003" pos="0.0290 0 -0.0200" rgba="{_PRINTED}"/>
            <geom name="fixed_jaw" class="hand" type="box" size="0.0220 0.0100 0.004" pos="0.0760 0 -0.0170"
                  rgba="{_JAW}"/>
            <geom type="box" size="0.006 0.006 0.005" pos="0.012 0.046 0" rgba="{_SERVO}"/>
            <geom type="capsule" size="0.003" fromto="0.010 0.012 0 0.010 0.042 0" rgba="{_PRINTED}"/>
            <camera name="wrist" pos="0.020 0.050 0" xyaxes="0 0 1 0.54 0.842 0" fovy="66"/>
            <body name="moving_jaw" pos="{PIVOT[0]} 0 {PIVOT[1]}" gravcomp="1">
              <inertial pos="0.03 0 0" mass="0.012" diaginertia="2e-6 7e-6 6e-6"/>
              {_joint(5, "0 -1 0")}
              <frame euler="0 {PARALLEL} 0">
                <geom type="cylinder" size="0.010 0.015" euler="1.5708 0 0" rgba="{_JAW}"/>
                <geom class="hand" type="capsule" size="0.0065" fromto="0.004 0 0 0.0400 0 -0.0030" rgba="{_JAW}"/>
                <geom name="moving_jaw" class="hand" type="box" size="0.0195 0.0100 0.004" pos="0.0551 0 -0.0041"
                      rgba="{_JAW}"/>
              </frame>
            </body>
          </body>
        </body>
      </body>
    </body>
  </body>
</body>"""
