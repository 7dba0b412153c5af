"""MuJoCo's own renderer, where the machine has OpenGL.

Which OpenGL works cannot be asked, only tried, and a try can end the process (a missing library, a driver that
aborts). So each is tried in a process of its own, once: EGL, then OSMesa, then GLFW; or only the one that MUJOCO_GL
names. Shadows and multisampling are off: in Mesa, which draws on the CPU, they cost ten times the rest.

    python -m understudy.envs.render.opengl egl     what the try does: exit code 0 if it could draw
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from functools import cache

import mujoco
import numpy as np

from understudy.core.errors import ConfigError

from .camera import Camera

PLATFORMS = {"linux": ("egl", "osmesa", "glfw"), "darwin": ("cgl", "glfw")}
_LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}
_LIMIT_S = 60.0  # a try that has not drawn by then has hung
VISIBLE_GROUPS = 3  # of geoms: 0 to 2 are drawn, by our own renderer too


class OpenGLRenderer:
    """Draws one model with MuJoCo's renderer. Belongs to the thread that made it."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Raises ConfigError where no OpenGL works, saying what each lacks."""
        self._model = model
        self._context = importlib.import_module(f"mujoco.{working_platform()}").GLContext(640, 480)
        self._context.make_current()
        with _plain_quality(model):
            self._renderer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._renderer)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 100)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = [group < VISIBLE_GROUPS for group in range(len(self._options.geomgroup))]

    def draw(self, data: mujoco.MjData, camera: Camera, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8."""
        self._context.make_current()
        if (self._renderer.offWidth, self._renderer.offHeight) != (width, height):
            mujoco.mjr_resizeOffscreen(width, height, self._renderer)
        everything, nobody = mujoco.mjtCatBit.mjCAT_ALL, mujoco.MjvCamera()
        mujoco.mjv_updateScene(self._model, data, self._options, mujoco.MjvPerturb(), nobody, everything, self._scene)
        self._place(camera)
        whole = mujoco.MjrRect(0, 0, width, height)
        picture = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_render(whole, self._scene, self._renderer)
        mujoco.mjr_readPixels(picture, None, whole, self._renderer)
        return np.ascontiguousarray(picture[::-1])  # OpenGL's first row is the lowest

    def close(self) -> None:
        """Give the OpenGL context back. May be called twice."""
        if self._context is not None:
            self._context.make_current()
            self._renderer.free()
            self._context.free()
            self._context = None

    def _place(self, camera: Camera) -> None:
        """Put both eyes of the scene where `camera` is."""
        near = self._model.vis.map.znear * self._model.stat.extent
        top = near * np.tan(np.deg2rad(camera.fovy) / 2)
        for eye in self._scene.camera:
            eye.pos, eye.up, eye.forward = camera.position, camera.rotation[:, 1], -camera.rotation[:, 2]
            eye.frustum_center, eye.frustum_width = 0.0, 0.0  # no width: it follows from the picture's
            eye.frustum_bottom, eye.frustum_top = -top, top
            eye.frustum_near, eye.frustum_far = near, self._model.vis.map.zfar * self._model.stat.extent


def working_platform() -> str:
    """The first OpenGL platform that can draw here, as MUJOCO_GL names it. Raises ConfigError when none can."""
    chosen = os.environ.get("MUJOCO_GL", "").lower().strip()
    names = (chosen,) if chosen in {"egl", "osmesa", "glfw", "cgl"} else PLATFORMS.get(sys.platform, ("glfw",))
    complaints = {}
    for name in names:
        complaint = complaint_of(name)
        if complaint is None:
            return name
        complaints[name] = complaint
    raise ConfigError(
        "no OpenGL works here: " + "; ".join(f"{name}: {text}" for name, text in complaints.items()),
        where="--env.renderer=mujoco",
        hint="on Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri (EGL) or libosmesa6 (OSMesa);"
        " --env.renderer=rays needs no OpenGL",
    )


@cache
def complaint_of(platform: str) -> str | None:
    """Why this OpenGL platform cannot draw here, in one line; None when it can."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    command = [sys.executable, "-m", "understudy.envs.render.opengl", platform]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not draw within {_LIMIT_S:.0f} s"
    if done.returncode == 0:
        return None
    library = _LIBRARIES.get(platform)
    if library and find_library(library) is None:
        return f"lib{library} is not installed"
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"the process ended with {done.returncode}"


@contextlib.contextmanager
def _plain_quality(model: mujoco.MjModel) -> Iterator[None]:
    """The model without shadows and multisampling, and afterwards as it was: a context reads them when it is made."""
    quality = model.vis.quality
    before = quality.offsamples, quality.shadowsize
    quality.offsamples, quality.shadowsize = 0, 0
    try:
        yield
    finally:
        quality.offsamples, quality.shadowsize = before


def _try(platform: str) -> None:
    """Draw a ball; anything that goes wrong ends this process."""
    model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><geom type="sphere" size="1"/></worldbody></mujoco>')
    context = importlib.import_module(f"mujoco.{platform}").GLContext(32, 32)
    context.make_current()
    renderer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, renderer)
    if renderer.currentBuffer != mujoco.mjtFramebuffer.mjFB_OFFSCREEN:
        sys.exit("no offscreen buffer")
    scene, data = mujoco.MjvScene(model, maxgeom=10), mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera, options = mujoco.MjvCamera(), mujoco.MjvOption()
    camera.distance = 4.0
    mujoco.mjv_updateScene(model, data, options, mujoco.MjvPerturb(), camera, mujoco.mjtCatBit.mjCAT_ALL, scene)
    picture = np.zeros((32, 32, 3), np.uint8)
    mujoco.mjr_render(mujoco.MjrRect(0, 0, 32, 32), scene, renderer)
    mujoco.mjr_readPixels(picture, None, mujoco.MjrRect(0, 0, 32, 32), renderer)
    if not picture.any():
        sys.exit("the picture stayed black")


if __name__ == "__main__":
    _try(sys.argv[1])
