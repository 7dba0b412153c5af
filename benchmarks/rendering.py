"""Pictures per CPU second of a task's cameras: our rays, and MuJoCo's renderer where the machine has OpenGL.

    python benchmarks/rendering.py --rounds 15

Both draw the same states of the same episode, taking turns within each round, so that what else the machine does hits
both; what is shown are medians over rounds and their ratios. Counted is the CPU time of all threads of the process,
bound to one core, since Mesa draws on the CPU with as many threads as it gets; where OpenGL is a graphics card, its
own time is not in it. Each picture shows a new state, as when an episode is recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import mujoco
import numpy as np

from contestants import run_to_end, say
from understudy.core.errors import ConfigError
from understudy.core.files import write_atomically
from understudy.core.rng import Rng
from understudy.envs.catalogue import EnvConfig
from understudy.envs.render.rays import RayRenderer
from understudy.envs.render.scene import Scene, named_camera, visible_solids
from understudy.envs.so101.environment import make

SIZES = ((96, 96), (224, 224), (640, 480))
CAMERAS = ("front", "wrist")
_BUDGET = 150_000  # pixels drawn in one turn, at least one picture

Draw = Callable[[mujoco.MjData, str, int, int], np.ndarray]


@dataclass(frozen=True)
class Row:
    """One camera at one size: milliseconds of CPU time a picture, the median over rounds, by renderer."""

    camera: str
    width: int
    height: int
    milliseconds: dict[str, float]


def states(task: str, count: int) -> tuple[mujoco.MjModel, list[mujoco.MjData]]:
    """The model of a task, and copies of its physics along an episode that its expert drives."""
    env = make(task, EnvConfig(type=task))
    env.begin(1)
    expert = env.expert()
    expert.reset(Rng(1, 0))
    world, found = env.world, []  # type: ignore[attr-defined]
    for _ in range(count):
        env.advance(expert.act())
        found.append(mujoco.MjData(world.model))
        mujoco.mj_copyData(found[-1], world.model, world.data)
    return world.model, found


def renderers(model: mujoco.MjModel) -> dict[str, Draw]:
    """What is compared, by name. MuJoCo's is left out where no OpenGL works."""
    geoms, solids = visible_solids(model)
    rays = RayRenderer(solids)

    def drawing(samples: int) -> Draw:
        def draw(data: mujoco.MjData, camera: str, width: int, height: int) -> np.ndarray:
            places, turns = data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3)
            return rays.render(places, turns, named_camera(model, data, camera), width, height, samples)

        return draw

    found: dict[str, Draw] = {"rays, 1 a pixel": drawing(1), "rays, 4 a pixel": drawing(2)}
    try:
        found["mujoco"] = Scene(model, renderer="mujoco").draw
    except ConfigError as error:
        say(f"without MuJoCo's renderer: {error.what}")
    return found


def measure(drawn: dict[str, Draw], data: list[mujoco.MjData], rounds: int) -> list[Row]:
    """Every camera at every size, all renderers in turn within each round; the first round is not counted."""
    rows = []
    for camera in CAMERAS:
        for width, height in SIZES:
            count = min(len(data), max(1, _BUDGET // (width * height)))
            seconds: dict[str, list[float]] = {name: [] for name in drawn}
            for turn in range(1 + rounds):
                chosen = [data[(turn * count + i) % len(data)] for i in range(count)]
                for name, draw in drawn.items():
                    start = time.process_time()
                    for one in chosen:
                        draw(one, camera, width, height)
                    seconds[name].append((time.process_time() - start) / count)
            medians = {name: 1000 * statistics.median(values[1:]) for name, values in seconds.items()}
            rows.append(Row(camera, width, height, medians))
    return rows


def table(rows: list[Row]) -> str:
    """Pictures in a second of CPU time, and how many times as many as MuJoCo's renderer."""
    lines = []
    for row in rows:
        parts = [f"{name}: {1000 / value:7.1f}/s" for name, value in row.milliseconds.items()]
        if "mujoco" in row.milliseconds:
            theirs = row.milliseconds["mujoco"]
            parts += [f"x{theirs / value:.2f}" for name, value in row.milliseconds.items() if name != "mujoco"]
        lines.append(f"{row.camera:6} {row.width:3}x{row.height:<3}  " + "  ".join(parts))
    return "\n".join(lines)


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Time pictures of a simulated task.")
    parser.add_argument("--task", default="so101/pick-place")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="file to write the medians to")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model, data = states(options.task, 120)
    say(f"{options.task}: {len(visible_solids(model)[1])} solids, {options.rounds} rounds, one core")
    rows = measure(renderers(model), data, options.rounds)
    print(table(rows))
    if options.json:
        write_atomically(options.json, json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_to_end(main))
