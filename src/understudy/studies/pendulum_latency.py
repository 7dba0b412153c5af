"""How long one decision takes: a single state, one thread, median and 99th percentile over many decisions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from understudy.core.rng import Rng
from understudy.data.spec import STATE
from understudy.policies.tiny_pi0.model import TinyPi0
from understudy.policies.tiny_pi0_fast.model import TinyPi0Fast

if TYPE_CHECKING:
    from understudy.policies.base import Policy

WARM_UP = 20
SHORTEST = 10


def latency(policy: Policy, decisions: int) -> dict[str, Any]:
    """Milliseconds of a decision in each way it can be made: {way: {"median_ms", "p99_ms", "n"}}.

    States are uniform in ±0.5, as the episodes begin. "one pass" is one of the network's passes within a whole chunk.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        states = torch.from_numpy(Rng(0).numpy("latency").uniform(-0.5, 0.5, (decisions + WARM_UP, 1, 4))).float()
        found = {way: _described(_timed(decide, states)) for way, decide in _ways(policy).items()}
        return found | {"one pass": _described(_passes(policy, states))}
    finally:
        torch.set_num_threads(threads)


def _ways(policy: Policy) -> dict[str, Callable[[Tensor, int], object]]:
    ways: dict[str, Callable[[Tensor, int], object]] = {
        "whole chunk": lambda state, step: policy.predict({STATE: state}, Rng(0, step))
    }
    if isinstance(policy, TinyPi0) and policy.config.causal:
        ways[f"first {SHORTEST} actions alone"] = lambda state, step: policy.predict_first(
            {STATE: state}, SHORTEST, Rng(0, step)
        )
    if isinstance(policy, TinyPi0Fast):
        ways["whole chunk, without the cache"] = lambda state, step: _without_cache(policy, state, step)
    return ways


@torch.no_grad()
def _without_cache(policy: TinyPi0Fast, state: Tensor, step: int) -> Tensor:
    return policy.model.write(policy.normalizer.normalize(STATE, state), Rng(0, step), cached=False)


def _timed(decide: Callable[[Tensor, int], object], states: Tensor) -> list[float]:
    """Seconds of each decision after the warm-up."""
    seconds = []
    for step, state in enumerate(states):
        began = time.perf_counter()
        decide(state, step)
        seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:]


def _passes(policy: Policy, states: Tensor) -> list[float]:
    """Seconds of every pass of the network while it makes whole chunks."""
    network: nn.Module = policy.get_submodule("model.transformer" if isinstance(policy, TinyPi0Fast) else "model")
    began, seconds = [0.0], list[float]()
    hooks = [
        network.register_forward_pre_hook(lambda *_: began.__setitem__(0, time.perf_counter())),
        network.register_forward_hook(lambda *_: seconds.append(time.perf_counter() - began[0])),
    ]
    try:
        for step, state in enumerate(states):
            if step == WARM_UP:
                seconds.clear()
            policy.predict({STATE: state}, Rng(0, step))
    finally:
        for hook in hooks:
            hook.remove()
    return seconds


def _described(seconds: list[float]) -> dict[str, Any]:
    return {
        "median_ms": 1e3 * statistics.median(seconds),
        "p99_ms": 1e3 * float(np.quantile(seconds, 0.99)),
        "n": len(seconds),
    }
