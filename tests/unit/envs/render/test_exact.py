import numpy as np

from understudy.envs.render.exact import dot, turned


def test_products_are_those_of_matrices():
    rng = np.random.default_rng(0)
    matrix, vectors = rng.normal(size=(3, 2)), rng.normal(size=(2, 50))
    np.testing.assert_allclose(turned(matrix, vectors), matrix @ vectors, rtol=1e-12)
    np.testing.assert_allclose(dot(matrix[0], vectors), matrix[0] @ vectors, rtol=1e-12)


def test_a_part_is_computed_as_the_whole_is():
    rng = np.random.default_rng(1)
    for _ in range(200):
        cut = int(rng.integers(0, 900))
        matrix, vectors = rng.normal(size=(3, 3)).astype(np.float32), rng.normal(size=(3, 900)).astype(np.float32)
        parts = [turned(matrix, vectors[:, :cut]), turned(matrix, vectors[:, cut:])]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), turned(matrix, vectors))
