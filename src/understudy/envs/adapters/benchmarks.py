"""The benchmarks: what each needs, what its robot sees and does, and the protocol under which results are published.

The packages of none of them can live beside the newest MuJoCo, so each has a Python of its own (venv.py) and runs out
of process (process.py, benchmark_server/), also where its packages could be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from understudy.data.spec import IMAGES

from .metaworld_tasks import METAWORLD_TASKS

SIDES = ("left", "right")
ARM = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
ARM_LOW = (-3.14158, -1.85005, -1.76278, -3.14158, -1.8675, -3.14158, 0.0)
ARM_HIGH = (3.14158, 1.25664, 1.6057, 3.14158, 2.23402, 3.14158, 1.0)
ALOHA_NAMES = tuple(f"{side}_{joint}" for side in SIDES for joint in ARM)
XY = ("finger.x", "finger.y")
HAND = ("hand.x", "hand.y", "hand.z", "gripper")


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    requirements  pip's, pinned to what was tested together; `packages` are those whose versions decide what happens
    state, action names of their entries; low, high: limits of the action
    cameras       short name -> feature; the first is the published one and is what a robot sees unless others are asked
    object_size   task -> length of observation.environment_state, which takes the place of cameras when there are none
    needs_opengl  whether its cameras do
    protocol      how the field evaluates: goes into the protocol of every result
    """

    name: str
    folder: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    megabytes: int
    fps: int
    horizon: int
    robot_type: str
    state: tuple[str, ...]
    action: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    cameras: Mapping[str, str]
    instructions: Mapping[str, str]
    object_size: Mapping[str, int]
    needs_opengl: bool
    has_expert: bool
    protocol: str


ALOHA = Benchmark(
    name="aloha",
    folder="aloha-0.1.5",
    requirements=("gym-aloha==0.1.5", "dm-control==1.0.41", "mujoco==3.8.1", "gymnasium==1.4.0", "numpy==2.4.6"),
    packages=("gym-aloha", "dm-control", "mujoco"),
    megabytes=650,
    fps=50,
    horizon=400,
    robot_type="aloha",
    state=ALOHA_NAMES,
    action=ALOHA_NAMES,
    low=ARM_LOW * 2,
    high=ARM_HIGH * 2,
    cameras=MappingProxyType({name: IMAGES + name for name in ("top", "angle", "front_close")}),
    instructions=MappingProxyType(
        {
            "transfer-cube": "Pick up the cube with the right arm and transfer it to the left arm.",
            "insertion": "Insert the peg into the socket.",
        }
    ),
    object_size=MappingProxyType({"transfer-cube": 7, "insertion": 14}),
    needs_opengl=True,
    has_expert=True,
    protocol="success: the reward reaches 4 in any of 400 steps at 50 Hz (Zhao et al. 2023, arXiv 2304.13705; LeRobot)",
)
PUSHT = Benchmark(
    name="pusht",
    folder="pusht-0.1.8",
    requirements=(
        "gym-pusht==0.1.8",
        "pymunk==6.11.1",
        "pygame==2.6.1",
        "shapely==2.2.0",
        "opencv-python==4.14.0.94",
        "gymnasium==1.4.0",
        "numpy==2.4.6",
    ),
    packages=("gym-pusht", "pymunk"),
    megabytes=360,
    fps=10,
    horizon=300,
    robot_type="2d_pointer",
    state=XY,
    action=XY,
    low=(0.0, 0.0),
    high=(512.0, 512.0),
    cameras=MappingProxyType({"image": "observation.image"}),
    instructions=MappingProxyType({"": "Push the T-shaped block onto the T-shaped target."}),
    object_size=MappingProxyType({"": 16}),
    needs_opengl=False,
    has_expert=False,
    protocol="success: over 95 % of the mark covered in any of 300 steps at 10 Hz; progress: best cover / 0.95 "
    "(Chi et al. 2023, arXiv 2303.04137; LeRobot)",
)
METAWORLD = Benchmark(
    name="metaworld",
    folder="metaworld-3.1.1",
    requirements=("metaworld==3.1.1", "mujoco==3.3.0", "gymnasium==1.4.0", "numpy==2.4.6", "packaging==26.3"),
    packages=("metaworld", "mujoco"),
    megabytes=370,
    fps=80,
    horizon=500,
    robot_type="sawyer",
    state=HAND,
    action=("hand.dx", "hand.dy", "hand.dz", "gripper.force"),
    low=(-1.0,) * 4,
    high=(1.0,) * 4,
    cameras=MappingProxyType({"image": "observation.image"}),
    instructions=METAWORLD_TASKS,
    object_size=MappingProxyType(dict.fromkeys(METAWORLD_TASKS, 39)),
    needs_opengl=True,
    has_expert=True,
    protocol="success: the task's own signal in any of 500 steps; goal and objects drawn anew for each seed "
    "(Yu et al. 2019, arXiv 1910.10897; camera corner2 as LeRobot sets it)",
)
BENCHMARKS = {benchmark.name: benchmark for benchmark in (ALOHA, PUSHT, METAWORLD)}
