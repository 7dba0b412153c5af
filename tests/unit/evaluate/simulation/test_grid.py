"""Pictures side by side: row after row, as square as their number allows."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluate.simulation.grid import tiled


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 2, 2), (5, 2, 3), (9, 3, 3)])
def test_tiles_fill_rows_one_after_the_other(count: int, rows: int, columns: int) -> None:
    whole = tiled([np.full((2, 3, 3), 10 * n, np.uint8) for n in range(1, count + 1)], background=7)
    assert (whole.shape, whole.dtype) == ((2 * rows, 3 * columns, 3), np.uint8)
    wanted = [10 * n if n <= count else 7 for n in range(1, rows * columns + 1)]
    assert whole[::2, ::3, 0].ravel().tolist() == wanted
    assert (whole.reshape(rows, 2, columns, 3, 3) == whole[::2, ::3][:, None, :, None]).all()
