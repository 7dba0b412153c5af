"""A comparison as data: what `understudy compare --json` prints, and what its picture is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from understudy import __version__
from understudy.core.power import POWER

from ..published import cannot_tell_apart, published_for
from .pair import Comparison
from .sides import Side


def document(comparisons: Sequence[Comparison], differing: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The JSON document: of one comparison its keys, of several `evaluations` and `comparisons`.

    differing   what differs between the protocols, if that was allowed
    """
    common = {
        "confidence": comparisons[0].confidence,
        "power": POWER,
        "protocol_differences": {key: list(values) for key, values in differing.items()},
        "version": __version__,
    }
    sides = sides_of(comparisons)
    published = {"published": {side.letter: _published(side, comparisons[0].confidence) for side in sides}}
    if len(comparisons) == 1:
        only = comparisons[0]
        return _side(only.a, only) | _side(only.b, only) | _pair(only) | common | published
    described: dict[str, Any] = {}
    for result in comparisons:
        described |= _side(result.a, result) | _side(result.b, result)
    pairs = [{"a": result.a.letter, "b": result.b.letter} | _pair(result) for result in comparisons]
    return {"evaluations": described, "comparisons": pairs, "correction": "Holm"} | common | published


def sides_of(comparisons: Sequence[Comparison]) -> list[Side]:
    """Every side once, in order."""
    found = {side.letter: side for result in comparisons for side in (result.a, result.b)}
    return [found[letter] for letter in sorted(found)]


def task_of(side: Side) -> str | None:
    """The task that a side was evaluated on, by its name; None where the protocol does not say."""
    task = side.protocol.get("task")
    if isinstance(task, Mapping):
        task = task.get("name")
    return task if isinstance(task, str) else None


def _side(side: Side, result: Comparison) -> dict[str, Any]:
    interval = side.interval(result.confidence)
    facts = {
        "policy": side.name,
        "paths": [str(evaluation.path) for evaluation in side.evaluations],
        "task": task_of(side),
        "successes": side.successes,
        "n": side.n,
        "success_rate": side.rate,
        "interval": interval.to_json() if interval else None,
        "progress_mean": _mean([episode.progress for each in side.evaluations for episode in each.episodes]),
        "by_training_seed": [[each.successes, each.n] for each in side.evaluations],
    }
    return {side.letter: facts}


def _pair(result: Comparison) -> dict[str, Any]:
    interval_method, test = result.methods
    facts: dict[str, Any] = {
        "difference": result.difference,
        "interval": result.interval.to_json(),
        "interval_method": interval_method,
        "paired": result.paired,
        "design": result.design,
        "episodes_in_common": len(result.seeds),
        "test": test,
        "p_value": result.p_value,
        "p_value_adjusted": result.adjusted,
        "p_value_mid": result.mid_p,
        "verdict": result.verdict,
        "only_a": result.only_a,
        "only_b": result.only_b,
        "episodes_to_decide": result.episodes_to_decide,
        "smallest_difference": result.smallest_difference,
        "training_seeds_to_decide": result.training_seeds_to_decide,
        "sequential": None,
    }
    if result.early is not None:
        winner = {"a": result.a.letter, "b": result.b.letter}.get(result.early.winner or "")
        facts["sequential"] = {
            "alpha": result.early.alpha,
            "winner": winner,
            "decided_after": result.early.decided_after,
            "pairs": result.early.pairs,
            "log_evidence": result.early.log_evidence,
        }
    return facts


def _published(side: Side, confidence: float) -> list[dict[str, Any]]:
    task = task_of(side)
    found = published_for(task, side.protocol) if task else []
    return [
        asdict(entry)
        | {
            "cannot_tell_apart": cannot_tell_apart(entry, side.successes, side.n, confidence)
            if entry.comparable and len(side.evaluations) == 1
            else None
        }
        for entry in found
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
