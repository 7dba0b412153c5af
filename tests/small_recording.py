"""Recordings of the toy task, small enough to make dozens of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from understudy.data.recording import Recording, read_recording
from understudy.record.config import RecordConfig
from understudy.record.run import Recorded, record

SMALL = {"width": 32, "height": 32, "type": "toy/reach"}


def config(
    root: Path, n: int = 4, *, env: dict[str, Any] | None = None, dataset: dict[str, Any] | None = None, **options: Any
) -> RecordConfig:
    target = {"root": root, "num_episodes": n} | (dataset or {})
    return RecordConfig.model_validate({"env": SMALL | (env or {}), "dataset": target, "workers": 1} | options)


def recorded(root: Path, n: int = 4, *, resume: bool = False, **options: Any) -> Recorded:
    found = record(config(root, n, **options), resume=resume)
    assert found is not None
    return found


def told(root: Path) -> Recording:
    found = read_recording(root)
    assert found is not None
    return found


def hashes(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()
    }
