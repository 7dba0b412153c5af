"""What is measured in a run, and how plots call it: for those of reports and of the studio alike."""

from __future__ import annotations

from typing import NamedTuple

_LOSSES = {"l1_loss": "L1 loss", "kld_loss": "KL loss, unweighted"}


class Measure(NamedTuple):
    """A number of the machine. `divisor`: of what telemetry holds, so that it is in `unit`."""

    title: str
    unit: str
    divisor: float


# key of a telemetry event -> what it is
MACHINE = {
    "gpu_power_w": Measure("GPU power", "W", 1.0),
    "gpu_temperature_c": Measure("GPU temperature", "°C", 1.0),
    "gpu_utilization": Measure("GPU utilisation", "%", 1.0),
    "gpu_memory_bytes": Measure("GPU memory in use", "GB", 1e9),
    "cpu_percent": Measure("CPU load, all cores", "%", 1.0),
    "rss_bytes": Measure("Memory of the training process", "GB", 1e9),
}


def loss_name(key: str) -> str:
    """What a loss, or a part of one, is called: "kld_loss" -> "KL loss, unweighted"."""
    return _LOSSES.get(key, key.replace("_", " "))
