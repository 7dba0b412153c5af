import numpy as np
import pytest

from understudy.envs.render.camera import Camera
from understudy.envs.render.rays import RayRenderer
from understudy.envs.render.solids import Solid

GREY = (0.6, 0.6, 0.6)
ALONG_Y = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # turns a body's z axis to the world's y
DOWN = Camera(np.array([0.0, 0.0, 1.0]), np.eye(3), 20.0)


def brightness(solid, turn=None, light=(1.0, 0.0, 1.0)):
    turns = np.eye(3)[None] if turn is None else turn[None]
    return RayRenderer([solid], light).render(np.zeros((1, 3)), turns, DOWN, 101, 101).mean(axis=2)


@pytest.mark.parametrize(
    ("kind", "size", "turn"),
    [
        ("sphere", (0.1, 0, 0), None),
        ("ellipsoid", (0.1, 0.08, 0.06), None),
        ("capsule", (0.08, 0.1, 0), ALONG_Y),
        ("cylinder", (0.1, 0.1, 0), ALONG_Y),
    ],
)
def test_a_round_body_is_brighter_towards_the_light(kind, size, turn):
    row = brightness(Solid(kind, size, GREY), turn)[50]
    assert row[60] > row[50] > row[40]


@pytest.mark.parametrize(("kind", "size"), [("box", (0.1, 0.1, 0.1)), ("cylinder", (0.12, 0.1, 0))])
def test_a_flat_face_is_lit_evenly_and_its_edges_catch_the_light(kind, size):
    image = brightness(Solid(kind, size, GREY))
    assert image[40:61, 40:61].std() < 3
    rows = brightness(Solid(kind, size, GREY), light=(1.0, 0.0, 0.2))[50]
    assert rows[50:99].max() > rows[50] + 15


def test_an_ellipsoid_with_equal_axes_is_a_ball():
    ball, egg = (brightness(Solid(kind, (0.1, 0.1, 0.1), GREY)) for kind in ("sphere", "ellipsoid"))
    assert np.abs(ball - egg).max() <= 1


def test_a_table_looks_the_same_drawn_as_ground_or_as_any_other_body():
    # level ground of a resting solid takes a path of its own, which is quicker
    size, place, turns = (0.3, 0.3, 0.02), np.array([(0, 0, -0.02)]), np.eye(3)[None]
    ground, body = (
        RayRenderer([Solid("box", size, GREY, "table", fixed)]).render(place, turns, DOWN, 64, 64).astype(int)
        for fixed in (True, False)
    )
    assert np.abs(ground - body)[4:-4, 4:-4].max() <= 2
    assert ground.std() > 2


def test_the_sky_is_bluer_above_and_darker_below():
    level = Camera(np.zeros(3), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), 60.0)
    image = RayRenderer([]).render(np.zeros((0, 3)), np.zeros((0, 3, 3)), level, 32, 32).astype(int)
    top, middle, bottom = image[0, 16], image[16, 16], image[-1, 16]
    assert top[2] - top[0] > middle[2] - middle[0]
    assert bottom.sum() < middle.sum()
