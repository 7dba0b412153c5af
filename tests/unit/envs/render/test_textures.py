import numpy as np

from understudy.envs.render.textures import PERIOD, table_levels, table_tint


def test_the_table_is_neither_lighter_nor_darker_for_its_texture():
    for level in table_levels():
        assert abs(level.mean()) < 1e-6
    assert table_levels()[0].std() > 0.02


def test_the_texture_repeats_without_a_seam():
    x = np.linspace(-0.4, 0.4, 300, dtype=np.float32)
    y = np.float32(0.013) + np.zeros_like(x)
    here, there = table_tint(x, y, 0.02), table_tint(x + np.float32(PERIOD), y, 0.02)
    assert (here == there).mean() > 0.98  # a texel's border may round either way


def test_a_far_table_is_quieter_than_a_near_one():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, 5000)).astype(np.float32)
    near, far = (table_tint(x, y, footprint) for footprint in (0.0005, 0.05))
    assert far.std() < 0.7 * near.std()


def test_a_texel_left_of_the_origin_is_as_wide_as_one_right_of_it():
    x = np.linspace(-0.05, 0.05, 4001, dtype=np.float32)
    tints = table_tint(x, np.zeros_like(x), 0.01)[0]
    lengths = np.diff(np.flatnonzero(np.diff(tints) != 0))
    assert lengths.max() <= lengths.min() + 2
