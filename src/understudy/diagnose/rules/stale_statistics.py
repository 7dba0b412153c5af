"""Stored statistics that are not those of the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import joints

_OFF = 0.05  # of a joint's standard deviation


def check(data: DatasetView) -> Iterator[Finding]:
    for feature, names, episodes in (
        ("observation.state", data.state_names, data.with_state()),
        ("action", data.action_names, data.with_action()),
    ):
        stored = (data.stored or {}).get(feature)
        if not episodes or stored is None or "mean" not in stored or "std" not in stored:
            continue
        values = np.concatenate([np.asarray(e.action if feature == "action" else e.state) for e in episodes])
        mean, std = values.mean(axis=0), values.std(axis=0)
        if stored["mean"].shape != mean.shape:
            continue
        scale = np.where(std > 0, std, 1.0)
        true = {"mean": mean, "std": std, "min": values.min(axis=0), "max": values.max(axis=0)}
        known = [name for name in true if name in stored and stored[name].shape == mean.shape]
        off = np.stack([np.abs(stored[name] - true[name]) for name in known]).max(axis=0) / scale
        wrong = np.flatnonzero(off > _OFF)
        if not len(wrong):
            continue
        yield Finding(
            "warning",
            f"stored statistics of {feature} differ from the data by up to {off.max():.2f} standard deviations: "
            f"{joints(names, wrong.tolist())}",
            "Understudy computes its own over the episodes it trains on; LeRobot normalises by the stored ones: "
            "`understudy data stats` writes right ones into a copy",
            {"feature": feature, "largest": round(float(off.max()), 3), "entries": wrong.tolist()},
        )


RULE = Rule(
    "stale_statistics", Looks.DATASET, check, source="huggingface/lerobot threads 3786, 3804; openpi thread 570"
)
