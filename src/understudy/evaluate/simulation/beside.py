"""What a success rate stands beside: standing still in the same episodes, and the same policy with its cameras blanked.

A task that standing still solves, or that the policy solves without looking, says nothing about the policy. Both are
evaluations of their own, in beside/ of the evaluation's folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from understudy.core.files import write_atomically
from understudy.envs.catalogue import EnvConfig

from .config import EvalConfig, PolicyOptions
from .result import SimulationResult
from .run import evaluate_in_simulation
from .subject import sighted

HOLD, BLANK = "hold", "cameras blank"


def evaluate_beside(
    result: SimulationResult,
    policy: PolicyOptions,
    env: EnvConfig,
    config: EvalConfig,
    *,
    episodes: int,
) -> dict[str, SimulationResult]:
    """Evaluate what stands beside `result` on its first `episodes`, and add it to its summary; name -> result.

    Empty for a reference, for a policy that something was taken away from already, and for no episodes. What an
    earlier start has finished is not run again. Raises what `evaluate_in_simulation` raises.
    """
    assert result.path is not None
    if policy.type is not None or config.blank or config.shuffle or not episodes:
        return {}
    few = config.model_copy(update={"n_episodes": min(episodes, result.n), "videos": 0})
    # of what a policy sees, pictures have three dimensions and vectors one
    pictures = [shape for shape in result.who["sees"].values() if len(shape) == 3]
    asked = {HOLD: (PolicyOptions(type="hold"), few)}
    if pictures:
        asked[BLANK] = (policy, few.model_copy(update={"blank": "cameras"}))
    found = {}
    for name, (who, how) in asked.items():
        folder = result.path / "beside" / name.replace(" ", "-")
        found[name] = evaluate_in_simulation(
            who,
            sighted(env, pictures),
            how,
            seed=result.protocol["seeds"]["first"],
            folder=folder,
            resume=folder.exists(),
            confidence=result.confidence,
            task=result.who.get("task") if name == BLANK else None,
        )
    _add_to_summary(result.path / "summary.json", found)
    return found


def beside_json(found: dict[str, SimulationResult]) -> dict[str, Any]:
    """The key `beside` of the evaluation's document."""
    keys = ("successes", "n", "success_rate", "interval", "progress_mean", "path")
    documents = {name: other.to_json() for name, other in found.items()}
    return {name: {key: document[key] for key in keys} for name, document in documents.items()}


def _add_to_summary(summary: Path, found: dict[str, SimulationResult]) -> None:
    document = json.loads(summary.read_text())
    write_atomically(summary, json.dumps(document | {"beside": beside_json(found)}, indent=2) + "\n")
