"""A folder that looks like the Python of PushT, in which a stand-in for gym-pusht does what a seed tells it to."""

from __future__ import annotations

import sys
from pathlib import Path

from understudy.envs.adapters.benchmarks import PUSHT

RAISES, DIES, HANGS, BABBLES = 66, 67, 68, 69

PACKAGE = '''
import os, sys, time
import numpy as np
import pymunk
from types import SimpleNamespace

print("a greeting that no one asked for")

class PushTEnv:
    """Success after as many steps as the seed says; the state is (seed, steps)."""

    def __init__(self, obs_type, observation_width, observation_height):
        self.size = (observation_height, observation_width)
        self._block_shapes = None

    def reset(self, seed):
        print("reset", seed)
        if seed == 66:
            raise RuntimeError("the stand-in refuses")
        if seed == 67:
            sys.stderr.write("the stand-in gives up\\n")
            sys.stderr.flush()
            os._exit(3)
        if seed == 68:
            time.sleep(600)
        if seed == 69:
            for descriptor in range(3, 20):
                try:
                    os.write(descriptor, b"x" * 64)
                except OSError:
                    pass
        self.seed, self.steps = seed, 0

    @property
    def agent(self):
        return SimpleNamespace(position=(float(self.seed), float(self.steps)))

    def step(self, action):
        self.steps += 1
        self.action = action
        success = self.steps >= self.seed
        return None, min(self.steps / self.seed, 1.0), success, False, {"is_success": success}

    def get_keypoints(self, shapes):
        return np.arange(16.0).reshape(8, 2) + self.steps

    def _render(self, visualize):
        return np.full((*self.size, 3), self.steps, dtype=np.uint8)

    def render(self):
        return np.full((self.visualization_height, self.visualization_width, 3), 7, dtype=np.uint8)
'''


def make_fake_benchmark(home: Path, *, pymunk: str | None = "") -> Path:
    """The folder to set UNDERSTUDY_BENCHMARKS to. pymunk: the text of that module; None: there is none."""
    folder = home / PUSHT.folder
    packages = folder / "lib" / "python3.11" / "site-packages"
    (packages / "gym_pusht" / "envs").mkdir(parents=True)
    (packages / "gym_pusht" / "__init__.py").touch()
    (packages / "gym_pusht" / "envs" / "__init__.py").touch()
    (packages / "gym_pusht" / "envs" / "pusht.py").write_text(PACKAGE)
    if pymunk is not None:
        (packages / "pymunk.py").write_text(pymunk)
    for requirement in PUSHT.requirements:
        name, version = requirement.split("==")
        facts = packages / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    # the first argument, -I, would leave out the stand-in's folder
    python.write_text(f'#!/bin/sh\nshift\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return home
