import numpy as np

from understudy.envs.render.camera import Camera, look_at
from understudy.envs.render.solids import Solid
from understudy.envs.render.view import cover, make_view

CUBE = Solid("box", (0.2, 0.1, 0.05), (1.0, 1.0, 1.0))


def covered(camera, boxes_open, width=48, height=32):
    """Which pixels show the cube, with screen rectangles or, for `boxes_open`, tested everywhere."""
    view = make_view([CUBE], np.zeros((1, 3)), np.eye(3)[None], camera, width, height)
    depth, number = np.full(view.shape, np.inf, np.float32), np.full(view.shape, -1, np.int16)
    if boxes_open:
        object.__setattr__(view, "screen_boxes", lambda corners: np.array([[0, height, 0, width]]))
    with np.errstate(all="ignore"):
        cover(view, [CUBE], [0], depth, number)
    return number == 0


def test_no_pixel_is_lost_to_the_rectangle_from_any_side_near_or_far():
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(150):
        direction = rng.normal(size=3)
        position = direction / np.linalg.norm(direction) * rng.uniform(0.06, 0.9)
        camera = look_at(tuple(position), tuple(rng.normal(size=3) * 0.2), fovy=rng.uniform(20, 100))
        everywhere = covered(camera, boxes_open=True)
        np.testing.assert_array_equal(covered(camera, boxes_open=False), everywhere)
        seen += everywhere.any()
    assert seen > 75


def test_a_solid_behind_the_camera_has_an_empty_rectangle():
    camera = Camera(np.array([0, 0, -1.0]), np.eye(3))
    view = make_view([CUBE], np.zeros((1, 3)), np.eye(3)[None], camera, 48, 32)
    top, bottom, left, right = view.screen_boxes(view.corners)[0]
    assert top >= bottom or left >= right


def test_a_solid_half_behind_the_camera_keeps_a_rectangle_of_its_side():
    camera = Camera(np.array([-0.3, 0.0, 0.0]), np.eye(3), fovy=90.0)  # beside the cube, which passes it by
    view = make_view([CUBE], np.zeros((1, 3)), np.eye(3)[None], camera, 48, 48)
    left, right = view.screen_boxes(view.corners)[0, 2:]
    assert left > 24
    assert right == 48
