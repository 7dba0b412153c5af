"""The orthonormal discrete cosine transform (DCT-II) as a matrix: for chunks of actions a product is all it takes.

C[k] = w_k sum_n x[n] cos(pi (2n + 1) k / (2T)),   w_0 = sqrt(1 / T), w_k = sqrt(2 / T)

The inverse is the transpose.
"""

from __future__ import annotations

import numpy as np


def dct_matrix(length: int) -> np.ndarray:
    """(length, length) float64: its product with a signal gives the coefficients, lowest frequency first."""
    n = np.arange(length)
    matrix: np.ndarray = np.sqrt(2 / length) * np.cos(np.pi * (2 * n + 1) * n[:, None] / (2 * length))
    matrix[0] = np.sqrt(1 / length)
    return matrix


def dct(chunks: np.ndarray) -> np.ndarray:
    """(..., time, dims) -> (..., frequency, dims), in float64."""
    return dct_matrix(chunks.shape[-2]) @ np.asarray(chunks, np.float64)


def inverse_dct(coefficients: np.ndarray) -> np.ndarray:
    """(..., frequency, dims) -> (..., time, dims), in float64."""
    return dct_matrix(coefficients.shape[-2]).T @ np.asarray(coefficients, np.float64)
