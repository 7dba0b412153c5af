from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from understudy.report.held_out_probes import write_probe_plots


@pytest.fixture(autouse=True)
def warnings_are_errors() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def probe(title: str, ratio: float | None) -> dict[str, Any]:
    return {"title": title, "ratio": ratio, "finding": "error changes: in words"}


def trial(steps: int, coefficient: float | None, error: float, roughness: float) -> dict[str, Any]:
    return {
        "n_action_steps": steps,
        "temporal_ensemble_coeff": coefficient,
        "action_error": error,
        "roughness": roughness,
    }


def summary(**more: Any) -> dict[str, Any]:
    trials = [trial(1, None, 0.2, 3.0), trial(20, None, 0.3, 1.5), trial(1, 0.01, 0.21, 0.9)]
    return {
        "probe_frames": 256,
        "probes": {"cameras_blank": probe("cameras blanked", 1.4), "state_blank": probe("state blanked", 0.98)},
        "seams": {
            "count": 31,
            "ratio": 4.2,
            "jump": {"elbow": 0.2, "gripper": 0.9, "wrist": 0.0},
            "step_within_chunks": {"elbow": 0.04, "gripper": 0.1, "wrist": 0.0},
            "step_demonstrated": {"elbow": 0.05, "gripper": 0.2, "wrist": 0.0},
            "still_joints": ["wrist"],
        },
        "horizon_choice": {
            "episodes": [3, 9],
            "settings": trials,
            "configured": dict(trials[1]),
            "recommended": dict(trials[2]),
        },
    } | more


def drawn(folder: Path, content: dict[str, Any]) -> set[str]:
    written = write_probe_plots(content, folder)
    for path in written:
        with Image.open(path) as picture:
            assert len(picture.convert("L").getcolors(1 << 20) or []) > 10, f"{path.name} shows nothing"
    return {path.name for path in written}


def test_probes_seams_and_settings_get_a_picture_each(tmp_path: Path) -> None:
    assert drawn(tmp_path, summary()) == {"probes.png", "seams.png", "horizon_choice.png"}


def test_a_summary_of_older_days_gets_none(tmp_path: Path) -> None:
    assert drawn(tmp_path, {"action_mae": {"a": 0.1}, "frames": 10}) == set()


def test_what_could_not_be_measured_is_left_out(tmp_path: Path) -> None:
    nothing = {"probes": {"cameras_blank": probe("cameras blanked", None)}, "seams": None, "horizon_choice": None}
    assert drawn(tmp_path, summary(**nothing)) == set()


def test_ratios_of_every_size_can_be_drawn(tmp_path: Path) -> None:
    many = {f"camera_blank.{i}": probe(f"camera {i} blanked", ratio) for i, ratio in enumerate((0.4, 1.0, 35.0, 2e9))}
    assert drawn(tmp_path, summary(probes=many)) == {"probes.png", "seams.png", "horizon_choice.png"}


def test_chunks_of_single_actions_show_their_seams_alone(tmp_path: Path) -> None:
    seams = summary()["seams"] | {"step_within_chunks": dict.fromkeys(("elbow", "gripper", "wrist"))}
    assert "seams.png" in drawn(tmp_path, summary(seams=seams))
