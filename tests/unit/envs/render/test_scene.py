import mujoco
import numpy as np
import pytest

from understudy.core.errors import ConfigError
from understudy.envs.render.camera import look_at
from understudy.envs.render.opengl import complaint_of
from understudy.envs.render.scene import Scene, visible_solids


def test_the_named_camera_shows_the_cube_where_it_is(model, data):
    image = Scene(model).draw(data, "front", 96, 96).astype(int)
    red = (image[..., 0] > 2 * image[..., 1]) & (image[..., 0] > 2 * image[..., 2])
    camera = model.camera("front").id
    x, y, z = (data.body("cube").xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    focal = 48 / np.tan(np.deg2rad(22.5))
    rows, columns = np.nonzero(red)
    assert columns.mean() == pytest.approx(48 - x / z * focal, abs=1.5)
    assert rows.mean() == pytest.approx(48 + y / z * focal, abs=1.5)


def test_a_camera_of_ones_own_can_be_given(model, data):
    scene = Scene(model)
    one, other = (scene.draw(data, look_at((0.6, y, 0.4), (0.1, 0, 0)), 33, 17) for y in (0.0, 0.3))
    assert one.shape == (17, 33, 3)
    assert (one != other).any()


def test_collision_geoms_and_transparent_ones_are_not_drawn(model):
    geoms, _ = visible_solids(model)
    assert not {model.geom("collision").id, model.geom("ghost").id} & set(geoms.tolist())


def test_colours_come_from_the_material_unless_the_geom_has_its_own():
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><asset><material name="table" rgba="0.1 0.2 0.3 1"/></asset><worldbody>
        <geom name="plain" size="1" material="table"/>
        <geom name="own" size="1" material="table" rgba="0.4 0.5 0.6 1"/>
        <geom name="bare" size="1" rgba="0.7 0.8 0.9 1"/>
        </worldbody></mujoco>"""
    )
    _, solids = visible_solids(model)
    np.testing.assert_allclose([solid.colour for solid in solids], [(0.1, 0.2, 0.3), (0.4, 0.5, 0.6), (0.7, 0.8, 0.9)])
    assert [solid.texture for solid in solids] == ["table", "table", None]


def test_what_cannot_move_is_known(model):
    geoms, solids = visible_solids(model)
    fixed = {model.geom(geom).name for geom, solid in zip(geoms.tolist(), solids, strict=True) if solid.fixed}
    assert fixed == {"floor", "table", "bin", "wall", "base"}


def test_the_foot_of_an_arm_takes_no_shadow_but_table_and_bin_do(model):
    geoms, solids = visible_solids(model)
    grounds = {
        model.geom(g).name for g, solid in zip(geoms.tolist(), solids, strict=True) if solid.fixed and solid.ground
    }
    assert grounds == {"floor", "table", "bin", "wall"}  # a wall is too thin to have a level top, see shadows.py


def test_an_unknown_camera_is_refused_with_the_known_ones(model, data):
    with pytest.raises(ConfigError) as error:
        Scene(model).draw(data, "fornt", 32, 32)
    assert "did you mean `front`?" in error.value.what
    assert "front, wrist" in str(error.value.hint)


def test_a_mesh_is_refused_with_what_can_draw_it():
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><asset><mesh name="m" vertex="0 0 0  1 0 0  0 1 0  0 0 1"/></asset>
        <worldbody><geom name="rock" type="mesh" mesh="m"/></worldbody></mujoco>"""
    )
    with pytest.raises(ConfigError) as error:
        Scene(model)
    assert "rock" in error.value.what
    assert "--env.renderer=mujoco" in str(error.value.hint)


def test_the_outlines_are_those_of_mujocos_renderer(model, data):
    if complaint := complaint_of("egl"):
        pytest.skip(f"no OpenGL here: {complaint}")
    ours, theirs = Scene(model), Scene(model, renderer="mujoco")
    red = []
    for scene in (ours, theirs):
        image = scene.draw(data, "front", 320, 240).astype(int)
        red.append((image[..., 0] > 2.5 * image[..., 1]) & (image[..., 0] > 2.5 * image[..., 2]))
        scene.close()
    assert red[0].sum() > 200
    assert (red[0] ^ red[1]).sum() < 0.08 * red[0].sum()  # the pixels along the outline
