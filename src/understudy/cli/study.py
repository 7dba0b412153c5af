"""`understudy study pendulum`: a whole study from nothing to a page of results, in one command that can be stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError

if TYPE_CHECKING:
    from understudy.studies.pendulum_config import PendulumStudy


class StudyOptions(Options):
    """Records an expert, trains two families of policies with many seeds, and measures them beside references. Called
    again with the same folder it goes on."""

    name: Literal["pendulum"] = Field(description="which study")
    output_dir: Path | None = Field(None, description="folder of the study; null: outputs/study/pendulum")
    family: Literal["tiny_pi0", "tiny_pi0_fast"] | None = Field(None, description="one family alone; null: both")
    preset: Literal["modern", "original"] = Field(
        "modern", description="of the policies and how they are trained; original: the published study's, hours of work"
    )
    seeds: int = Field(10, ge=1, description="models of each family, trained with the seeds 1000, 1001, ...")
    steps: int | None = Field(None, ge=1, description="updates of each model; null: as many as its recipe has")
    jobs: int | None = Field(None, ge=1, description="processes at a time; null: one for each core, two at most")
    long: bool = Field(False, description="also episodes of 1000 steps")
    quick: bool = Field(False, description="everything once, small: shows how it works, in about two minutes")


def run(arguments: Sequence[str]) -> int:
    """The verb."""
    options = parse_options(StudyOptions, arguments, positionals=["name"], verb="study")
    # two processes side by side, whose threads would wait for each other by spinning; read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from understudy.studies.pendulum import run_study

    summary = run_study(study_of(options))
    if options.as_json:
        print(json.dumps(summary, indent=2))
    return 0


def study_of(options: StudyOptions) -> PendulumStudy:
    """What the options ask for. Raises ConfigError where they contradict each other."""
    from understudy.core.cores import usable_cores
    from understudy.studies.pendulum_config import FAMILIES, FIRST_SEED, PendulumStudy, quick

    families = FAMILIES if options.family is None else (options.family,)
    jobs = options.jobs or min(2, usable_cores())
    if options.quick:
        if given := sorted({"preset", "seeds", "steps", "long"} & options.model_fields_set):
            raise ConfigError(f"--quick decides how much is done; leave out --{given[0]}", where="--quick")
        return quick(options.output_dir or Path("outputs/study/pendulum-quick"), jobs, families)
    return PendulumStudy(
        options.output_dir or Path("outputs/study/pendulum"),
        families,
        preset=options.preset,
        seeds=tuple(range(FIRST_SEED, FIRST_SEED + options.seeds)),
        steps=options.steps,
        jobs=jobs,
        leak=options.preset == "modern",
        long=options.long,
    )
