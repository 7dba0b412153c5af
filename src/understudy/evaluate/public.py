"""`understudy.evaluate`: one function for both questions, told apart by where the policy is to be evaluated."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, overload

from understudy.core.errors import ConfigError
from understudy.envs.catalogue import EnvConfig

from .simulation.config import FIRST_SEED, EvalConfig, PolicyOptions, Reference

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.policies.base import Policy

    from .result import HeldOutResult
    from .simulation.result import SimulationResult


@overload
def evaluate(
    policy: Policy | str | Path,
    where: str | EnvConfig,
    *,
    episodes: int = 50,
    seed: int = FIRST_SEED,
    workers: int | None = None,
    task: str | None = None,
    output_dir: str | Path | None = None,
) -> SimulationResult: ...


@overload
def evaluate(
    policy: Policy | str | Path,
    where: Dataset,
    *,
    episodes: Sequence[int] | None = None,
    batch_size: int = 16,
    max_frames: int | None = None,
    training: Dataset | None = None,
    probe_frames: int = 256,
    task: str | None = None,
    output_dir: str | Path | None = None,
) -> HeldOutResult: ...


def evaluate(
    policy: Policy | str | Path,
    where: str | EnvConfig | Dataset,
    *,
    episodes: int | Sequence[int] | None = None,
    seed: int = FIRST_SEED,
    workers: int | None = None,
    batch_size: int = 16,
    max_frames: int | None = None,
    training: Dataset | None = None,
    probe_frames: int = 256,
    task: str | None = None,
    output_dir: str | Path | None = None,
) -> SimulationResult | HeldOutResult:
    """Success in a simulated task (`where`: its name or EnvConfig), or action error on recordings (a Dataset).

    policy         loaded, or the path of a checkpoint or run; in simulation also "expert", "hold" or "random"
    episodes       in simulation how many (50); on a dataset which, None: all that are loaded
    seed           in simulation: of the first episode; the next one has seed + 1
    workers        in simulation: processes, None: one per core. The result does not depend on it
    batch_size     on a dataset: windows at once
    max_frames     on a dataset: how many frames at most
    training       on a dataset: the episodes that the nearest state is looked for in; None: those of the policy's run
    probe_frames   on a dataset: frames to find out on what the policy looks at; 0: not at all
    task           what a policy that reads is told, in words; None: the simulated task's or each episode's own
    output_dir     new folder for everything; None: nothing is kept

    In simulation a policy runs on the CPU in processes of its own, exactly as `understudy eval` runs it. Raises
    ConfigError, DataError, and what loading the policy raises.
    """
    target = None if output_dir is None else Path(output_dir)
    if isinstance(where, str | EnvConfig):
        if episodes is not None and not isinstance(episodes, int):
            raise ConfigError(
                "in simulation `episodes` is a number: how many", hint="the seeds are seed, seed + 1, ..."
            )
        env = EnvConfig(type=where) if isinstance(where, str) else where
        if episodes is not None and episodes < 1:
            raise ConfigError("no episodes, so nothing can be said about success", hint="episodes has to be 1 or more")
        config = EvalConfig(workers=workers) if episodes is None else EvalConfig(n_episodes=episodes, workers=workers)
        return _in_simulation(policy, env, config, seed, task, target)
    if isinstance(episodes, int):
        raise ConfigError("on a dataset `episodes` is a list of indices", hint="such as [3, 7], or None for all")
    measures: dict[str, Any] = {"batch_size": batch_size, "max_frames": max_frames, "probe_frames": probe_frames}
    found = _on_dataset(policy, where, training, episodes=episodes, task=task, **measures)
    if target is not None:
        found.save(target)
    return found


def _on_dataset(policy: Policy | str | Path, dataset: Dataset, training: Dataset | None, **more: Any) -> HeldOutResult:
    """Where the policy is a path, what its run was trained on and held out is known from there."""
    from understudy.core.run_folder import run_of_checkpoint
    from understudy.policies.places import find_checkpoint
    from understudy.policies.pretrained import load_policy

    from .episodes import training_episodes, validation_episodes
    from .heldout import evaluate as evaluate_on_dataset
    from .nearest import NOT_GIVEN

    if not isinstance(policy, str | Path):
        return evaluate_on_dataset(policy, dataset, training=training or NOT_GIVEN, **more)
    checkpoint = find_checkpoint(policy).absolute()
    run = run_of_checkpoint(checkpoint)
    return evaluate_on_dataset(
        load_policy(checkpoint),
        dataset,
        training=training or training_episodes(dataset, run),
        validation=validation_episodes(dataset, run),
        name=str(policy),
        **more,
    )


def _in_simulation(
    policy: Policy | str | Path, env: EnvConfig, config: EvalConfig, seed: int, task: str | None, target: Path | None
) -> SimulationResult:
    from .simulation.run import evaluate_in_simulation, passing_folder

    with _on_disk(policy) as options, contextlib.ExitStack() as closing:
        folder = target or closing.enter_context(passing_folder())
        result = evaluate_in_simulation(options, env, config, seed=seed, folder=folder, task=task)
    return result if target is not None else dataclasses.replace(result, path=None)


@contextlib.contextmanager
def _on_disk(policy: Policy | str | Path) -> Iterator[PolicyOptions]:
    """The policy as worker processes can read it: a loaded one is written into a folder that goes afterwards."""
    if isinstance(policy, str | Path):
        reference: Reference | None = next((name for name in get_args(Reference) if name == policy), None)
        yield PolicyOptions(type=reference) if reference else PolicyOptions(path=str(policy))
        return
    import tempfile

    from understudy.policies.pretrained import save_pretrained

    with tempfile.TemporaryDirectory(prefix="understudy-policy-") as folder:
        saved = Path(folder) / policy.config.type
        save_pretrained(policy, saved)
        yield PolicyOptions(path=str(saved))
