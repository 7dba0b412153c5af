from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.evaluate.result import HeldOutResult, Replay, compared
from understudy.evaluate.table import table
from understudy.policies.action_error import ActionError


def errors(*per_joint: float) -> ActionError:
    """Two steps ahead, ten windows."""
    return ActionError(torch.tensor([per_joint, per_joint], dtype=torch.float64) * 10, torch.full((2,), 10.0))


def result(**more: object) -> HeldOutResult:
    facts = {
        "policy": "somewhere/pretrained_model",
        "dataset": "somebody/banana",
        "fps": 10.0,
        "episodes": [3, 9],
        "frames": 10,
        "joints": ["elbow", "gripper"],
        "errors": {"policy": errors(0.1, 0.5), "hold": errors(0.2, 1.0), "mean": errors(0.1, 0.5)},
        "deviation": np.array([0.2, 1.0]),
        "replays": [Replay(3, np.zeros((4, 2)), np.ones((4, 2)), np.array([0, 2]))],
    }
    return HeldOutResult(**{**facts, **more})  # type: ignore[arg-type]


def test_the_json_document_has_the_promised_keys() -> None:
    document = json.loads(json.dumps(result().to_json(), allow_nan=False))
    assert document["policy"] == "somewhere/pretrained_model"
    assert document["dataset"] == "somebody/banana"
    assert document["episodes"] == [3, 9]
    assert document["frames"] == 10
    assert document["action_mae"] == pytest.approx({"elbow": 0.1, "gripper": 0.5})
    assert document["action_mae_mean"] == pytest.approx(0.3)
    assert document["baselines"]["hold"] == pytest.approx({"elbow": 0.2, "gripper": 1.0})
    assert set(document["baselines"]) == {"hold", "mean"}


def test_errors_of_joints_with_different_units_are_compared_in_standard_deviations() -> None:
    assert result().error() == pytest.approx(0.5)
    assert result().error("hold") == pytest.approx(1.0)
    assert result().times_better("hold") == pytest.approx(2.0)


def test_without_standard_deviations_the_plain_mean_is_compared() -> None:
    plain = result(deviation=None)
    assert plain.error() is None
    assert plain.times_better("hold") == pytest.approx(2.0)


def test_the_verdict_names_both_baselines() -> None:
    assert result().verdict() == "2.0 times better than holding the last action; no better than the mean action"


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.84, "1.8 times better than"),
        (1.07, "1.07 times better than"),
        (1.0, "no better than"),
        (0.5, "2.0 times worse than"),
        (0.0, "worse than"),
    ],
)
def test_a_ratio_is_put_in_words(ratio: float, words: str) -> None:
    assert compared(ratio) == words


def test_a_policy_that_never_stored_the_mean_action_has_one_baseline_only() -> None:
    found = result(errors={"policy": errors(0.1, 0.5), "hold": errors(0.2, 1.0)})
    assert set(found.to_json()["baselines"]) == {"hold"}
    assert "mean action" not in table(found)


def test_the_table_shows_each_joint_n_and_the_verdict() -> None:
    text = table(result())
    assert "n = 10 frames" in text
    assert "2 episodes (3, 9)" in text
    assert "elbow" in text
    assert "gripper" in text
    assert text.endswith(result().verdict())


def test_what_is_saved_can_be_read_without_pickle(tmp_path: Path) -> None:
    result().save(tmp_path / "eval" / "first")
    summary = json.loads((tmp_path / "eval" / "first" / "summary.json").read_text())
    assert summary["action_mae_mean"] == pytest.approx(0.3)
    with np.load(tmp_path / "eval" / "first" / "predictions.npz", allow_pickle=False) as arrays:
        assert arrays["joints"].tolist() == ["elbow", "gripper"]
        assert arrays["predicted_3"].shape == (4, 2)


def test_an_older_result_is_never_overwritten(tmp_path: Path) -> None:
    result().save(tmp_path / "first")
    with pytest.raises(FileExistsError):
        result(frames=99).save(tmp_path / "first")
    assert json.loads((tmp_path / "first" / "summary.json").read_text())["frames"] == 10
