"""Which options a page of a run speaks of."""

from __future__ import annotations

from typing import Any

from understudy.train.config import TrainConfig
from understudy.train.report import changed_options
from understudy.train.side_by_side import differing_options

RENAMED = {"observation.images.front": "observation.images.camera1"}


def config(**more: Any) -> dict[str, Any]:
    given = {"policy": {"type": "act"}, "dataset": {"repo_id": "you/cube"}}
    return TrainConfig.model_validate(given | more).to_json()


def test_names_that_were_changed_differ_from_the_default() -> None:
    renamed = [(f"rename_map.{old}", new, None) for old, new in RENAMED.items()]
    assert changed_options(config(rename_map=RENAMED)) == renamed
    assert changed_options(config()) == []


def test_runs_differ_by_the_names_that_one_of_them_changed() -> None:
    found = differing_options([config(rename_map=RENAMED), config()])
    assert found == {"rename_map.observation.images.front": ['"observation.images.camera1"', "null"]}


def test_what_one_run_does_not_know_is_no_difference() -> None:
    with_env = config(env={"type": "pendulum/calm"})
    found = differing_options([with_env, config(), {"steps": with_env["steps"]}])
    assert found["env.type"] == ['"pendulum/calm"', "null", ""]
    assert "batch_size" not in found
