"""The frames of an episode as small pictures."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from make_dataset import expected_level, make_dataset
from understudy.core.errors import ConfigError, DataError
from understudy.studio.dataset_list import DatasetList
from understudy.studio.film import Film, Films, jpeg, width_for
from understudy.studio.places import serve

CAMERA = "observation.images.front"


@pytest.fixture
def datasets(tmp_path: Path) -> DatasetList:
    make_dataset(tmp_path / "data/blocks", episodes=3, frames=8)
    return DatasetList(serve([tmp_path / "data"]))


def watched(film: Film) -> Film:
    until = time.monotonic() + 60
    while film.ready < film.length and not film.error and time.monotonic() < until:
        time.sleep(0.01)
    return film


def level(picture: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(picture))).mean())


def test_each_frame_is_the_picture_of_that_camera_episode_and_frame(datasets: DatasetList, tmp_path: Path) -> None:
    film = watched(Films(datasets).open(tmp_path / "data/blocks", 1))
    assert film.ready == 8
    for number in (0, 3, 7):
        picture = film.frame(CAMERA, number)
        assert picture is not None
        assert abs(level(picture) - expected_level(1, number)) < 4


def test_what_is_not_there_is_none(datasets: DatasetList, tmp_path: Path) -> None:
    film = watched(Films(datasets).open(tmp_path / "data/blocks", 0))
    assert [film.frame(CAMERA, -1), film.frame(CAMERA, 8), film.frame("nose", 0)] == [None, None, None]


def test_an_episode_is_decoded_once_for_all_who_watch(datasets: DatasetList, tmp_path: Path) -> None:
    films = Films(datasets)
    assert films.open(tmp_path / "data/blocks", 0) is films.open(tmp_path / "data/blocks", 0)


def test_a_damaged_video_is_told_in_words(datasets: DatasetList, tmp_path: Path) -> None:
    for video in (tmp_path / "data/blocks/videos").rglob("*.mp4"):
        content = video.read_bytes()
        video.write_bytes(content[: len(content) // 3])
    films = Films(datasets)
    try:
        film = watched(films.open(tmp_path / "data/blocks", 2))
    except DataError:
        return
    assert "mp4" in film.error


def test_a_dataset_outside_is_refused(datasets: DatasetList, tmp_path: Path) -> None:
    make_dataset(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="outside"):
        Films(datasets).open(tmp_path / "elsewhere", 0)


def test_pictures_are_no_wider_than_a_page_needs() -> None:
    assert Image.open(io.BytesIO(jpeg(np.zeros((600, 900, 3), np.uint8)))).size == (400, 267)
    assert Image.open(io.BytesIO(jpeg(np.zeros((60, 90, 3), np.uint8)))).size == (90, 60)


def test_the_longer_an_episode_the_smaller_its_pictures() -> None:
    assert [width_for(frames) for frames in (100, 10_000, 100_000)] == [400, 240, 160]


def test_datasets_are_listed_with_what_they_say_of_themselves(datasets: DatasetList) -> None:
    (row,) = datasets.rows()
    assert (row.path.name, row.version, row.episodes, row.frames, row.cameras) == ("blocks", "v3.0", 3, 24, 1)
