"""What the machine does while training: CPU, memory, disk, and NVIDIA (NVML) or AMD (sysfs) accelerators.

A thread measures every few seconds. What cannot be measured is absent; measuring never disturbs the run.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from understudy.core.errors import ResourceError
from understudy.core.files import free_bytes

from .events import EventLog

AMD_CARDS = Path("/sys/class/drm")
# NVML's bits for a clock that heat or a lack of power has lowered: in hardware, and by the driver. That a card keeps to
# its power limit (0x4) is usual and none of them.
_SLOWDOWN = 0x08 | 0x20 | 0x40 | 0x80


class Telemetry:
    """Appends a `telemetry` event every `every_s` seconds while it is entered."""

    def __init__(self, events: EventLog, folder: Path, current_step: Callable[[], int], every_s: float = 5.0) -> None:
        self._events = events
        self._folder = folder
        self._current_step = current_step
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._measure_on, name="telemetry", daemon=True)

    def __enter__(self) -> Telemetry:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=self._every_s)

    def _measure_on(self) -> None:
        process = psutil.Process()
        psutil.cpu_percent()  # the first reading is the baseline of the next
        read_nvidia = nvidia_reader()
        while not self._stop.wait(self._every_s):
            reading: dict[str, Any] = {
                "cpu_percent": psutil.cpu_percent(),
                "rss_bytes": process.memory_info().rss,
                "disk_free_bytes": free_bytes(self._folder),
                **(read_nvidia() if read_nvidia else read_amd(AMD_CARDS)),
            }
            try:
                self._events.append("telemetry", self._current_step(), **reading)
            except (ResourceError, OSError):
                return  # the loop meets the same fault at its own next event and says it


def nvidia_reader() -> Callable[[], dict[str, float]] | None:
    """A function that reads the first NVIDIA GPU, or None where there is no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # NVML raises its own classes, and OSError where the library is absent
        return None

    def read() -> dict[str, float]:
        reading: dict[str, float] = {}
        with contextlib.suppress(Exception):
            reading["gpu_power_w"] = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
        with contextlib.suppress(Exception):
            reading["gpu_temperature_c"] = pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
        with contextlib.suppress(Exception):
            reading["gpu_utilization"] = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
        with contextlib.suppress(Exception):
            reading["gpu_memory_bytes"] = pynvml.nvmlDeviceGetMemoryInfo(handle).used
        with contextlib.suppress(Exception):
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
            reading["gpu_slowed"] = float(bool(reasons & _SLOWDOWN))
        return reading

    return read


def read_amd(cards: Path) -> dict[str, float]:
    """Readings of the first AMD GPU below `cards` (the kernel's /sys/class/drm): power, temperature, load, memory."""
    reading: dict[str, float] = {}
    for device in sorted(cards.glob("card[0-9]*/device")):
        busy = _number(device / "gpu_busy_percent")
        if busy is None:
            continue
        reading["gpu_utilization"] = busy
        if (used := _number(device / "mem_info_vram_used")) is not None:
            reading["gpu_memory_bytes"] = used
        for monitor in sorted(device.glob("hwmon/hwmon*")):
            # microwatts and millidegrees
            power = _number(monitor / "power1_average")
            power = power if power is not None else _number(monitor / "power1_input")
            if power is not None:
                reading["gpu_power_w"] = power / 1e6
            if (temperature := _number(monitor / "temp1_input")) is not None:
                reading["gpu_temperature_c"] = temperature / 1e3
        break
    return reading


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
