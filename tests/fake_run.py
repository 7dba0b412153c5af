"""A run folder made of nothing but files: what the pictures are drawn from in tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.run_folder import RunFolder


def write_events(run: RunFolder, events: list[dict[str, Any]]) -> None:
    run.path.mkdir(parents=True, exist_ok=True)
    run.events.write_text("".join(json.dumps({"time": 1000.0 + i, **e}) + "\n" for i, e in enumerate(events)))


def started(**more: Any) -> dict[str, Any]:
    dataset = {"repo_id": "somebody/banana", "fingerprint": "f00d", "episodes": 18, "frames": 4066, "fps": 10}
    return {"event": "run_started", "step": 0, "dataset": dataset, "policy": {"type": "act"}, **more}


def step(number: int, total: int) -> dict[str, Any]:
    noise = np.random.default_rng(number).normal() * 0.05
    part = float(np.exp(-4 * number / total))
    return {
        "event": "step",
        "step": number,
        "loss": 0.3 + 60 * part**3 + noise * 0.3,
        "l1_loss": 0.3 + 0.7 * part + noise,
        "kld_loss": 0.01 + 6 * part**3,
        "grad_norm": 5 + 40 * part + noise * 20,
        "clipped_fraction": part,
        "lr": 1e-4,
        "lr_main": 1e-4,
        "lr_backbone": 1e-5,
        "update_s": 0.3 + abs(noise),
        "data_s": 0.002,
        "samples_per_s": 8 / (0.302 + abs(noise)),
    }


def validation(number: int, total: int) -> dict[str, Any]:
    error = 0.45 + 0.5 * float(np.exp(-4 * number / total))
    return {
        "event": "validation",
        "step": number,
        "loss": error,
        "l1_loss": error,
        "action_error": error,
        "action_mae": {"a": error, "b": error},
        "baselines": {"hold": 0.71, "mean": 0.8},
        "episodes": [3, 9],
        "frames": 256,
    }


def telemetry(number: int) -> dict[str, Any]:
    wave = float(np.sin(number / 5))
    return {
        "event": "telemetry",
        "step": number,
        "gpu_power_w": 240 + 20 * wave,
        "gpu_temperature_c": 61 + wave,
        "cpu_percent": 95 + 3 * wave,
        "rss_bytes": 2_100_000_000 + number,
    }


def write_run(folder: Path, *, steps: int = 1000, logged_every: int = 10) -> RunFolder:
    """A finished run with events of every kind."""
    run = RunFolder(folder)
    events = [started()]
    for number in range(logged_every, steps + 1, logged_every):
        events += [step(number, steps), telemetry(number)]
        if number % (steps // 10) == 0:
            events.append(validation(number, steps))
    write_events(run, [*events, {"event": "run_finished", "step": steps}])
    return run


def write_evaluation(run: RunFolder, name: str = "heldout-001000", *, joints: int = 7, length: int = 200) -> Path:
    """An evaluation as `understudy eval` leaves it."""
    names = [f"joint_{i}_vel" for i in range(joints)]
    t = np.arange(length)
    demonstrated = np.stack([np.sin(t / (9 + j)) * (t > 40) * (0.1 + j) for j in range(joints)], axis=1)
    predicted = demonstrated * 0.9 + np.random.default_rng(0).normal(size=demonstrated.shape) * 0.05
    folder = run.eval / name
    folder.mkdir(parents=True)
    by_step = {n: [0.1 + 0.01 * s for s in range(20)] for n in names}
    steps = {"seconds_ahead": [s / 10 for s in range(20)], "frames": [200] * 20, "policy": by_step}
    steps |= {
        "hold": {n: [0.1 + 0.03 * s for s in range(20)] for n in names},
        "mean": {n: [0.5] * 19 + [None] for n in names},
    }
    summary = {"action_mae": dict.fromkeys(names, 0.2), "frames": 199, "by_step": steps}
    (folder / "summary.json").write_text(json.dumps(summary))
    np.savez(
        folder / "predictions.npz",
        joints=np.array(names),
        fps=np.array(10.0),
        episodes=np.array([7]),
        demonstrated_7=demonstrated,
        predicted_7=predicted,
        starts_7=np.arange(0, length, 20),
    )
    return folder


def evaluation_summary() -> dict[str, Any]:
    """The summary.json of an evaluation in simulation: what a page needs of it."""
    return {
        "policy": "p",
        "env": "so101/lift",
        "successes": 10,
        "n": 20,
        "success_rate": 0.5,
        "interval": [0.27, 0.73],
        "confidence": 0.95,
        "method": "Clopper-Pearson",
        "progress_mean": 0.7,
        "reasons": {"success": 10, "time limit": 10},
        "protocol": {"hash": "abcdef0123456789", "seeds": {"first": 5, "count": 20}},
    }
