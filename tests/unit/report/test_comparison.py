from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from understudy.report.comparison import write_comparison

A = {"policy": "act", "successes": 41, "n": 50, "success_rate": 0.82, "interval": [0.69, 0.91]}
B = {"policy": "outputs/train/" + "x" * 60, "successes": 33, "n": 50, "success_rate": 0.66, "interval": [0.51, 0.79]}
DIFFERENCE = {"difference": 0.16, "interval": [0.01, 0.31], "verdict": "undecided"}


@pytest.fixture(autouse=True)
def warnings_are_errors() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def side(facts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return facts | {"by_training_seed": [[facts["successes"], facts["n"]]]} | more


def test_two_evaluations_make_a_picture_and_its_numbers(tmp_path: Path) -> None:
    found = {"a": side(A), "b": side(B), "confidence": 0.95} | DIFFERENCE
    folder = write_comparison(found, "told", tmp_path / "out")
    assert json.loads((folder / "comparison.json").read_text()) == found
    assert (folder / "comparison.txt").read_text() == "told\n"
    with Image.open(folder / "comparison.png") as picture:
        assert picture.width > 600


def test_more_evaluations_make_a_higher_picture(tmp_path: Path) -> None:
    seeds = side(A, interval=None, by_training_seed=[[20, 25], [21, 25]])
    pairs = [{"a": a, "b": b} | DIFFERENCE | {"verdict": "a"} for a, b in (("a", "b"), ("a", "c"), ("b", "c"))]
    several = {"evaluations": {"a": seeds, "b": side(B), "c": side(A)}, "comparisons": pairs, "confidence": 0.95}
    two = {"a": side(A), "b": side(B), "confidence": 0.95} | DIFFERENCE
    heights = []
    for name, found in (("several", several), ("two", two)):
        with Image.open(write_comparison(found, "told", tmp_path / name) / "comparison.png") as picture:
            heights.append(picture.height)
    assert heights[0] > heights[1]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        write_comparison({"a": side(A), "b": side(B), "confidence": 0.95} | DIFFERENCE, "told", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
