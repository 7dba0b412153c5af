"""`understudy eval`: how often a policy succeeds in simulation, or how far its actions are from recorded ones.

understudy eval --policy.path=RUN --env.type=so101/lift --eval.n_episodes=50
understudy eval --policy.path=RUN --dataset.repo_id=you/cube
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError
from understudy.core.files import check_new
from understudy.core.run_folder import RunFolder, run_of_checkpoint, step_of_checkpoint
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.manual.config import MANUAL, ManualConfig
from understudy.evaluate.protocol import EXECUTION
from understudy.evaluate.simulation.config import FIRST_SEED, EvalConfig, PolicyOptions, free_folder

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.evaluate.result import HeldOutResult


class DatasetChoice(BaseModel):
    """Which recordings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo_id: str = Field(min_length=1, description="dataset on the Hub (user/name), or a folder that holds one")
    root: Path | None = Field(None, description="folder that holds the dataset; null: the cache, then the Hub")
    revision: str | None = Field(None, description="version on the Hub: a tag, branch or commit")
    episodes: list[Annotated[int, Field(ge=0)]] | Literal["all"] | None = Field(
        None, description="all, or a list; null: those that the policy's own run held out"
    )
    frames: Literal["auto", "disk", "ram", "decode"] = Field(
        "auto", description="where decoded frames are kept: a file on disk, memory, or nowhere (decode every time)"
    )


class EvalOptions(Options):
    """Measures a policy: its success in a simulated task (--env.*) or on a real arm (--env.type=manual), or its error
    on held-out episodes (--dataset.*)."""

    policy: PolicyOptions = Field(default_factory=PolicyOptions)
    env: EnvConfig | None = None
    dataset: DatasetChoice | None = None
    task: str | None = Field(
        None,
        description="what a policy that reads is told, such as 'lift the cube'; null: the task's or the episodes' own",
    )
    output_dir: Path | None = Field(None, description="new folder for the result; null: eval/ of the policy's run")
    seed: int = Field(
        FIRST_SEED, ge=0, le=2**31 - 1, description="seed of the first episode; the next one has seed + 1"
    )
    eval: EvalConfig = Field(default_factory=EvalConfig)
    manual: ManualConfig = Field(default_factory=ManualConfig)
    resume: bool = Field(False, description="in simulation: go on with the evaluation in the output folder")
    beside: int = Field(
        20,
        ge=0,
        description="in simulation: so many episodes each of standing still and of the policy with its cameras "
        "blanked, to stand beside its success; 0: none",
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="of the interval of the success rate")
    batch_size: int = Field(16, ge=1, description="on a dataset: windows at once")
    max_frames: int | None = Field(
        None, ge=1, description="on a dataset: measure this many frames, evenly spaced; null: all"
    )
    probe_frames: int = Field(
        256, ge=0, description="on a dataset: frames to find out on what the policy looks at; 0: not at all"
    )
    tolerance_s: float | None = Field(
        None, gt=0, description="on a dataset: how far a timestamp may be off; null: reported, not checked"
    )
    rename_map: dict[str, str] | None = Field(
        None, description="on a dataset: its name -> policy's name; null: as the policy was trained"
    )


# options that say something about one kind of evaluation alone
_SIMULATION = ("eval", "seed", "resume", "beside", "confidence", "manual")
_DATASET = ("batch_size", "max_frames", "probe_frames", "tolerance_s", "rename_map")


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code."""
    refuse_foreign(arguments)
    options = parse_options(EvalOptions, arguments, verb="eval")
    check_one_kind(options)
    if options.env is not None:
        from .eval_simulation import run_manual, run_simulation

        return (run_manual if options.env.type == MANUAL else run_simulation)(options, options.env)
    assert options.dataset is not None
    return run_held_out(options, options.dataset)


def check_one_kind(options: EvalOptions) -> None:
    """In simulation or on a dataset: one of them, with the options that belong to it. Raises ConfigError."""
    if (options.env is None) == (options.dataset is None):
        both = options.env is not None
        raise ConfigError(
            "--env.* and --dataset.* are two evaluations; run one after the other"
            if both
            else "evaluate where? --env.type names a simulated task, --dataset.repo_id recorded episodes",
            hint="understudy eval --policy.path=RUN --env.type=so101/lift, or --dataset.repo_id=you/cube",
        )
    foreign, kind = (_DATASET, "on a dataset") if options.env is not None else (_SIMULATION, "in simulation")
    given = [f"--{name}" for name in foreign if name in options.model_fields_set]
    if options.env is not None and options.env.type != MANUAL and "manual" in options.model_fields_set:
        raise ConfigError("--manual.*: only with --env.type=manual")
    if options.dataset is not None:
        given += [f"--policy.{name}" for name in ("type", *EXECUTION) if name in options.policy.model_fields_set]
    if given:
        raise ConfigError(f"{', '.join(given)}: only for an evaluation {kind}")


def run_held_out(options: EvalOptions, choice: DatasetChoice) -> int:
    """Action error on recorded episodes; the exit code."""
    if options.policy.path is None:
        raise ConfigError("`--policy.path` is required: which policy?")
    if options.output_dir is not None:
        check_new(options.output_dir)

    from understudy.evaluate.table import table
    from understudy.policies.places import find_checkpoint

    checkpoint = find_checkpoint(options.policy.path).absolute()
    home = run_of_checkpoint(checkpoint)
    result = measure(options, choice, checkpoint, home)
    target = options.output_dir
    if target is None and home is not None:
        target = free_folder(home.eval, f"heldout-{step_of_checkpoint(checkpoint)}", resume=False)
    if target is not None:
        result.save(target)
        plots = draw(target, home if options.output_dir is None else None)
    if options.as_json:
        print(json.dumps(result.to_json() | {"path": str(target) if target else None}, indent=2))
        return 0
    log.say(table(result))
    if target is not None:
        log.say(f"\nresult in {target}, plots in {plots}")
    return 0


def measure(options: EvalOptions, choice: DatasetChoice, checkpoint: Path, home: RunFolder | None) -> HeldOutResult:
    """Load the policy and the dataset, choose the episodes, evaluate."""
    from understudy.data.frames import open_frames, plan_frames
    from understudy.evaluate.episodes import check_held_out, training_episodes, validation_episodes, wanted_episodes
    from understudy.evaluate.heldout import as_told, evaluate
    from understudy.policies.matching import check_features
    from understudy.policies.pretrained import load_policy

    episodes = wanted_episodes(choice.episodes, home, choice.repo_id, choice.root)
    policy = load_policy(checkpoint, options.policy.device or "auto", precision=options.policy.precision)
    dataset = load(options, choice, episodes, policy.rename_map)
    for warning in dataset.warnings:
        log.warn(warning)
    check_features(policy.config, dataset.spec)
    as_told(policy, dataset, options.task, options.policy.path)  # before anything is decoded
    check_held_out(choice.episodes, dataset, home)
    plan = plan_frames(dataset, tier=choice.frames)
    log.say(f"{'frames':<10} {plan.tier}  {plan.reason}")
    frames = open_frames(dataset, plan)
    try:
        return evaluate(
            policy,
            dataset,
            batch_size=options.batch_size,
            max_frames=options.max_frames,
            frames=frames,
            name=options.policy.path,
            training=training_episodes(dataset, home),
            validation=validation_episodes(dataset, home),
            probe_frames=options.probe_frames,
            task=options.task,
        )
    finally:
        frames.close()


def load(options: EvalOptions, choice: DatasetChoice, episodes: list[int] | None, renames: dict[str, str]) -> Dataset:
    """The episodes of the dataset that was named, all of them for None.

    renames   what the policy was trained with; used where nothing else is asked for and the dataset has these names
    """
    from understudy.data.lerobot import load_dataset

    return load_dataset(
        choice.repo_id,
        root=choice.root,
        revision=choice.revision,
        episodes=episodes,
        tolerance_s=options.tolerance_s,
        rename_map=options.rename_map,
        rename_if_there=renames if options.rename_map is None else None,
    )


def draw(evaluation: Path, home: RunFolder | None) -> Path:
    """The pictures of the whole run or, for an evaluation that lies elsewhere, its own; the folder they are in."""
    from understudy.report.held_out import write_held_out_plots
    from understudy.report.plots import write_plots

    if home is not None:
        write_plots(home)
        return home.plots
    write_held_out_plots(evaluation, evaluation / "plots")
    return evaluation / "plots"


# LeRobot's flags that have no counterpart -> why
_FOREIGN = {
    "eval.use_async_envs": "episodes always run in processes of their own; see --eval.workers",
    "eval.recording": "episodes are recorded with `understudy record`",
    "eval.recording_repo_id": "episodes are recorded with `understudy record`",
    "env.task": "the task is part of its name: --env.type=aloha/transfer-cube",
    "env.episode_length": "the time limit is called --env.horizon",
    "env.fps": "a task has a control rate of its own",
    "policy.use_amp": "numbers are 32 bits wide, so that a result can be repeated",
}


def refuse_foreign(arguments: Sequence[str]) -> None:
    """LeRobot's flags that are not known here are refused by name. Raises ConfigError."""
    for word in arguments:
        name = word.partition("=")[0].removeprefix("--")
        if word.startswith("--") and name in _FOREIGN:
            raise ConfigError(f"`--{name}` is refused: {_FOREIGN[name]}")
