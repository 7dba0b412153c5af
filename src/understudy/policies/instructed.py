"""Whether a policy can be told what to do in words, and whether there is something that it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from understudy.core.errors import ConfigError, DataError
from understudy.policies.config import PolicyConfig

_NAMED = 10


def reads(config: PolicyConfig) -> bool:
    """Whether a policy of this configuration makes tokens of its task."""
    return bool(config.language_steps())


def check_told(config: PolicyConfig | None, task: str, name: str) -> None:
    """Raises ConfigError when the policy, called `name`, cannot be told `task`.

    config   of the policy; None: a reference, which follows no words
    """
    if config is None or not reads(config):
        raise ConfigError(f"{name} reads no words, so it cannot be told a task", where="--task", hint="leave it out")
    if not task.strip():
        raise ConfigError("the task is empty", where="--task", hint="such as --task='pick up the cube'")


def check_tasks(config: PolicyConfig, tasks: Mapping[int, Iterable[str]], where: str) -> None:
    """Raises DataError when a policy that reads is shown recordings whose task is not said.

    tasks   episode -> what its frames are told
    """
    empty = [episode for episode, told in tasks.items() if any(not task.strip() for task in told)]
    if empty and reads(config):
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        raise DataError(
            f"{config.type} is told what to do in words, but the task of some episodes is empty: "
            f"{', '.join(map(str, empty[:_NAMED]))}{more}",
            where=where,
            hint="name it in meta/tasks.parquet (v3.0) or meta/tasks.jsonl (v2.1), or leave these episodes out",
        )
