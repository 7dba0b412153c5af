"""What a recording is: all that decides the bytes of its episodes. Only the same goes on, and the dataset says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import understudy
from understudy.core.package_versions import package_versions

if TYPE_CHECKING:
    from understudy.envs.environment import Task
    from understudy.rollout.choice import ActorChoice

    from .config import RecordConfig


def identity(config: RecordConfig, task: Task) -> dict[str, Any]:
    """Everything that decides the bytes of an episode. How many are recorded, where, by how many processes does not."""
    return {
        "env": config.env.model_dump(mode="json", exclude=_without_effect(config)),
        "task": {"name": task.name, "version": task.version, "settings": dict(task.settings)},
        "actor": actor_facts(config.policy),
        "seed": config.seed,
        "disturbance": config.disturbance,
        "keep_failures": config.keep_failures,
        "video": config.dataset.vcodec if config.dataset.video else "png",
        "packages": packages(task, config.policy),
    }


def _without_effect(config: RecordConfig) -> set[str]:
    """How an environment is installed does not show in an episode, nor does an option that is not given."""
    return {"install"} | ({"gain_spread"} if config.env.gain_spread is None else set())


def actor_facts(choice: ActorChoice) -> dict[str, Any]:
    """Who acts, so that it can be told from others: a policy by its files."""
    if choice.path is None:
        return {"type": choice.type or "expert"}
    from understudy.policies.fingerprint import fingerprint
    from understudy.policies.places import find_checkpoint

    return {"path": choice.path, "fingerprint": fingerprint(find_checkpoint(choice.path))}


def packages(task: Task, choice: ActorChoice) -> dict[str, str | None]:
    """Versions of what decides how an episode goes. A task with a Python of its own has that one's in its settings."""
    names = ("numpy", *task.packages, *(("torch",) if choice.path else ()))
    own = {"understudy": understudy.__version__}
    return own | package_versions(names) | dict(task.settings.get("packages", {}))
