"""Who runs when: every policy once from each initial condition, in an order that nobody can guess or remember.

The labels A, B, ... are given to the policies by chance, and within each trial (one placing of the scene) the order is
drawn anew. So drift of light, arm and judge hits all policies alike, results are paired by trial, and the judge does
not know who is running. All draws are functions of the seed, so that a session can be gone on with.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng


@dataclass(frozen=True)
class Run:
    """One policy from one initial condition."""

    trial: int
    label: str


def labelled(policies: Sequence[str], seed: int) -> dict[str, str]:
    """label -> policy, by chance. Raises ConfigError when a policy is named twice."""
    if len(set(policies)) < len(policies):
        raise ConfigError("a policy is named twice", where="--manual.policies")
    order = Rng(seed).numpy("labels of the policies").permutation(len(policies))
    return {string.ascii_uppercase[place]: policies[index] for place, index in enumerate(order)}


def schedule(labels: Sequence[str], trials: int, seed: int) -> list[Run]:
    """All runs in the order in which they are to be made."""
    runs = []
    for trial in range(trials):
        order = Rng(seed, trial).numpy("order within the trial").permutation(len(labels))
        runs += [Run(trial, labels[index]) for index in order]
    return runs
