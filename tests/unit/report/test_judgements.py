"""Which evaluations judge the policy as it is, and how the others are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.core.run_folder import RunFolder
from understudy.diagnose.policy_view import view_of_policy
from understudy.report.held_out import newest_evaluation
from understudy.report.judgements import Judgement
from understudy.report.page_evaluations import recordings_part


@pytest.mark.parametrize(
    ("summary", "who", "is_own"),
    [
        ({}, "the policy, step 500", True),
        ({"reference": "hold"}, "hold", False),
        ({"protocol": {"probe": "cameras blanked"}}, "the policy, step 500, cameras blanked", False),
        ({"task": "lift\nit"}, "the policy, step 500, told “lift it”", False),
        ({"who": {"task": "lift it"}}, "the policy, step 500, told “lift it”", False),
    ],
)
def test_an_evaluation_is_called_by_what_is_special_about_it(summary: dict[str, Any], who: str, is_own: bool) -> None:
    judgement = Judgement(Path("eval/so101-lift-000500"), summary)
    assert (judgement.who, judgement.is_own) == (who, is_own)


def test_a_second_evaluation_of_a_step_is_of_that_step() -> None:
    assert Judgement(Path("eval/so101-lift-000500-2"), {}).who == "the policy, step 500"


def evaluated(run: RunFolder, name: str, error: float, **more: Any) -> Judgement:
    folder = run.eval / name
    folder.mkdir(parents=True)
    summary = {"frames": 9, "episodes": [3], "action_mae": {"a": error}, "action_error": error, "baselines": {}, **more}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "predictions.npz").touch()
    return Judgement(folder, summary)


def test_a_policy_is_judged_by_what_it_does_when_it_is_told_the_episodes_own_tasks(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    judged = [evaluated(run, "heldout-000500", 0.25), evaluated(run, "heldout-000500-2", 0.75, task="open it")]
    page = "\n".join(recordings_part(judged, run))
    assert "0.25" in page and "0.75" not in page and "open it" not in page
    assert newest_evaluation(run) == judged[0].path
    view = view_of_policy(run)
    assert view is not None and view.held_out["action_error"] == 0.25


def test_where_that_is_all_there_is_it_is_shown_with_what_was_told(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    judged = [evaluated(run, "heldout-000500", 0.75, task="open it")]
    page = "\n".join(recordings_part(judged, run))
    assert "0.75" in page and "“open it”" in page
    assert newest_evaluation(run) == judged[0].path
