"""Evaluation folders made of nothing but outcomes: what comparisons read in tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy.evaluate.records import EpisodeRecord, lines_by_seed, protocol_hash

FIRST_SEED = 1_000_000


def write_evaluation(
    folder: Path, outcomes: Sequence[bool | int], *, policy: str = "", first: int = FIRST_SEED, **protocol: Any
) -> Path:
    """The folder of a finished evaluation whose episodes succeeded as `outcomes` says, by seed from `first`."""
    described = {"task": "so101/lift", "horizon": 300, "seeds": {"first": first, "count": len(outcomes)}} | protocol
    described["hash"] = protocol_hash(described)
    records = [
        EpisodeRecord(first + i, "lift the cube", bool(success), float(success), 120, "success" if success else "time")
        for i, success in enumerate(outcomes)
    ]
    folder.mkdir(parents=True)
    who = {"name": policy or folder.name, "fingerprint": "f00d"}
    (folder / "protocol.json").write_text(json.dumps({"policy": who, "protocol": described}))
    (folder / "episodes.jsonl").write_text(lines_by_seed(records))
    (folder / "summary.json").write_text(json.dumps({"policy": who["name"], "n": len(records)}))
    return folder


def outcomes(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[int], list[int]]:
    """Outcomes of two policies on the same episodes, by how many each solved."""
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b
