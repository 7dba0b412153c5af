"""Cameras are named short or whole, come in the task's order, and an unknown one is refused with the known ones."""

from __future__ import annotations

import pytest

from understudy.core.errors import ConfigError
from understudy.envs.cameras import chosen_cameras

KNOWN = ("front", "wrist", "image")


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (["wrist", "front"], ["front", "wrist"]),
        (["observation.images.wrist"], ["wrist"]),
        (["observation.image", "image"], ["image"]),
        ([], []),
    ],
)
def test_cameras_come_in_the_tasks_order_however_they_are_asked_for(asked: list[str], chosen: list[str]) -> None:
    assert chosen_cameras("a/task", asked, KNOWN) == chosen


def test_a_camera_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="a/task has no camera `frnt`; did you mean `front`") as caught:
        chosen_cameras("a/task", ["wrist", "frnt"], KNOWN, "; or none")
    assert caught.value.where == "--env.cameras"
    assert caught.value.hint == "its cameras: front, wrist, image; or none"
