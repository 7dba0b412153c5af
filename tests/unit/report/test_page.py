"""The page of a run: the answer first, with its n and interval, and nothing that the files do not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.core.run_folder import RunFolder
from understudy.report.page import write_page


def simulated(run: RunFolder, name: str, successes: int, n: int = 50, **more: Any) -> Path:
    folder = run.eval / name
    folder.mkdir(parents=True)
    summary: dict[str, Any] = {
        "policy": "p",
        "env": "so101/lift",
        "successes": successes,
        "n": n,
        "success_rate": successes / n,
        "interval": [0.81, 0.98],
        "confidence": 0.95,
        "method": "Clopper-Pearson",
        "progress_mean": 0.9,
        "reasons": {"success": successes, "time limit": n - successes},
        "protocol": {"hash": name * 8, "seeds": {"first": 5, "count": 3}},
    }
    summary["protocol"] |= more.pop("protocol", {})
    (folder / "summary.json").write_text(json.dumps(summary | more))
    return folder


def event(name: str, step: int, **keys: Any) -> str:
    return json.dumps({"event": name, "time": 0.0, "step": step, **keys})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    home = RunFolder(tmp_path / "lift")
    home.path.mkdir()
    lines = [
        event(
            "run_started",
            0,
            version="9",
            dataset={"repo_id": "u/n", "episodes": 7, "frames": 600, "fps": 30},
            policy={"type": "act", "parameters": 1234567},
            machine={"cpu": "a processor", "cores": 2, "torch": "2"},
        ),
        event("step", 100, loss=1.0, update_s=0.09, data_s=0.01, epochs=1.0),
        event("step", 300, loss=0.5, update_s=0.19, data_s=0.01, epochs=3.0),
    ]
    home.events.write_text("\n".join(lines) + "\n")
    return home


def test_the_page_begins_with_k_of_n_and_its_interval(run: RunFolder) -> None:
    simulated(run, "final", 46)
    title, _, what, _, answer = write_page(run).read_text().splitlines()[:5]
    assert what.startswith(
        "`act` with 1,234,567 parameters, trained on the 7 episodes of `u/n`: 300 updates, still going on"
    )
    assert title == "# act on u/n"
    assert "so101/lift: 46/50 = 92.0% (95% interval 81.0% to 98.0%, Clopper-Pearson)" in answer


def test_a_reference_and_a_blinded_policy_are_never_the_answer(run: RunFolder) -> None:
    simulated(run, "final", 46)
    simulated(run, "reference", 50, reference="expert")
    simulated(run, "blind", 0, protocol={"probe": "cameras blanked"})
    page = write_page(run).read_text()
    assert "46/50" in page.splitlines()[4]
    assert "| expert | so101/lift | 50/50" in page
    assert "| the policy, cameras blanked | so101/lift | 0/50" in page


def test_a_run_that_was_never_executed_is_not_said_to_succeed(run: RunFolder) -> None:
    assert "Whether it works is not known" in write_page(run).read_text()


def test_time_is_counted_by_updates_and_waiting_is_told(run: RunFolder) -> None:
    # 100 updates of 0.1 s and 200 of 0.2 s, 0.01 s of each waiting
    page = write_page(run).read_text()
    assert "50.0 s in updates, 6.0% of it waiting for data" in page
    assert "7 episodes, 600 frames, 30 frames a second, 20.0 s of demonstration" in page
    assert "1,234,567 parameters" in page


def test_links_are_relative_to_the_page_and_lead_somewhere(run: RunFolder) -> None:
    folder = simulated(run, "final", 46)
    (folder / "videos").mkdir()
    (folder / "videos/000005.mp4").write_bytes(b"")
    (folder / "failures.png").write_bytes(b"")
    run.plots.mkdir()
    (run.plots / "overall_loss.png").write_bytes(b"")
    page = write_page(run).read_text()
    for link in ("eval/final/videos/000005.mp4", "eval/final/failures.png", "plots/overall_loss.png"):
        assert f"({link})" in page
        assert (run.path / link).exists()


def test_what_stands_beside_a_success_rate_stands_beneath_it(run: RunFolder) -> None:
    beside = {"successes": 0, "n": 20, "success_rate": 0.0, "interval": [0, 0.17], "progress_mean": 0.1, "path": "x"}
    simulated(run, "final", 46, beside={"hold": beside})
    page = write_page(run).read_text()
    assert "| hold | so101/lift | 0/20 = 0.0% | 0.0% to 17.0% | 0.10 |  |" in page


def measured(step: int, successes: int) -> str:
    rates = {"successes": successes, "n": 20, "success_rate": successes / 20, "interval": [0.1, 0.6]}
    return event("evaluation", step, env="so101/lift", confidence=0.95, progress_mean=0.9, **rates)


def test_what_was_measured_while_training_is_the_answer_where_nothing_else_was(run: RunFolder) -> None:
    with run.events.open("a") as file:
        file.write(measured(100, 2) + "\n" + measured(300, 8) + "\n")
    page = write_page(run).read_text()
    assert "8/20 = 40.0% (95% interval 10.0% to 60.0%) after 300 updates, measured while training." in page
    assert "| 100 | so101/lift | 2/20 = 10.0% | 10.0% to 60.0% | 0.90 |" in page
    assert "measure that one on new episodes" in page and "executed nowhere" not in page
    simulated(run, "final-000300", 46)
    assert "46/50 = 92.0%" in write_page(run).read_text().splitlines()[4]


def test_of_each_task_the_newest_evaluation_is_the_answer(run: RunFolder) -> None:
    simulated(run, "lift", 46)
    simulated(run, "reach", 10, env="so101/reach")
    page = write_page(run).read_text()
    assert "**so101/lift: 46/50" in page and "**so101/reach: 10/50" in page


def test_a_run_says_how_it_ended_and_how_much_of_the_plan_was_done(run: RunFolder) -> None:
    run.config.write_text(json.dumps({"steps": 1000}))
    with run.events.open("a") as file:
        file.write(event("run_failed", 300, error="the loss is not finite\nat step 300") + "\n")
    assert "300 of 1,000 updates, failed: the loss is not finite at step 300." in write_page(run).read_text()


def test_held_out_error_is_the_answer_where_nothing_was_executed(run: RunFolder) -> None:
    with run.events.open("a") as file:
        file.write(event("validation", 300, action_error=0.25, baselines={"hold": 0.75, "mean": 1.0}) + "\n")
    page = write_page(run).read_text()
    assert (
        "0.25 of a standard deviation off, after 300 updates (holding the last action 0.75, the mean action 1)" in page
    )
    assert "the policy was executed nowhere" in page


def test_cameras_tasks_and_held_out_episodes_are_told(run: RunFolder) -> None:
    camera = {"observation.images.front": {"type": "VISUAL", "shape": [3, 48, 64]}}
    run.config.write_text(json.dumps({"policy": {"input_features": camera}}))
    run.split.write_text(json.dumps({"train": [0, 1, 2, 3, 4], "validation": [5], "test": [6]}))
    lines = run.events.read_text().splitlines()
    begun = json.loads(lines[0])
    begun["dataset"]["tasks"] = ["lift the cube"]
    run.events.write_text("\n".join([json.dumps(begun), *lines[1:]]) + "\n")
    page = write_page(run).read_text()
    assert "- cameras: front (64 x 48)" in page and "- tasks: “lift the cube”" in page
    assert "- held out: 1 episode (5) to choose by, 1 episode (6) set apart for the last measurement" in page
    assert "trained on 5 of the 7 episodes of `u/n`" in page
