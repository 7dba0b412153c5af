"""`understudy eval`: how far a policy's actions are from those of episodes it has not seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder, run_of_checkpoint

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.evaluate.result import HeldOutResult


class PolicyChoice(BaseModel):
    """Which policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1, description="checkpoint: a pretrained_model folder, or a repository on the Hub")
    device: str | None = Field(None, description="cuda, cuda:1, mps or cpu; null takes the best one there is")


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
    """Measures a policy on held-out episodes, beside two baselines: hold the last action, mean action."""

    policy: PolicyChoice
    dataset: DatasetChoice
    output_dir: Path | None = Field(None, description="new folder for the result; null: eval/ of the policy's run")
    batch_size: int = Field(16, ge=1, description="windows at once")
    max_frames: int | None = Field(None, ge=1, description="measure this many frames, evenly spaced; null: all")
    tolerance_s: float | None = Field(
        None, gt=0, description="how far a timestamp may be off; null: reported, not checked"
    )
    rename_map: dict[str, str] | None = Field(
        None, description="dataset's name -> policy's name; null: as the policy was trained"
    )


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code."""
    refuse_simulation(arguments)
    options = parse_options(EvalOptions, arguments, verb="eval")
    if options.output_dir is not None and options.output_dir.exists():
        raise ConfigError("the output folder is there already", where=str(options.output_dir), hint="name a new one")

    from understudy.evaluate.table import table
    from understudy.policies.places import find_checkpoint

    checkpoint = find_checkpoint(options.policy.path).absolute()
    home = run_of_checkpoint(checkpoint)
    result = measure(options, checkpoint, home)
    target = options.output_dir or (new_folder(home, checkpoint) if home else None)
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


def measure(options: EvalOptions, checkpoint: Path, home: RunFolder | None) -> HeldOutResult:
    """Load the policy and the dataset, choose the episodes, evaluate."""
    from understudy.data.frames import open_frames, plan_frames
    from understudy.evaluate.episodes import check_held_out, wanted_episodes
    from understudy.evaluate.heldout import evaluate
    from understudy.policies.matching import check_features
    from understudy.policies.pretrained import load_policy

    episodes = wanted_episodes(options.dataset.episodes, home)
    policy = load_policy(checkpoint, options.policy.device or "auto")
    dataset = load(options, episodes, policy.rename_map)
    for warning in dataset.warnings:
        log.warn(warning)
    check_features(policy.config, dataset.spec)
    check_held_out(options.dataset.episodes, dataset, home)
    plan = plan_frames(dataset, tier=options.dataset.frames)
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
        )
    finally:
        frames.close()


def load(options: EvalOptions, episodes: list[int] | None, renames: dict[str, str]) -> Dataset:
    """The episodes of the dataset that was named, all of them for None.

    renames   what the policy was trained with; used where nothing else is asked for and the dataset has these names
    """
    from understudy.data.lerobot import load_dataset

    choice = options.dataset

    def loaded(rename_map: dict[str, str]) -> Dataset:
        return load_dataset(
            choice.repo_id,
            root=choice.root,
            revision=choice.revision,
            episodes=episodes,
            tolerance_s=options.tolerance_s,
            rename_map=rename_map,
        )

    if options.rename_map is not None:
        return loaded(options.rename_map)
    dataset = loaded({})
    known = {old: new for old, new in renames.items() if old in dataset.info["features"]}
    return loaded(known) if known else dataset


def new_folder(home: RunFolder, checkpoint: Path) -> Path:
    """eval/heldout-000500 of the run, or with a number behind it if that is taken: no result is overwritten."""
    step = next((p.name for p in (checkpoint.resolve(), *checkpoint.resolve().parents) if p.name.isdigit()), "policy")
    number = 1
    while (folder := home.eval / (f"heldout-{step}" + (f"-{number}" if number > 1 else ""))).exists():
        number += 1
    return folder


def draw(evaluation: Path, home: RunFolder | None) -> Path:
    """The pictures of the whole run or, for an evaluation that lies elsewhere, its own; the folder they are in."""
    from understudy.report.held_out import write_held_out_plots
    from understudy.report.plots import write_plots

    if home is not None:
        write_plots(home)
        return home.plots
    write_held_out_plots(evaluation, evaluation / "plots")
    return evaluation / "plots"


def refuse_simulation(arguments: Sequence[str]) -> None:
    """LeRobot's flags for simulated environments are refused by name. Raises ConfigError."""
    for word in arguments:
        if word.startswith(("--env.", "--env=", "--eval.")) or word in ("--env", "--eval"):
            raise ConfigError(
                f"`{word.split('=')[0]}`: there is no simulated environment yet",
                hint="measure on held-out episodes: understudy eval --policy.path=... --dataset.repo_id=...",
            )
