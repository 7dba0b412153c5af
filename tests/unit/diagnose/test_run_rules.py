"""Every rule about runs has a run where it fires and one, as near as can be, where it stays silent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from made_runs import LINES, falling, noisy, run
from understudy.diagnose.finding import Finding
from understudy.diagnose.logs.parsed import ParsedLog
from understudy.diagnose.rule import Looks, all_rules, apply_rules
from understudy.diagnose.run_view import RunView, view_of_events, view_of_log

ACT = {"policy": "act", "batch_size": 8, "total_steps": 100 * LINES}
SEEN = np.linspace(1, 3000, LINES)
FLAT_AFTER_HALF = noisy(np.maximum(falling(), falling()[LINES // 2]))
WITH_A_SPIKE = falling()
WITH_A_SPIKE[150] *= 9
NOT_A_NUMBER = falling()
NOT_A_NUMBER[120:] = np.nan
RISING = np.concatenate([falling(120), noisy(falling(120)[-1] * np.geomspace(1, 8, 80))])
LOG = ParsedLog("console text")
FALLING_ERROR, RISING_ERROR = np.geomspace(0.5, 0.1, 10), np.array([0.5, 0.3, 0.2, 0.21, 0.22, 0.24, 0.25, 0.26])

# rule -> (a run where it fires, one where it is silent)
CASES: dict[str, tuple[Callable[[], RunView], Callable[[], RunView]]] = {
    "divergence": (lambda: run(loss=RISING), lambda: run(loss=falling(200, power=0.1))),
    "ended_early": (
        lambda: run(facts=ACT | {"total_steps": 10**6}, ended="interrupted"),
        lambda: run(facts=ACT, l1_loss=falling(start=0.5)),
    ),
    "failed_starts": (
        lambda: run(log=dataclasses.replace(LOG, starts=3, errors=[(7, "RuntimeError: of course")])),
        lambda: run(log=LOG),
    ),
    "few_episodes": (
        lambda: run(facts={"episodes": 1, "frames": 411}, epochs=SEEN),
        lambda: run(facts={"episodes": 50, "frames": 20_000}, epochs=SEEN),
    ),
    "from_scratch_by_mistake": (
        lambda: run(facts={"policy": "smolvla", "pretrained": ""}),
        lambda: run(facts={"policy": "smolvla", "pretrained": "lerobot/smolvla_base"}),
    ),
    "gpu_idle": (
        lambda: run(telemetry={"gpu_utilization": 25}, data_s=0.01, update_s=1.0),
        lambda: run(telemetry={"gpu_utilization": 25}, data_s=0.9, update_s=0.1),
    ),
    "gpu_throttled": (
        lambda: run(telemetry={"gpu_slowed": np.arange(100) > 80}),
        lambda: run(telemetry={"gpu_slowed": np.arange(100) > 97}),
    ),
    "gpu_too_hot": (
        lambda: run(telemetry={"gpu_temperature_c": np.where(np.arange(100) > 80, 88, 70)}),
        lambda: run(telemetry={"gpu_temperature_c": np.where(np.arange(100) > 95, 88, 70)}),
    ),
    "gradients_clipped": (lambda: run(clipped_fraction=0.97), lambda: run(clipped_fraction=0.4)),
    "kl_collapsed": (lambda: run(kld_loss=falling(power=2.0)), lambda: run(kld_loss=0.02)),
    "kl_dominates": (
        lambda: run(kld_loss=0.1, l1_loss=0.2, facts={"kl_weight": 10}),
        lambda: run(kld_loss=0.005, l1_loss=0.2, facts={"kl_weight": 10}),
    ),
    "learning_rate_for_batch": (
        lambda: run(facts=ACT | {"batch_size": 64}, lr=1e-5),
        lambda: run(facts=ACT | {"batch_size": 64}, lr=3e-5),
    ),
    "learning_rate_schedule": (
        lambda: run(lr=np.maximum(np.linspace(1e-4, -1e-4, LINES), 1e-6)),
        lambda: run(lr=np.linspace(1e-4, 1e-6, LINES)),
    ),
    "loss_spikes": (lambda: run(loss=WITH_A_SPIKE), lambda: run(loss=noisy(falling(), 0.3))),
    "memory_near_limit": (
        lambda: run(telemetry={"rss_bytes": np.linspace(2e9, 6e9, 100)}, facts={"memory_bytes": 16e9}),
        lambda: run(telemetry={"rss_bytes": noisy(np.full(100, 6e9))}, facts={"memory_bytes": 16e9}),
    ),
    "non_finite": (lambda: run(loss=NOT_A_NUMBER), lambda: run(loss=falling(), grad_norm=falling())),
    "not_validated": (lambda: run(), lambda: run(validations={"loss": FALLING_ERROR})),
    "overfitting": (
        lambda: run(validations={"action_error": RISING_ERROR}),
        lambda: run(validations={"action_error": FALLING_ERROR}),
    ),
    "plateau": (lambda: run(loss=FLAT_AFTER_HALF), lambda: run(loss=falling())),
    "seldom_saved": (
        lambda: run(log=LOG, facts={"save_freq": 20_000, "total_steps": 10**5}, update_s=0.5),
        lambda: run(log=LOG, facts={"save_freq": 2_000, "total_steps": 10**5}, update_s=0.5),
    ),
    "starved_by_data": (lambda: run(data_s=0.3, update_s=0.3), lambda: run(data_s=0.01, update_s=0.3)),
    "time_left": (
        lambda: run(facts=ACT | {"total_steps": 200 * LINES}, ended="", time=3.0 * np.arange(LINES)),
        lambda: run(facts=ACT, ended="finished", time=3.0 * np.arange(LINES)),
    ),
    "worth_going_on": (lambda: run(loss=falling()), lambda: run(loss=falling(10))),
}
RULES = {rule.name: rule for rule in all_rules() if rule.looks_at is Looks.RUN}


def fired(view: RunView) -> dict[str, Finding]:
    return {finding.rule: finding for finding in apply_rules(view, Looks.RUN)}


def test_every_rule_has_its_two_cases_and_names_its_source() -> None:
    assert set(CASES) == set(RULES)
    assert all(len(rule.source) > 15 for rule in RULES.values())


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_rule_fires_where_it_should(name: str) -> None:
    finding = fired(CASES[name][0]())[name]
    assert finding.remedy and finding.evidence
    assert json.loads(json.dumps(finding.to_json()))["rule"] == name


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_rule_is_silent_where_all_is_well(name: str) -> None:
    assert name not in fired(CASES[name][1]())


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_run_that_has_only_begun_breaks_no_rule(name: str) -> None:
    for lines in range(4):
        view = run(loss=np.ones(lines)) if lines else RunView("empty", run().history.__class__())
        assert all(isinstance(finding, Finding) for finding in RULES[name].check(view))


# what the README of each real log says is wrong with it, as rules; of the sound ones, what must not be found
KNOWN = {
    "act_one_episode_100k/train.log": {"few_episodes", "starved_by_data"},
    "forager_act_1k/wandb-summary.json": {"ended_early", "starved_by_data"},
    "g1_act_and_diffusion/train_g1_act_baseline.log": {"plateau", "failed_starts"},
    "g1_act_and_diffusion/train_g1_diffusion.log": {"failed_starts"},
    "g1_act_and_diffusion/train_g1_diffusion_baseline.log": {"ended_early"},
    "g1_act_and_diffusion/train_g1_diffusion_improved.log": {"failed_starts"},
    "sushi_taisho_diffusion/wandb-summary.json": set(),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_the_known_fault_of_a_real_log_is_among_its_findings(name: str, shared: Path) -> None:
    view = view_of_log(shared / "training_logs" / name)
    assert view.log is not None and view.log.read_lines == view.log.metric_lines > 0
    findings = fired(view)
    assert set(findings) >= KNOWN[name]
    grave = {rule for rule, finding in findings.items() if finding.severity != "note"}
    assert grave <= KNOWN[name] | {"kl_dominates"}


def test_the_forecast_is_that_of_the_curve() -> None:
    finding = fired(run(loss=falling(power=0.5)))["worth_going_on"]
    assert finding.evidence["low"] <= 2**-0.5 - 1 <= finding.evidence["high"]
    assert finding.remedy.startswith("worth going on")
    assert fired(run(loss=FLAT_AFTER_HALF))["worth_going_on"].evidence["change"] > -0.1


def test_the_time_left_is_that_of_the_steps_left_and_a_night_at_rest_does_not_count() -> None:
    clock = 3.0 * np.arange(LINES)
    clock[150:] += 36_000
    finding = fired(run(facts={"total_steps": 200 * LINES}, ended="", time=clock))["time_left"]
    assert finding.evidence == {"steps_left": 100 * LINES, "seconds": 600, "low": 583, "high": 618}
    by_the_lines = run(facts={"total_steps": 200 * LINES}, ended="", update_s=0.5, data_s=0.1)
    assert fired(by_the_lines)["time_left"].evidence["seconds"] == round(0.6 * 100 * LINES)


def test_a_loss_that_is_no_number_in_mixed_precision_is_first_tried_without() -> None:
    finding = fired(run(loss=NOT_A_NUMBER, facts={"precision": "bf16"}))["non_finite"]
    assert "in bf16" in finding.message and "fp32" in finding.remedy
    assert "learning rate" in fired(run(loss=NOT_A_NUMBER))["non_finite"].remedy


def test_a_gpu_whose_memory_is_nearly_full_is_named() -> None:
    facts, used = {"gpu_memory_bytes": 24e9}, {"gpu_memory_bytes": np.full(100, 23.5e9)}
    assert "23.5 of 24.0 GB of the GPU" in fired(run(facts=facts, telemetry=used))["memory_near_limit"].message


def test_a_run_of_ours_that_is_told_not_to_save_by_the_clock_is_judged_as_any_other() -> None:
    seldom = {"save_freq": 0, "save_minutes": 0, "total_steps": 10**5}
    assert "seldom_saved" in fired(run(facts=seldom, update_s=0.5))
    assert "seldom_saved" not in fired(run(facts=seldom | {"save_minutes": 10.0}, update_s=0.5))


@pytest.mark.parametrize(("held_out", "found"), [(0, False), (2, True)])
def test_episodes_that_are_held_out_are_none_that_it_was_trained_on(held_out: int, found: bool) -> None:
    # of 10 episodes of 20 frames
    trained = 10 - held_out
    whole = {"event": "run_started", "step": 0, "dataset": {"episodes": 10, "frames": 200}}
    passes = {"samples": 300 * trained * 20, "episodes": 300.0 * trained, "epochs": 300.0}
    view = view_of_events("run", [whole, {"event": "step", "step": 100, "loss": 1.0, **passes}], {})
    assert (view.fact("episodes"), view.fact("frames")) == (trained, 20 * trained)
    assert ("few_episodes" in fired(view)) == found
    assert view_of_events("run", [whole], {}).fact("episodes") == 10


def test_a_log_that_does_not_say_what_it_started_from_is_not_blamed_for_it() -> None:
    assert "from_scratch_by_mistake" not in fired(run(log=LOG, facts={"policy": "smolvla"}))
    assert "from_scratch_by_mistake" in fired(run(log=LOG, facts={"policy": "smolvla", "pretrained": ""}))


def test_memory_that_is_nearly_used_up_is_named_before_its_growth() -> None:
    full = run(telemetry={"rss_bytes": np.linspace(2e9, 15e9, 100)}, facts={"memory_bytes": 16e9})
    assert "15.0 of 16.0 GB" in fired(full)["memory_near_limit"].message


@pytest.mark.parametrize(
    ("options", "severities"),
    [
        ({}, ["error"]),
        ({"from_scratch": True}, ["note"]),
        ({"load_vlm_weights": True, "vlm_model_name": "a/b"}, []),
        ({"pretrained_path": "a/b"}, []),
    ],
)
def test_random_weights_are_an_error_unless_they_were_asked_for(
    options: dict[str, object], severities: list[str]
) -> None:
    view = view_of_events("run", [], {"policy": {"type": "smolvla", **options}})
    assert [finding.severity for finding in RULES["from_scratch_by_mistake"].check(view)] == severities
