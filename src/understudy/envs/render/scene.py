"""Scene: the pictures of a MuJoCo model, by our own rays or by MuJoCo's renderer.

Drawn are the geoms of groups 0 to 2 that are not transparent, in their material's colour or their own; group 3 is for
collisions alone, as in MuJoCo's viewer. A material named "table" gets the table's texture. Meshes and height fields
are left to MuJoCo's renderer.
"""

from __future__ import annotations

from typing import Literal

import mujoco
import numpy as np

from understudy.core.errors import ConfigError, nearest

from .camera import Camera
from .opengl import VISIBLE_GROUPS, OpenGLRenderer
from .rays import RayRenderer
from .solids import Solid

_KINDS = {
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{kind.upper()}")): kind
    for kind in ("plane", "sphere", "capsule", "ellipsoid", "cylinder", "box")
}
_GREY = (0.5, 0.5, 0.5, 1.0)  # a geom without a colour of its own
_SAMPLES = 2  # smooth edges: where a small cube lies shows in the shades of its outline's pixels


class Scene:
    """Draws one model. Not thread-safe."""

    def __init__(self, model: mujoco.MjModel, renderer: Literal["rays", "mujoco"] = "rays") -> None:
        """Raises ConfigError: renderer="mujoco" without OpenGL, renderer="rays" with a geom it cannot draw."""
        self._model = model
        self._opengl: OpenGLRenderer | None = None
        if renderer == "mujoco":
            self._opengl = OpenGLRenderer(model)
            return
        self._geoms, solids = visible_solids(model)
        self._rays = RayRenderer(solids)

    def draw(self, data: mujoco.MjData, camera: str | Camera, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8 of the state in `data`, after mj_forward or mj_step.

        Raises ConfigError for a camera that the model does not have.
        """
        if isinstance(camera, str):
            camera = named_camera(self._model, data, camera)
        if self._opengl is not None:
            return self._opengl.draw(data, camera, width, height)
        return self._rays.render(
            data.geom_xpos[self._geoms],
            data.geom_xmat[self._geoms].reshape(-1, 3, 3),
            camera,
            width,
            height,
            samples=_SAMPLES,
        )

    def close(self) -> None:
        """Let go of what the renderer holds. May be called twice."""
        if self._opengl is not None:
            self._opengl.close()


def named_camera(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> Camera:
    """A camera of the model where it is now. Raises ConfigError, naming those that there are."""
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, name)
    if number < 0:
        known = [model.camera(i).name for i in range(model.ncam)]
        guess = nearest(name, known)
        raise ConfigError(
            f"unknown camera `{name}`" + (f"; did you mean `{guess}`?" if guess else ""),
            hint="the cameras: " + ", ".join(known) if known else "the model has no camera",
        )
    place, turn = data.cam_xpos[number].copy(), data.cam_xmat[number].reshape(3, 3).copy()
    return Camera(place, turn, float(model.cam_fovy[number]))


def visible_solids(model: mujoco.MjModel) -> tuple[np.ndarray, list[Solid]]:
    """The numbers of the geoms that are drawn, and what is drawn for each. Raises ConfigError for a mesh."""
    numbers, solids = [], []
    for geom in range(model.ngeom):
        material = int(model.geom_matid[geom])
        rgba = model.geom_rgba[geom]
        if material >= 0 and tuple(rgba) == _GREY:  # as MuJoCo does: a colour of its own wins over the material's
            rgba = model.mat_rgba[material]
        if model.geom_group[geom] >= VISIBLE_GROUPS or rgba[3] == 0:
            continue
        kind = _KINDS.get(int(model.geom_type[geom]))
        if kind is None:
            raise ConfigError(
                f"geom `{model.geom(geom).name or geom}` is a mesh or a height field, which rays cannot draw",
                hint="--env.renderer=mujoco draws it where OpenGL exists",
            )
        numbers.append(geom)
        body = int(model.geom_bodyid[geom])
        size, colour = (tuple(float(x) for x in part) for part in (model.geom_size[geom], rgba[:3]))
        solids.append(
            Solid(
                kind,  # type: ignore[arg-type]
                size,  # type: ignore[arg-type]
                colour,  # type: ignore[arg-type]
                texture="table" if material >= 0 and model.mat(material).name == "table" else None,
                fixed=int(model.body_weldid[body]) == 0,
                ground=not _carries_an_arm(model, body),
            )
        )
    return np.array(numbers, int), solids


def _carries_an_arm(model: mujoco.MjModel, body: int) -> bool:
    """Whether something that moves is mounted on this body: an arm's shadow on its own foot is not worth the time."""
    mounted = np.flatnonzero(model.body_parentid == body)
    return body != 0 and bool((model.body_weldid[mounted] != 0).any())
