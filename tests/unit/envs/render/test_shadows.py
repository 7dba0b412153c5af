import warnings

import numpy as np
import pytest

from understudy.envs.render.camera import Camera, look_at
from understudy.envs.render.rays import RayRenderer
from understudy.envs.render.solids import Solid

TABLE = Solid("plane", (0, 0, 1), (0.8, 0.8, 0.8), fixed=True)
DOWN = Camera(np.array([0.0, 0.0, 1.0]), np.eye(3), 45.0)
BODIES = {
    "box": (0.03, 0.03, 0.03),
    "sphere": (0.03, 0, 0),
    "capsule": (0.02, 0.02, 0),
    "cylinder": (0.03, 0.03, 0),
    "ellipsoid": (0.03, 0.03, 0.03),
}


def darkened(solids, places, light, size=200):
    """(size, size) by how many levels of 255 each pixel is darker than where nothing throws a shadow."""
    turns = np.broadcast_to(np.eye(3), (len(solids), 3, 3))
    renderer = RayRenderer(solids, light)
    with_body = renderer.render(np.array(places, float), turns, DOWN, size, size).astype(int)
    far_away = [place if solid.fixed else (50.0, 0, 0) for solid, place in zip(solids, places, strict=True)]
    return (renderer.render(np.array(far_away, float), turns, DOWN, size, size).astype(int) - with_body).mean(axis=2)


@pytest.mark.parametrize("kind", BODIES)
def test_a_shadow_falls_on_the_side_away_from_the_light(kind):
    body = Solid(kind, BODIES[kind], (0.8, 0.8, 0.8))
    dark = darkened([TABLE, body], [(0, 0, 0), (0, 0, 0.04)], (1.0, 0.0, 1.0))
    row = dark[100]
    outline = 100 - 24  # the body's left edge: 0.03 m at 0.96 m is 7.5 pixels; the shadow's middle is 10 left of it
    assert row[:92].max() > 40
    assert np.abs(row[115:]).max() <= 1
    assert np.abs(row[: outline - 20]).max() <= 1


@pytest.mark.parametrize("kind", ["box", "cylinder", "sphere", "ellipsoid"])
def test_a_shadow_has_the_width_of_its_body(kind):
    body = Solid(kind, BODIES[kind], (0.8, 0.8, 0.8))
    dark = darkened([TABLE, body], [(0, 0, 0), (0, 0, 0.06)], (2.0, 0.0, 1.0), size=400)
    focal = 200 / np.tan(np.deg2rad(22.5))
    column = round(200 - 0.12 * focal)  # the middle of the shadow, 0.06 m high times 2 to the left
    width = (dark[:, column] > 0.5 * dark[:, column].max()).sum() / focal
    assert width == pytest.approx(0.06, abs=0.006)


def test_a_higher_body_has_a_softer_edge():
    body = Solid("sphere", (0.03, 0, 0), (0.8, 0.8, 0.8))
    low, high = (darkened([TABLE, body], [(0, 0, 0), (0, 0, z)], (0.9 / z * 0.03, 0.0, 1.0)) for z in (0.04, 0.3))
    assert len(np.unique(high[100].round())) > len(np.unique(low[100].round()))


def test_what_is_below_the_ground_throws_no_shadow_on_it():
    body = Solid("box", BODIES["box"], (0.8, 0.8, 0.8))
    dark = darkened([TABLE, body], [(0, 0, 0), (0, 0, -0.1)], (1.0, 0.0, 1.0))
    assert np.abs(dark).max() == 0


def test_no_shadow_is_cut_off_straight():
    # a capsule's soft edge reaches beyond the capsule: the darkness has to fade to nothing everywhere
    body = Solid("capsule", (0.01, 0.03, 0), (0.8, 0.8, 0.8))
    turns = np.stack([np.eye(3), [[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]])
    renderer = RayRenderer([TABLE, body], (0.6, 0.3, 1.0))
    near, far = (
        renderer.render(np.array([(0, 0, 0), (x, 0, 0.2)]), turns, DOWN, 200, 200).astype(int) for x in (0.1, 50)
    )
    dark = (far - near).mean(axis=2)
    dark[:, 115:] = 0  # the capsule itself
    assert dark.max() > 20
    assert np.abs(np.diff(dark, axis=0)).max() < 25
    assert np.abs(np.diff(dark, axis=1)[:, :113]).max() < 25


def test_a_shadow_reaches_the_edge_of_the_table_and_no_farther():
    table = Solid("box", (0.2, 0.2, 0.02), (0.8, 0.8, 0.8), fixed=True)
    body = Solid("box", BODIES["box"], (0.8, 0.8, 0.8))
    dark = darkened([table, body], [(0, 0, -0.02), (-0.1, 0, 0.1)], (1.0, 0.0, 1.0))
    focal = 100 / np.tan(np.deg2rad(22.5))
    edge = 100 - round(0.2 * focal)
    assert dark[100, edge + 2] > 20
    assert np.abs(dark[:, : edge - 2]).max() == 0


def test_where_rays_end_nowhere_a_shadow_makes_no_nan():
    table = Solid("box", (0.2, 0.2, 0.02), (0.8, 0.8, 0.8), fixed=True)
    body = Solid("box", BODIES["box"], (0.8, 0.8, 0.8))
    places, turns = np.array([(0, 0, -0.02), (-0.1, -0.1, 0.05)]), np.broadcast_to(np.eye(3), (2, 3, 3))
    camera = look_at((0.6, 0.5, 0.3), (0, 0, 0))  # the sky is seen beside the far corner, within the table's rectangle
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = RayRenderer([table, body], (1.0, 1.0, 1.0)).render(places, turns, camera, 96, 96)
    assert image.min() > 20


def test_a_bin_has_shadows_on_its_floor():
    floor = Solid("box", (0.1, 0.1, 0.005), (0.8, 0.8, 0.8), fixed=True)
    body = Solid("box", (0.02, 0.02, 0.02), (0.8, 0.8, 0.8))
    dark = darkened([TABLE, floor, body], [(0, 0, 0), (0, 0, 0.005), (0, 0, 0.03)], (1.0, 0.0, 1.0))
    assert dark[100, 85:95].max() > 40
