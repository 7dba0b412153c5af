import numpy as np
import pytest

from understudy.envs.render.camera import look_at, pixel_grid


def test_the_middle_of_the_picture_is_the_optical_axis():
    grid = pixel_grid(33, 17, 45.0)
    assert grid.right[16] == 0
    assert grid.up[8] == 0
    assert grid.shortening[8, 16] == 1


def test_the_angle_of_view_spans_the_height():
    grid = pixel_grid(40, 100, 60.0)
    half_pixel = 0.5 / grid.focal
    np.testing.assert_allclose(np.rad2deg(2 * np.arctan(grid.up[0] + half_pixel)), 60, rtol=1e-6)
    assert grid.up[0] > grid.up[-1]


@pytest.mark.parametrize("position", [(1, 0, 0.5), (0.2, -0.7, 0.1), (0, 0, 2), (0, 0, -2)])
def test_a_camera_looks_where_it_is_told(position):
    camera = look_at(position, (0, 0, 0))
    np.testing.assert_allclose(camera.rotation.T @ camera.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(camera.rotation), 1)
    np.testing.assert_allclose(-camera.rotation[:, 2], -np.array(position) / np.linalg.norm(position), atol=1e-12)
    assert camera.rotation[2, 1] >= 0  # up is up
