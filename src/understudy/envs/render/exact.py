"""Products of small matrices with many vectors, without BLAS.

BLAS fuses multiplications and additions where it is quick to, so the last bit depends on the processor, on how many
threads there are and on where in an array a number stands. Plain array operations round as IEEE 754 says, everywhere:
the same scene is then the same picture to the byte, whoever draws it.
"""

from __future__ import annotations

import numpy as np


def dot(vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`vector` (k,) times `rows` (k, ...): (...)."""
    total = rows[0] * vector[0]
    for factor, row in zip(vector[1:], rows[1:], strict=True):
        total += row * factor
    return np.asarray(total)


def turned(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """`matrix` (m, k) times `vectors` (k, N): (m, N)."""
    total = matrix[:, 0, None] * vectors[0]
    for column, row in zip(matrix.T[1:], vectors[1:], strict=True):
        total += column[:, None] * row
    return np.asarray(total)
