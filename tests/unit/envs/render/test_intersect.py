import mujoco
import numpy as np
import pytest

from understudy.envs.render.intersect import depth_of_entry
from understudy.envs.render.solids import Solid

SIZES = {
    "plane": (0.3, 0.4, 0.1),
    "box": (0.1, 0.2, 0.05),
    "sphere": (0.2, 0.0, 0.0),
    "capsule": (0.05, 0.2, 0.0),
    "cylinder": (0.1, 0.15, 0.0),
    "ellipsoid": (0.1, 0.2, 0.05),
}
WHITE = (1.0, 1.0, 1.0)


def entry(solid, origin, directions):
    with np.errstate(all="ignore"):
        return depth_of_entry(solid, np.float32(origin), np.ascontiguousarray(np.float32(directions).T))


@pytest.mark.parametrize("kind", SIZES)
def test_depths_agree_with_the_one_ray_function_of_mujoco(kind):
    size = SIZES[kind]
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><worldbody><geom type="{kind}" size="{size[0]} {size[1]} {size[2]}"/></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(20):
        origin = rng.normal(size=3)
        origin *= 0.6 / np.linalg.norm(origin)
        directions = rng.uniform(-0.35, 0.35, (40, 3)) - origin
        expected = np.array([mujoco.mj_ray(model, data, origin, d, None, 1, -1, None) for d in directions])
        found = entry(Solid(kind, size, WHITE), origin, directions)
        hit = expected >= 0
        if kind == "plane" and origin[2] < 0:
            hit[:] = False  # MuJoCo sees planes from behind as well
        np.testing.assert_array_equal(np.isfinite(found) & (found > 0), hit)
        np.testing.assert_allclose(found[hit], expected[hit], atol=2e-5)
        hits += hit.sum()
    assert 50 < hits < 790  # of 800: the rays tell hits from misses


@pytest.mark.parametrize("kind", sorted(set(SIZES) - {"plane"}))
def test_a_solid_is_not_seen_from_inside(kind):
    directions = np.random.default_rng(0).normal(size=(50, 3))
    found = entry(Solid(kind, SIZES[kind], WHITE), np.zeros(3), directions)
    assert not (found > 0).any()


def test_a_plane_is_not_seen_from_below():
    plane = Solid("plane", SIZES["plane"], WHITE)
    assert entry(plane, (0, 0, 1), [(0, 0, -1)])[0] == 1
    assert not np.isfinite(entry(plane, (0, 0, -1), [(0, 0, 1)])).any()


@pytest.mark.parametrize(("kind", "top"), [("capsule", 0.25), ("cylinder", 0.15), ("box", 0.05), ("ellipsoid", 0.05)])
def test_rays_along_an_axis_meet_the_end(kind, top):
    solid = Solid(kind, SIZES[kind], WHITE)
    found = entry(solid, (0, 0, 1), [(0, 0, -1)])
    np.testing.assert_allclose(found, 1 - top, atol=1e-6)
    assert not np.isfinite(entry(solid, (0.3, 0, 1), [(0, 0, -1)])).any()
