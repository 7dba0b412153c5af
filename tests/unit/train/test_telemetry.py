"""Telemetry: what can be measured is there, what cannot is absent."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from understudy.core.events import read_events
from understudy.train.events import EventLog
from understudy.train.telemetry import Telemetry, nvidia_reader, read_amd


def _amd_card(root: Path) -> None:
    device = root / "card0" / "device"
    monitor = device / "hwmon" / "hwmon3"
    monitor.mkdir(parents=True)
    (device / "gpu_busy_percent").write_text("93\n")
    (device / "mem_info_vram_used").write_text("1073741824\n")
    (monitor / "power1_average").write_text("215000000\n")
    (monitor / "temp1_input").write_text("71000\n")


def test_an_amd_card_is_read_from_sysfs_in_watts_degrees_and_bytes(tmp_path: Path) -> None:
    _amd_card(tmp_path)
    assert read_amd(tmp_path) == {
        "gpu_utilization": 93,
        "gpu_memory_bytes": 1073741824,
        "gpu_power_w": 215,
        "gpu_temperature_c": 71,
    }


def test_a_card_without_sensors_gives_what_it_has(tmp_path: Path) -> None:
    device = tmp_path / "card1" / "device"
    device.mkdir(parents=True)
    (device / "gpu_busy_percent").write_text("5")
    assert read_amd(tmp_path) == {"gpu_utilization": 5}
    assert read_amd(tmp_path / "nothing here") == {}


@pytest.mark.parametrize(("reasons", "slowed"), [(0x1, 0.0), (0x4, 0.0), (0x20, 1.0), (0x44, 1.0)])
def test_a_clock_lowered_for_heat_is_told_from_one_that_keeps_to_the_power_limit(
    monkeypatch: pytest.MonkeyPatch, reasons: int, slowed: float
) -> None:
    # a driver that answers nothing but this
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: reasons,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    read = nvidia_reader()
    assert read is not None and read() == {"gpu_slowed": slowed}


def test_telemetry_appends_events_with_the_current_step_until_it_is_left(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        with Telemetry(log, tmp_path, lambda: 42, every_s=0.02):
            deadline = time.monotonic() + 20
            while path.stat().st_size == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
        events = read_events(path)
    assert events
    assert events[0]["event"] == "telemetry"
    assert events[0]["step"] == 42
    assert events[0]["rss_bytes"] > 1e6
    assert events[0]["disk_free_bytes"] > 0
