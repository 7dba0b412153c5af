"""Pictures stored in the frame table."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from understudy.core.errors import DataError
from understudy.data.images import PictureReader, Stretch, decode


def encoded(pixels: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(file, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return file.getvalue()


def coloured(level: int = 0) -> np.ndarray:
    """4 high, 6 wide; red, green and blue differ."""
    return np.stack([np.full((4, 6), level + c, np.uint8) for c in (10, 80, 160)], axis=-1)


@pytest.mark.parametrize(("kind", "slack"), [("PNG", 0), ("JPEG", 4)])
def test_png_and_jpeg_keep_colours_and_axes(kind: str, slack: int) -> None:
    pixels = decode(encoded(coloured(), kind), (4, 6), "here")
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - coloured()).max() <= slack


def test_grey_is_repeated_and_transparency_dropped() -> None:
    assert (decode(encoded(coloured(), mode="L"), (4, 6), "here").std(axis=-1) == 0).all()
    np.testing.assert_array_equal(decode(encoded(coloured(), mode="RGBA"), (4, 6), "here"), coloured())


def test_deep_pixels_are_refused() -> None:
    deep = encoded(np.full((4, 6), 4000, np.uint16))
    with pytest.raises(DataError, match="depth image"):
        decode(deep, (4, 6), "here")


def write(path: Path, count: int, row_group: int) -> Path:
    items = [{"bytes": encoded(coloured(i)), "path": None} for i in range(count)]
    table = pa.table({"front": pa.array(items, pa.struct({"bytes": pa.binary(), "path": pa.string()}))})
    pq.write_table(table, path, row_group_size=row_group)
    return path


@pytest.mark.parametrize("row_group", [1, 3, 4, 100])
def test_rows_are_found_across_row_groups(tmp_path: Path, row_group: int) -> None:
    path = write(tmp_path / "a.parquet", 20, row_group)
    reader = PictureReader(tmp_path)
    levels = [int(p[0, 0, 0]) - 10 for p in reader.read(Stretch(path, 5, 9), "front", (4, 6), 1)]
    assert levels == list(range(5, 14))
    levels = [int(p[0, 0, 0]) - 10 for p in reader.read(Stretch(path, 5, 9), "front", (4, 6), 1, 2, 4)]
    assert levels == [7, 8]


def test_bare_bytes_and_paths_beside_the_table_are_read(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/0.png").write_bytes(encoded(coloured(3)))
    items = [{"bytes": None, "path": "images/0.png"}]
    by_path = pa.table({"front": pa.array(items, pa.struct({"bytes": pa.binary(), "path": pa.string()}))})
    pq.write_table(by_path, tmp_path / "path.parquet")
    pq.write_table(pa.table({"front": pa.array([encoded(coloured(3))])}), tmp_path / "bytes.parquet")
    for name in ("path", "bytes"):
        stretch = Stretch(tmp_path / f"{name}.parquet", 0, 1)
        (picture,) = PictureReader(tmp_path).read(stretch, "front", (4, 6), 0)
        np.testing.assert_array_equal(picture, coloured(3))


def test_a_path_out_of_the_dataset_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(coloured()))
    inner = tmp_path / "set"
    inner.mkdir()
    for place in ("../secret.png", str(tmp_path / "secret.png")):
        items = [{"bytes": None, "path": place}]
        table = pa.table({"front": pa.array(items, pa.struct({"bytes": pa.binary(), "path": pa.string()}))})
        pq.write_table(table, inner / "a.parquet")
        with pytest.raises(DataError, match="no bytes"):
            list(PictureReader(inner).read(Stretch(inner / "a.parquet", 0, 1), "front", (4, 6), 0))


def test_several_threads_may_read_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", 24, 4)
    reader = PictureReader(tmp_path)
    found: dict[int, list[int]] = {}

    def work(first: int) -> None:
        pictures = reader.read(Stretch(path, first, 6), "front", (4, 6), first)
        found[first] = [int(p[0, 0, 0]) - 10 for p in pictures]

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 6, 12, 18)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {first: list(range(first, first + 6)) for first in (0, 6, 12, 18)}
