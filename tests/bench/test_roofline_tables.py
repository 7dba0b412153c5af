"""The roofline's tables: shares of the right peak, masks on their own, and all of the step accounted for."""

from __future__ import annotations

from typing import Any

from roofline_tables import roofline_tables

LIMITS = {
    "key": {"benchmark": "machine_limits"},
    "matmul": {"fp32": {"2x2x2": 100e9}, "bf16": {"2x2x2": 200e9}},
    "peak": {"fp32": 100e9, "bf16": 200e9},
    "convolution": {"fp32": 1e9, "bf16": 1e9},
    "copy": 10e9,
    "triad": 8e9,
    "draws": 1e9,
    "words": 5e8,
}


def spent(flop: float, bytes_: float, seconds: float, drawn: float = 0, words: float = 0) -> dict[str, float]:
    return {"flop": flop, "bytes": bytes_, "seconds": seconds, "calls": 1, "drawn": drawn, "words": words}


def step(setting: str = "fp32", precision: str = "fp32") -> Any:
    return {
        "key": {"benchmark": "roofline", "recording": "camera_96x96_10x200_av1", "setting": setting},
        "precision": precision,
        "step_s": 2.0,
        "flop": 50e9,
        "parts": {"encoder": spent(50e9, 5e9, 1.4), "clipping and optimiser": spent(0, 2e9, 0.4)},
        "masks": {"encoder": spent(0, 1e9, 0.4, 2e8), "clipping and optimiser": spent(0, 0, 0)},
        "kinds": {"matrix products": spent(50e9, 4e9, 1.0), "dropout masks": spent(0, 1e9, 0.4, 2e8, 2.5e7)},
    }


def cells(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_share_of_the_peak_is_that_of_the_steps_own_precision() -> None:
    text = roofline_tables({"records": [LIMITS, step(), step("bf16", "bf16")]})
    assert cells(text, "96x96, fp32") == ["50", "37", "2,000", "25", "500", "950", "25", "12"]
    assert cells(text, "96x96, bf16") == ["50", "37", "2,000", "25", "250", "700", "12", "12"]


def test_masks_are_left_out_of_the_part_they_are_drawn_for() -> None:
    text = roofline_tables({"records": [LIMITS, step()]})
    assert cells(text, "encoder") == ["50.0", "4.00", "1,000", "50", "500", "400", "50"]
    assert cells(text, "dropout masks")[2:5] == ["400", "20", "250 (drawing alone)"]


def test_what_no_operation_takes_is_shown() -> None:
    text = roofline_tables({"records": [LIMITS, step()]})
    assert cells(text, "between operations")[2:4] == ["200", "10"]


def test_a_setting_that_failed_is_named() -> None:
    broken = {"key": step()["key"], "failed": "no such option"}
    assert "Failed: 96x96, fp32: no such option" in roofline_tables({"records": [broken]})
