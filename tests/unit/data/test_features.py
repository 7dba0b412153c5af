"""From declared features to those a policy may use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from understudy.core.errors import DataError
from understudy.data.features import build_spec, picture_size, type_of, vector_names
from understudy.data.info import Feature, Info
from understudy.data.spec import FeatureType


def info_of(**features: Feature) -> Info:
    return Info(Path("info.json"), {}, "v3.0", 30.0, 1000, None, None, {f.name: f for f in features.values()})


def vector(name: str, n: int = 3, names: Any = None, dtype: str = "float32") -> Feature:
    return Feature(name, dtype, (n,), names)


def camera(shape: tuple[int, ...], names: Any, **facts: Any) -> Feature:
    return Feature("front", "video", shape, names, facts)


@pytest.mark.parametrize(
    ("name", "dtype", "kind"),
    [
        ("observation.state", "float32", FeatureType.STATE),
        ("observation.effort", "float64", FeatureType.STATE),
        ("observation.environment_state", "float32", FeatureType.ENV),
        ("action", "float32", FeatureType.ACTION),
        ("action.gripper", "int64", FeatureType.ACTION),
        ("anything", "image", FeatureType.VISUAL),
        ("video.front", "video", FeatureType.VISUAL),
        ("next.reward", "float32", None),
        ("timestamp", "float32", None),
        ("state", "float32", None),
        ("observation.note", "string", None),
        ("language_events", "language", None),
    ],
)
def test_the_type_follows_from_name_and_dtype(name: str, dtype: str, kind: FeatureType | None) -> None:
    assert type_of(name, Feature(name, dtype, (1,))) is kind


@pytest.mark.parametrize(
    ("shape", "names", "size"),
    [
        ((480, 640, 3), ["height", "width", "channels"], (480, 640)),
        ((480, 640, 3), ["height", "width", "channel"], (480, 640)),
        ((3, 720, 960), ["channels", "height", "width"], (720, 960)),
        ((3, 720, 960), ["height", "width", "channel"], (720, 960)),
        ((3, 720, 960), None, (720, 960)),
        ((480, 640, 3), None, (480, 640)),
        ((480, 640, 1), {"axes": ["h", "w", "c"]}, (480, 640)),
        ((480, 640, 4), [], (480, 640)),
        ((3, 4, 3), ["channels", "height", "width"], (4, 3)),
        ((3, 4, 3), ["height", "width", "channels"], (3, 4)),
    ],
)
def test_height_and_width_are_told_by_names_and_by_the_end_that_counts_channels(
    shape: tuple[int, ...], names: Any, size: tuple[int, int]
) -> None:
    feature = camera(shape, names)
    assert picture_size(feature, info_of(front=feature)) == size


def test_a_shape_that_tells_nothing_falls_back_to_the_facts_of_the_video() -> None:
    feature = camera((7, 8), None, **{"video.height": 20, "video.width": 30})
    assert picture_size(feature, info_of(front=feature)) == (20, 30)
    with pytest.raises(DataError, match="tells no height"):
        picture_size(camera((7, 8), None), info_of())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c"], ("a", "b", "c")),
        ([["a", "b", "c"]], ("a", "b", "c")),
        ({"motors": ["a", "b", "c"]}, ("a", "b", "c")),
        ({"left": ["a"], "right": ["b", "c"]}, ("a", "b", "c")),
        ({"b": 1, "c": 2, "a": 0}, ("a", "b", "c")),
        (["state"], ("state_0", "state_1", "state_2")),
        (None, ("state_0", "state_1", "state_2")),
        (["a", "b", "c", "d"], ("state_0", "state_1", "state_2")),
        (["a", "a", "b"], ("a", "a#2", "b")),
        ([0, 1, 2], ("0", "1", "2")),
    ],
)
def test_names_of_a_vector_fit_its_length_and_differ(names: Any, expected: tuple[str, ...]) -> None:
    assert vector_names("observation.state", vector("observation.state", 3, names)) == expected


def test_a_single_number_is_called_after_its_feature() -> None:
    assert vector_names("observation.height", vector("observation.height", 1)) == ("height",)


def test_the_spec_keeps_the_order_and_always_promises_three_channels() -> None:
    info = info_of(
        a=vector("action", 2),
        b=camera((4, 6, 1), ["height", "width", "channel"]),
        c=vector("observation.state"),
        d=vector("next.reward", 1),
    )
    spec = build_spec(info, {"front": "observation.images.top"}, [])
    assert list(spec.features) == ["action", "observation.images.top", "observation.state"]
    assert spec.features["observation.images.top"].shape == (3, 4, 6)
    assert list(build_spec(info, {}, ["front"]).features) == ["action", "observation.state"]
