import os
import subprocess
import sys
import warnings

import mujoco
import numpy as np
import pytest

from understudy.envs.render.camera import Camera, look_at
from understudy.envs.render.rays import RayRenderer
from understudy.envs.render.scene import visible_solids
from understudy.envs.render.solids import Solid
from understudy.envs.render.view import cover, make_view

RED, GREEN = (0.9, 0.1, 0.1), (0.1, 0.8, 0.1)
DOWN = Camera(np.array([0.0, 0.0, 1.0]), np.eye(3), 45.0)


def picture(solids, places, camera, width=96, height=96, **options):
    turns = np.broadcast_to(np.eye(3), (len(solids), 3, 3))
    return RayRenderer(solids).render(np.array(places, float), turns, camera, width, height, **options)


def is_red(image):
    return (image[..., 0] > 1.8 * image[..., 1]) & (image[..., 0] > 1.8 * image[..., 2])


def is_green(image):
    return (image[..., 1] > 1.8 * image[..., 0]) & (image[..., 1] > 1.8 * image[..., 2])


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
def test_a_ball_covers_the_area_that_geometry_says(distance):
    image = picture([Solid("sphere", (0.1, 0, 0), RED)], [(0, 0, 1 - distance)], DOWN, 400, 400)
    focal = 200 / np.tan(np.deg2rad(22.5))
    radius = focal * np.tan(np.arcsin(0.1 / distance))
    assert is_red(image).sum() == pytest.approx(np.pi * radius**2, rel=0.01)


def test_a_box_ends_where_geometry_says():
    image = picture([Solid("box", (0.1, 0.05, 0.02), RED)], [(0, 0, 0)], DOWN, 400, 400)
    rows, columns = np.nonzero(is_red(image))
    focal = 200 / np.tan(np.deg2rad(22.5))
    assert columns.max() - columns.min() + 1 == pytest.approx(2 * focal * 0.1 / 0.98, abs=1)
    assert rows.max() - rows.min() + 1 == pytest.approx(2 * focal * 0.05 / 0.98, abs=1)


@pytest.mark.parametrize(("width", "height"), [(17, 33), (33, 17), (1, 1), (96, 64)])
def test_any_size_can_be_drawn(width, height):
    image = picture([Solid("sphere", (0.6, 0, 0), RED)], [(0, 0, 0)], DOWN, width, height, samples=2)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert is_red(image)[height // 2, width // 2]


def test_the_nearer_solid_hides_the_other_whatever_their_order():
    near, far = (Solid("sphere", (0.05, 0, 0), RED), (0, 0, 0.5)), (Solid("box", (0.3, 0.3, 0.01), GREEN), (0, 0, 0))
    pictures = [picture(*zip(*pair, strict=True), DOWN) for pair in ([near, far], [far, near])]
    np.testing.assert_array_equal(*pictures)
    assert is_red(pictures[0])[48, 48]
    assert is_green(pictures[0])[48, 20]


def test_what_is_behind_the_camera_is_not_drawn():
    alone = picture([], np.zeros((0, 3)), DOWN)
    np.testing.assert_array_equal(picture([Solid("sphere", (0.1, 0, 0), RED)], [(0, 0, 1.5)], DOWN), alone)


def test_a_capsule_that_passes_the_camera_is_drawn_up_to_it():
    capsule = Solid("capsule", (0.05, 1.0, 0), RED)
    image = picture([capsule], [(0.15, 0, 1.0)], DOWN)  # along the line of sight, half of it behind
    assert is_red(image)[48, 95]
    assert not is_red(image)[:, :48].any()


def test_a_camera_inside_a_solid_sees_through_it():
    solids = [Solid("sphere", (0.2, 0, 0), GREEN), Solid("box", (0.1, 0.1, 0.1), RED)]
    image = picture(solids, [(0, 0, 1.0), (0, 0, 0)], DOWN)
    assert is_red(image)[48, 48]
    assert not is_green(image).any()


def test_the_same_scene_is_the_same_bytes_in_another_renderer_and_after_other_pictures(model, data):
    geoms, solids = visible_solids(model)
    places, turns = data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3)
    camera, other = look_at((0.6, 0, 0.4), (0.1, 0, 0)), look_at((0.5, 0.3, 0.4), (0.1, 0, 0))
    used, fresh = RayRenderer(solids), RayRenderer(solids)
    for step in range(4):
        used.render(places + 0.01 * step, turns, camera, 64, 48)
        used.render(places, turns, other, 64, 48)
        used.render(places, turns, camera, 64, 48)
    expected = fresh.render(places, turns, camera, 64, 48)
    np.testing.assert_array_equal(used.render(places, turns, camera, 64, 48), expected)
    assert expected.std() > 20


PRINT_HASH = """
import hashlib, numpy as np
from understudy.envs.render.camera import look_at
from understudy.envs.render.rays import RayRenderer
from understudy.envs.render.solids import Solid
solids = [Solid("box", (0.4, 0.4, 0.02), (0.8, 0.6, 0.4), "table", True)]
solids += [Solid(kind, (0.03, 0.05, 0.04), (0.8, 0.2, 0.2)) for kind in ("box", "sphere", "capsule", "cylinder")]
rng, total = np.random.default_rng(0), hashlib.sha256()
for _ in range(6):
    places = np.concatenate([[(0, 0, -0.02)], rng.uniform(-0.2, 0.2, (4, 3)) + (0, 0, 0.3)])
    turns = np.concatenate([np.eye(3)[None], np.linalg.qr(rng.normal(size=(4, 3, 3)))[0]])
    camera = look_at(tuple(rng.uniform(0.4, 0.6, 3)), (0, 0, 0))
    total.update(RayRenderer(solids).render(places, turns, camera, 224, 160, samples=2).tobytes())
print(total.hexdigest())
"""


def test_the_bytes_depend_neither_on_the_number_of_threads_nor_on_the_kernels_of_blas():
    hashes = set()
    for settings in ({"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Nehalem"}):
        command = [sys.executable, "-c", PRINT_HASH]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
        hashes.add(done.stdout)
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


@pytest.mark.parametrize("lost", ["camera", "solid"])
def test_a_picture_of_physics_that_diverged_is_still_a_picture(lost):
    nowhere = np.array([np.nan, 0.0, 0.0])
    solids = [Solid("box", (0.4, 0.4, 0.02), GREEN, fixed=True), Solid("sphere", (0.1, 0, 0), RED)]
    places = np.array([(0, 0, -0.02), nowhere if lost == "solid" else (0, 0, 0.1)])
    camera = Camera(nowhere, np.eye(3)) if lost == "camera" else DOWN
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = picture(solids, places, camera, samples=2)
    assert image.shape == (96, 96, 3)
    assert is_green(image).any() == (lost == "solid")


def test_a_resting_solid_that_was_put_elsewhere_is_drawn_there(model, data):
    geoms, solids = visible_solids(model)
    places, turns = data.geom_xpos[geoms].copy(), data.geom_xmat[geoms].reshape(-1, 3, 3)
    camera = look_at((0.6, 0, 0.4), (0.1, 0, 0))
    renderer = RayRenderer(solids)
    before = [renderer.render(places, turns, camera, 64, 48) for _ in range(3)]
    places[list(geoms).index(model.geom("bin").id)] += (0, -0.3, 0)
    after = renderer.render(places, turns, camera, 64, 48)
    assert (before[-1] != after).any()
    np.testing.assert_array_equal(after, RayRenderer(solids).render(places, turns, camera, 64, 48))


def test_every_pixel_shows_the_geom_and_the_depth_that_mujoco_finds(model, data):
    geoms, solids = visible_solids(model)
    geoms_seen = set()
    for camera in (look_at((0.6, 0.1, 0.4), (0.15, 0, 0), 50), look_at((0.2, 0.5, 0.2), (0.2, 0, 0), 70)):
        places, turns = data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3)
        view = make_view(solids, places, turns, camera, 33, 25)
        depth, number = np.full(view.shape, np.inf, np.float32), np.full(view.shape, -1, np.int16)
        with np.errstate(all="ignore"):
            cover(view, solids, range(len(solids)), depth, number)
        group, found = np.array([1, 1, 1, 0, 0, 0], np.uint8), np.zeros(1, np.int32)
        wrong = 0
        for row, up in enumerate(view.grid.up):
            for column, right in enumerate(view.grid.right):
                ray = camera.rotation @ np.array([right, up, -1.0])
                far = mujoco.mj_ray(model, data, camera.position, ray, group, 1, -1, found)
                expected = int(found[0]) if far >= 0 else -1
                shown = int(geoms[number[row, column]]) if number[row, column] >= 0 else -1
                wrong += shown != expected
                geoms_seen.add(shown)
                if shown == expected >= 0:
                    assert depth[row, column] == pytest.approx(far, abs=3e-5, rel=1e-4)
        assert wrong <= 1  # of 825: a ray along an edge may go either way
    assert geoms_seen >= {model.geom(name).id for name in ("table", "arm", "motor", "cube", "ball", "egg", "bin")}


def test_more_samples_only_smooth_the_outline():
    ball = [Solid("sphere", (0.2, 0, 0), RED)]
    rough, smooth = (picture(ball, [(0, 0, 0)], DOWN, samples=n).astype(int) for n in (1, 3))
    inside = is_red(rough) & is_red(np.roll(rough, 3, 0)) & is_red(np.roll(rough, -3, 0))
    inside &= is_red(np.roll(rough, 3, 1)) & is_red(np.roll(rough, -3, 1))
    assert np.abs(rough - smooth)[inside].max() <= 6
    assert len(np.unique(smooth[..., 1])) > len(np.unique(rough[..., 1]))
