"""The cosine transform agrees with scipy's, and its inverse with it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from understudy.nn.dct import dct, dct_matrix, inverse_dct


@pytest.mark.parametrize("length", [1, 2, 15, 50])
def test_it_is_scipys_orthonormal_transform_over_time(length: int) -> None:
    chunks = np.random.default_rng(0).standard_normal((3, length, 2))
    np.testing.assert_allclose(dct(chunks), scipy.fft.dct(chunks, axis=1, norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(inverse_dct(dct(chunks)), chunks, atol=1e-12)
    np.testing.assert_allclose(dct_matrix(length) @ dct_matrix(length).T, np.eye(length), atol=1e-12)
