"""The console's view of a run: LeRobot's line for each `step` event, a bar on a terminal, plain lines elsewhere.

In a notebook, which keeps all that was ever printed, the newest of these lines stands below the bar.
"""

from __future__ import annotations

import time
from typing import Any

from understudy.core import log
from understudy.core.live_bar import live_bar
from understudy.core.units import readable_bytes, readable_duration, short_number

_QUIET_S = 30.0
_FORECAST_AFTER = 6
# LeRobot prints these in this order; what else a policy names follows, as LeRobot 0.6 does
_FIRST = (("loss", "loss", ".3f"), ("grad_norm", "grdn", ".3f"), ("lr", "lr", "0.1e"))
_COUNTERS = {"step", "samples", "episodes", "epochs", "samples_per_s", "update_s", "data_s", "clipped_fraction"}


class Console:
    """A sink that prints. `tick` moves the bar at every step, and off a terminal says now and then where it is."""

    def __init__(self, total_steps: int, start_step: int) -> None:
        self._total = total_steps
        self._start = start_step
        self._began = self._last_said = time.monotonic()
        self._first_step_done = self._began
        self._bar = live_bar(log.stream(), "train", total_steps, "steps", start_step)

    def tick(self, step: int) -> None:
        """`step` updates are done."""
        if step - self._start == 1:
            self._first_step_done = time.monotonic()
        if step - self._start == _FORECAST_AFTER:
            self._forecast(step)
        if self._bar is not None:
            self._bar.update(step, self._pace(step))
        elif time.monotonic() - self._last_said > _QUIET_S:
            rate = self._rate(step)
            left = readable_duration((self._total - step) / rate) if rate > 0 else "unknown time"
            self._say(f"step {step} of {self._total}, {self._pace(step)}, {left} left")

    def _forecast(self, step: int) -> None:
        # the first step pays for what is set up once, so it is left out of the pace
        seconds = (time.monotonic() - self._first_step_done) / (_FORECAST_AFTER - 1)
        left = readable_duration(seconds * (self._total - step))
        self._say(f"{'forecast':<10} {seconds:.3f} s a step, {left} for the rest; memory now {_memory_in_use()}")

    def _rate(self, step: int) -> float:
        return (step - self._start) / max(time.monotonic() - self._began, 1e-9)

    def _pace(self, step: int) -> str:
        return f"{self._rate(step):.2f} steps/s"

    def _say(self, text: str) -> None:
        self._last_said = time.monotonic()
        if self._bar is not None:
            self._bar.say(text)
        else:
            log.say(text)

    def event(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "step" and self._bar is not None and self._bar.keeps_notes:
            self._bar.update(event["step"], self._pace(event["step"]), step_line(event))
        elif kind == "step":
            self._say(step_line(event))
        elif kind == "validation":
            self._say(validation_line(event))
        elif kind == "finding":
            self._say(f"doctor: {event['severity']}: {event['message']}\n        -> {event['remedy']}")
        elif kind == "evaluation":
            self._say(evaluation_line(event))
        elif kind == "checkpoint":
            size, reasons = readable_bytes(event["bytes"]), ", ".join(event["reasons"])
            self._say(f"checkpoint {event['path']}  {size} in {event['seconds']:.1f} s  ({reasons})")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def step_line(event: dict[str, Any]) -> str:
    """LeRobot's training line, field for field, then the policy's own parts of the loss."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
    fields = [
        f"step:{short_number(event['step'])}",
        f"smpl:{short_number(event['samples'])}",
        f"ep:{short_number(event['episodes'])}",
        f"epch:{event['epochs']:.2f}",
    ]
    fields += [f"{short}:{event[key]:{form}}" for key, short, form in _FIRST]
    fields += [f"updt_s:{event['update_s']:.3f}", f"data_s:{event['data_s']:.3f}"]
    shown = {"event", "time", *(key for key, _, _ in _FIRST), *_COUNTERS}
    fields += [f"{k}:{v:.3f}" for k, v in event.items() if k not in shown and not k.startswith("lr_")]
    return f"INFO {stamp} understudy:train {' '.join(fields)}"


def validation_line(event: dict[str, Any]) -> str:
    """Held-out error beside the two baselines that any policy has to beat."""
    parts = [f"held-out: step {event['step']}", f"loss {event['loss']:.4f}"]
    parts.append(f"action error {event['action_error']:.4f} of a standard deviation")
    baselines = event.get("baselines", {})
    compared = [
        f"{label} {baselines[name]:.4f}"
        for name, label in (("hold", "hold the last action"), ("mean", "mean action"))
        if name in baselines
    ]
    if compared:
        parts.append(f"({', '.join(compared)})")
    if event.get("datasets"):
        parts.append("; ".join(f"{error:.4f} on {name}" for name, error in event["datasets"].items()))
    of = f" of {len(event['episodes'])} episodes" if event["episodes"] else ""
    parts.append(f"{event['frames']} frames{of}")
    return "  ".join(parts)


def evaluation_line(event: dict[str, Any]) -> str:
    """Success in simulation, with its n and interval."""
    low, high = event["interval"]
    rate = f"{event['successes']} of {event['n']} = {event['success_rate']:.0%}"
    interval = f"({event['confidence']:.0%} interval {100 * low:.0f} to {100 * high:.0f} %)"
    return f"success: step {event['step']}  {event['env']}  {rate} {interval}  in {event['seconds']:.0f} s"


def _memory_in_use() -> str:
    """The process's resident memory, and the most the accelerator has held."""
    import psutil
    import torch

    used = readable_bytes(psutil.Process().memory_info().rss)
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        used += f", {readable_bytes(torch.cuda.max_memory_allocated())} on the GPU"
    return used
