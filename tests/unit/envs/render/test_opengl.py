import numpy as np
import pytest

from understudy.core.errors import ConfigError
from understudy.envs.render import opengl
from understudy.envs.render.camera import look_at


def test_a_machine_without_opengl_is_told_what_it_lacks(monkeypatch, model):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(opengl, "complaint_of", lambda name: f"lib{name} is missing")
    with pytest.raises(ConfigError) as error:
        opengl.OpenGLRenderer(model)
    for text in ("egl: libegl is missing", "osmesa: libosmesa is missing", "glfw"):
        assert text in error.value.what
    for text in ("libegl1", "libosmesa6", "--env.renderer=rays"):
        assert text in str(error.value.hint)


def test_only_the_platform_that_mujoco_gl_names_is_tried(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "OSMesa")
    tried = []
    monkeypatch.setattr(opengl, "complaint_of", lambda name: tried.append(name))
    assert opengl.working_platform() == "osmesa"
    assert tried == ["osmesa"]


def test_a_try_that_dies_is_one_line():
    complaint = opengl.complaint_of("no-such-platform")
    assert complaint is not None
    assert "no-such-platform" in complaint
    assert "\n" not in complaint


def test_mujocos_renderer_draws_any_size_again_and_again_and_leaves_the_model_alone(model, data):
    if complaint := opengl.complaint_of("egl"):
        pytest.skip(f"no OpenGL here: {complaint}")
    quality = model.vis.quality.offsamples, model.vis.quality.shadowsize
    renderer = opengl.OpenGLRenderer(model)
    camera = look_at((0.6, 0, 0.4), (0.1, 0, 0))
    first = renderer.draw(data, camera, 33, 17)
    large = renderer.draw(data, camera, 700, 500)
    again = renderer.draw(data, camera, 33, 17)
    renderer.close()
    renderer.close()
    assert large.shape == (500, 700, 3)
    np.testing.assert_array_equal(first, again)
    assert first.std() > 10
    assert (model.vis.quality.offsamples, model.vis.quality.shadowsize) == quality
