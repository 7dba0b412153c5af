"""Every aim stands beside what was measured: met, not met, or not measured."""

from __future__ import annotations

from typing import Any

import pytest

from aims import aims_table

RECORDING = "camera_480x640_10x200_av1"


def run(side: str, setting: str, step_s: float, first_step_s: float = 10.0, without_files: float = 2e9) -> Any:
    variant = {"side": side, "setting": setting, "flags": [], "workers": 0, "first_time": False}
    key = {"benchmark": "side_by_side", "recording": RECORDING, "variant": variant, "round": 0}
    memory = {"rss": 3e9, "pss": 3e9, "without_files": without_files}
    pace = {"step_s": step_s, "data_share": 0.002}
    steps = [[first_step_s, step_s, 0.0]]
    return {"key": key, "pace": pace, "first_step_s": first_step_s, "memory": memory, "steps": steps}


def predicting(side: str, setting: str, seconds: float, late_s: float = 0.0) -> Any:
    key = {"benchmark": "inference", "size": "480x640", "side": side, "setting": setting, "round": 0}
    return {"key": key, "predict_s": [seconds] * 3, "act_s": [seconds, 0.0, 0.0], "late_s": [late_s, 0.0, 0.0]}


def command(name: str, seconds: float) -> Any:
    return {"key": {"benchmark": "start_up", "command": name}, "seconds": [seconds]}


def row(label: str, *records: Any, amx: bool = False) -> list[str]:
    machine = {"bf16_instructions": ["AMX", "AVX-512 bf16"] if amx else ["AVX-512 bf16"]}
    text = aims_table({"machine": machine, "records": list(records)})
    line = next(line for line in text.splitlines() if line.startswith(f"| {label}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


LEROBOT = (run("lerobot", "fp32", 8.0), run("lerobot", "bf16", 5.0))


@pytest.mark.parametrize(("step_s", "ratio", "verdict"), [(4.0, "2.00x", "met"), (4.1, "1.95x", "falls short")])
def test_the_step_is_judged_against_lerobot_as_it_comes(step_s: float, ratio: str, verdict: str) -> None:
    cells = row("training step, 480x640, s", *LEROBOT, run("understudy", "default", step_s))
    assert cells == ["8.000", f"{step_s:.3f}", ratio, "2x", verdict, f"{5.0 / step_s:.2f}x"]


def test_where_the_processor_has_amx_more_is_asked() -> None:
    found = row("training step, 480x640, s", *LEROBOT, run("understudy", "default", 3.9), amx=True)
    assert found[3:5] == ["4x", "falls short"]


def test_memory_has_to_be_half_or_less() -> None:
    heavy, light = (run("understudy", "default", 4.0, without_files=b) for b in (1.1e9, 0.9e9))
    assert row("peak memory", *LEROBOT, heavy)[2:5] == ["0.55x", "at most 0.5x", "falls short"]
    assert row("peak memory", *LEROBOT, light)[2:5] == ["0.45x", "at most 0.5x", "met"]


def test_what_happens_before_the_first_step_is_counted_without_torch_and_the_step() -> None:
    records = [run("understudy", "default", 4.0, first_step_s=7.5), command("python -c 'import torch'", 1.0)]
    assert row("launch to first step, 480x640, beyond", *records)[1:5] == ["2.5", "—", "below 2", "falls short"]


def test_windows_are_compared_with_one_loader_and_with_the_best_one() -> None:
    figures = {"windows per second, Understudy (one thread)": 1200.0}
    figures |= {"windows per second, LeRobot, 0 workers": 50.0, "windows per second, LeRobot, 2 workers": 100.0}
    key = {"benchmark": "data_path", "recording": RECORDING, "part": "x"}
    cells = row("windows per second, 480x640", {"key": key, "figures": figures})
    assert cells == ["50", "1,200", "24x", "20x", "met", "12x"]


def test_predicting_is_compared_with_both_of_lerobots_precisions() -> None:
    theirs = predicting("lerobot", "fp32", 0.3), predicting("lerobot", "bf16", 0.2)
    cells = row("predicting a chunk, 480x640", *theirs, predicting("understudy", "default", 0.1, late_s=0.07))
    assert cells == ["300", "100", "3.00x", "3x", "met", "2.00x"]


def test_one_late_action_is_not_kept_quiet() -> None:
    late, quick = predicting("understudy", "default", 0.09, late_s=0.06), predicting("understudy", "default", 0.01)
    assert row("actions after their tick", late)[1:5] == ["33.3", "—", "none", "falls short"]
    assert row("actions after their tick", quick)[1:5] == ["0.0", "—", "none", "met"]
    assert row("a control step with chunk 100", late)[1:5] == ["30.0", "—", "below 33.3", "met"]


def test_commands_are_judged_by_their_median() -> None:
    found = row(
        "`understudy train --help`", command("understudy train --help", 0.6), command("lerobot-train --help", 9)
    )
    assert found == ["9.0", "0.600", "15x", "below 0.5", "falls short", "—"]


def test_what_was_not_measured_is_said() -> None:
    assert row("training step, 480x640, s", *LEROBOT)[4] == "not measured"
    assert row("training step, 480x640, on one H200")[4] == "not measured"
