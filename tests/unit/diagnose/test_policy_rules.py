"""Every rule about policies has an evaluation where it fires and one where it stays silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.core.run_folder import RunFolder
from understudy.diagnose.policy_view import PolicyView, view_of_policy
from understudy.diagnose.rule import Looks, all_rules, apply_rules
from understudy.diagnose.target import diagnose


def held_out(**more: Any) -> PolicyView:
    sound: dict[str, Any] = {
        "action_mae": {"a": 0.1},
        "times_better": {"hold": 2.5, "mean": 3.0},
        "probes": {"cameras_shuffled": {"ratio": 4.0}, "cameras_blank": {"ratio": 6.0}},
        "seams": {"ratio": 1.3, "ratio_within_chunks": 0.9, "count": 40},
    }
    return PolicyView(sound | more, {})


def simulated(blank: int, hold: int) -> PolicyView:
    beside = {"cameras blank": {"successes": blank, "n": 20}, "hold": {"successes": hold, "n": 20}}
    return PolicyView({}, {"success_rate": 0.9, "successes": 45, "n": 50, "beside": beside})


CASES = {
    "blind_to_cameras": (held_out(probes={"cameras_shuffled": {"ratio": 1.02}}), held_out()),
    "no_better_than_standing_still": (held_out(times_better={"hold": 1.01, "mean": 3.0}), held_out()),
    "repeats_one_action": (
        held_out(seams={"ratio": 0.02, "ratio_within_chunks": 0.01}),
        held_out(seams={"ratio": 0.5, "ratio_within_chunks": 0.05}),
    ),
    "seams": (held_out(seams={"ratio": 5.0, "ratio_within_chunks": 0.9}), held_out()),
    "succeeds_blindfolded": (simulated(blank=15, hold=0), simulated(blank=2, hold=0)),
}


def fired(view: PolicyView) -> set[str]:
    return {finding.rule for finding in apply_rules(view, Looks.POLICY)}


def test_every_rule_has_its_two_cases_and_names_its_source() -> None:
    rules = [rule for rule in all_rules() if rule.looks_at is Looks.POLICY]
    assert {rule.name for rule in rules} == set(CASES)
    assert all(len(rule.source) > 15 for rule in rules)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_rule_fires_where_it_should_and_nowhere_else(name: str) -> None:
    fires, silent = CASES[name]
    assert fired(fires) == {name}
    assert fired(silent) == set()


@pytest.mark.parametrize(("coefficients", "averaged"), [([None, 0.01], True), ([None, None], False)])
def test_averaging_is_advised_to_policies_that_can(coefficients: list[float | None], averaged: bool) -> None:
    settings = [{"n_action_steps": 1, "temporal_ensemble_coeff": coefficient} for coefficient in coefficients]
    jumps = held_out(seams={"ratio": 5.0}, horizon_choice={"settings": settings})
    (finding,) = apply_rules(jumps, Looks.POLICY)
    assert "--policy.n_action_steps" in finding.remedy
    assert ("--policy.temporal_ensemble_coeff" in finding.remedy) == averaged


def test_a_policy_that_nobody_evaluated_breaks_no_rule() -> None:
    assert fired(PolicyView({}, {})) == set()


def test_the_newest_evaluations_of_the_policy_itself_are_read(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert view_of_policy(run) is None
    for name, summary in {
        "a": {"action_mae": {}, "times_better": {"hold": 1.0}},
        "b": {"successes": 3, "n": 4, "protocol": {}},
        "c": {"successes": 0, "n": 4, "reference": "hold", "protocol": {}},
        "d": {"successes": 1, "n": 4, "protocol": {"probe": "cameras blank"}},
    }.items():
        (run.eval / name).mkdir(parents=True)
        (run.eval / name / "summary.json").write_text(json.dumps(summary))
    view = view_of_policy(run)
    assert view is not None
    assert view.held_out["times_better"] == {"hold": 1.0} and view.simulated["successes"] == 3


def test_the_doctor_of_a_run_also_judges_what_its_policy_does(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.events.write_text(json.dumps({"event": "validation", "step": 1, "time": 0.0, "action_error": 0.5}) + "\n")
    (run.eval / "held-out").mkdir(parents=True)
    (run.eval / "held-out/summary.json").write_text(json.dumps({"action_mae": {}, "times_better": {"hold": 0.5}}))
    found = diagnose(tmp_path)
    assert [finding.rule for finding in found.findings] == ["no_better_than_standing_still"]
    assert "2.0 times worse than holding the last action" in found.findings[0].message
