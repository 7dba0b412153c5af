"""The protocol: everything that decides what a success rate means, but the policy itself. Two rates may be compared
when their protocols are equal, and a protocol has a hash by which that is seen.

    task, version, settings    which task; its version goes up when the same seed gives another episode
    packages                   the versions of the packages whose physics or pictures decide what happens
    seeds, n                   the initial states: seeds first ... first + count - 1, one episode each
    horizon, fps               control steps until an episode counts as failed, and how many make a second
    n_action_steps             actions executed of each prediction; null for a reference that predicts nothing
    temporal_ensemble_coeff    null: overlapping predictions are not averaged
    noise                      half-width of the noise on executed actions; null: the task's own
    probe                      what was taken away from the policy's eyes ("cameras blank"); null: nothing

Not part of it is what belongs to the policy: which cameras it has and at what size. A policy that sees less is compared
with one that sees more on equal terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.core.package_versions import package_versions

from .records import protocol_hash

if TYPE_CHECKING:
    from understudy.envs.catalogue import EnvConfig
    from understudy.envs.environment import Task

FORMAT = 1
# what says something about policies that predict, and nothing about a reference
EXECUTION = ("n_action_steps", "temporal_ensemble_coeff")
# settings of a task that say how the policy sees, not what happens
_SIGHT = ("cameras", "width", "height")


def protocol_of(
    task: Task,
    env: EnvConfig,
    *,
    first_seed: int,
    n: int,
    n_action_steps: int | None,
    temporal_ensemble_coeff: float | None,
    blank: str | None = None,
    shuffle: str | None = None,
) -> dict[str, Any]:
    """The protocol of an evaluation in simulation, with its hash."""
    words = [f"{what} {how}" for what, how in ((blank, "blank"), (shuffle, "shuffled")) if what]
    content: dict[str, Any] = {
        "format": FORMAT,
        "task": task.name,
        "version": task.version,
        "settings": {key: value for key, value in task.settings.items() if key not in _SIGHT},
        "packages": package_versions(sorted(task.packages)),
        "seeds": {"first": first_seed, "count": n},
        "n": n,
        "horizon": env.horizon or task.horizon,
        "fps": task.fps,
        "n_action_steps": n_action_steps,
        "temporal_ensemble_coeff": temporal_ensemble_coeff,
        "noise": env.noise,
        "probe": ", ".join(words) or None,
    }
    return with_hash(content)


def with_hash(content: dict[str, Any]) -> dict[str, Any]:
    """The protocol with its hash, the last key."""
    return content | {"hash": protocol_hash(content)}
