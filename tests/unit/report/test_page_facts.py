from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fake_run import started, step, validation
from understudy.core.run_folder import RunFolder
from understudy.report.events import History, history_of
from understudy.report.page_course import phases_part
from understudy.report.page_facts import (
    checkpoints_part,
    findings_part,
    limits_part,
    options_part,
    reproduce_part,
)
from understudy.report.page_training import energy_wh

STEPS = [step(number, 1000) for number in range(10, 1001, 10)]


def history(*events: dict[str, Any]) -> History:
    return history_of([{"time": 0.0, **event} for event in events])


def text(part: Any) -> str:
    return "\n".join(part)


def test_phases_are_means_of_what_was_logged() -> None:
    flat = [{**event, "loss": 2.0 if event["step"] <= 100 else 0.5} for event in STEPS]
    found = text(phases_part(history(*flat, validation(1000, 1000))))
    assert "| 0 to 100 | 2 |" in found and "| 900 to 1,000 | 0.5 |" in found
    changed = [{**event, "loss": 3.0} if event["step"] <= 100 else event for event in flat]
    assert "| 0 to 100 | 3 |" in text(phases_part(history(*changed)))
    assert "held-out" in found and "held-out" not in text(phases_part(history(*changed)))


def test_a_run_too_short_for_phases_has_none() -> None:
    assert text(phases_part(history(*STEPS[:5]))) == ""


def test_energy_is_power_over_time_without_the_gaps_of_a_stopped_run() -> None:
    watts = [{"event": "telemetry", "time": 10.0 * i, "gpu_power_w": 360.0} for i in range(11)]
    assert energy_wh(history(*watts)) == pytest.approx(10.0)
    later = [{**event, "time": event["time"] + 100_000} for event in watts]
    assert energy_wh(history(*watts, *later)) == pytest.approx(20.0)
    assert energy_wh(history(*STEPS)) is None


def test_options_that_differ_stand_beside_their_defaults() -> None:
    found = text(options_part([("policy.use_vae", False, True), ("seed", 5, None), ("note", "a|b" + "x" * 99, "")]))
    assert "| `policy.use_vae` | false | true |" in found and "| `seed` | 5 | null |" in found
    assert "a\\|bxxx" in found and "..." in found
    assert text(options_part([])) == ""


def test_findings_are_told_with_their_remedy_and_none_is_said() -> None:
    finding = {"severity": "warning", "message": "too hot", "remedy": "cool it", "rule": "gpu_hot"}
    assert "- **warning**: too hot. *cool it* (`gpu_hot`)" in text(findings_part([finding]))
    assert "Nothing was found." in text(findings_part([]))


def test_checkpoints_are_counted_from_their_events_and_what_was_measured_of_them_stands_beside(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    saved = [
        {"event": "checkpoint", "step": s, "bytes": 5e6, "seconds": 0.5, "reasons": r}
        for s, r in ((1, ["time"]), (2, ["final"]), (2, ["best"]))
    ]
    run.checkpoint(2, 2).mkdir(parents=True)
    measured = {"event": "evaluation", "step": 2, "successes": 1, "n": 2, "success_rate": 0.5}
    found = text(
        checkpoints_part(
            history(started(version="1"), {**validation(2, 2), "action_error": 0.25}, measured), saved, run
        )
    )
    assert "Written 3 times: 15.0 MB in 1.5 s; the last at step 2, the best one at step 2." in found
    assert "| 2 | final, best | 0.25 | 1/2 = 50.0% | 5.0 MB |" in found and "| 1 |" not in found
    assert text(checkpoints_part(history(), [], run)) == ""


def test_what_another_program_trained_is_not_offered_to_be_made_again() -> None:
    assert text(reproduce_part(history(started()), RunFolder(Path("outputs/x")))) == ""
    ours = started(
        version="0.1.0",
        command="/usr/bin/understudy train --seed=5",
        config_hash="abc",
        precision="bf16",
        machine={"threads": 2},
    )
    found = text(reproduce_part(history(ours), RunFolder(Path("outputs/x"))))
    assert "    understudy train --seed=5" in found and "outputs/x/train_config.json" in found
    assert "/usr/bin" not in found and "threads (2)" in found


def test_what_was_not_measured_is_said() -> None:
    bare = text(limits_part(history(*STEPS), simulated=False, on_recordings=False))
    assert "it was executed nowhere" in bare and "nothing was held out" in bare and "no telemetry" in bare
    full = text(limits_part(history(validation(1, 1)), simulated=True, on_recordings=True))
    assert "executed nowhere" not in full and "nothing was held out" not in full
