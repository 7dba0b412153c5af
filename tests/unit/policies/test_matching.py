from __future__ import annotations

import pytest

from known_policies import config_for
from understudy.core.errors import ConfigError
from understudy.data.spec import DatasetSpec, FeatureSpec, FeatureType
from understudy.policies.matching import check_features


def spec(*, camera: str = "top", height: int = 48, joints: int = 6, extra: bool = False) -> DatasetSpec:
    name = f"observation.images.{camera}"
    features = [
        FeatureSpec("observation.state", FeatureType.STATE, (joints,)),
        FeatureSpec(name, FeatureType.VISUAL, (3, height, 64)),
        FeatureSpec("action", FeatureType.ACTION, (joints,)),
    ]
    if extra:
        features.append(FeatureSpec("observation.images.wrist", FeatureType.VISUAL, (3, 20, 20)))
    return DatasetSpec({feature.name: feature for feature in features}, fps=10)


def test_a_policy_fits_the_dataset_it_was_made_for() -> None:
    check_features(config_for(spec()), spec())


def test_features_that_the_policy_does_not_look_at_do_no_harm() -> None:
    check_features(config_for(spec()), spec(extra=True))


def test_both_sides_are_shown_in_two_columns() -> None:
    with pytest.raises(ConfigError) as caught:
        check_features(config_for(spec(joints=6)), spec(joints=7))
    lines = str(caught.value).splitlines()
    assert any("observation.state 6" in line and "observation.state 7" in line for line in lines)


def test_another_picture_size_is_a_mismatch() -> None:
    with pytest.raises(ConfigError, match=r"3x48x64 .* 3x96x64"):
        check_features(config_for(spec(height=48)), spec(height=96))


def test_a_camera_under_another_name_comes_with_the_line_to_paste() -> None:
    with pytest.raises(ConfigError) as caught:
        check_features(config_for(spec(camera="top")), spec(camera="front"))
    assert caught.value.hint is not None
    assert '--rename_map=\'{"observation.images.front": "observation.images.top"}\'' in caught.value.hint


def test_no_rename_is_offered_when_two_cameras_could_be_meant() -> None:
    two = spec(camera="left")
    features = {**two.features, "observation.images.front": two.features["observation.images.left"]}
    with pytest.raises(ConfigError) as caught:
        check_features(config_for(spec(camera="xyz")), DatasetSpec(features, fps=10))
    assert "rename_map" not in str(caught.value)
