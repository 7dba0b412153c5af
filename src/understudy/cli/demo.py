"""`understudy demo`: the whole story on a simulated arm: record, train, evaluate, report. Offline, in minutes."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.files import check_new

if TYPE_CHECKING:
    from understudy.studies.demo import DemoConfig, DemoResult


class DemoOptions(Options):
    """Records demonstrations of a simulated arm, trains ACT on them, and measures how often it succeeds."""

    output_dir: Path | None = Field(None, description="new folder; null: outputs/demo/<date>_<time>")
    task: str | None = Field(None, description="another so101 task than the demo's own")
    episodes: int | None = Field(None, ge=2, description="demonstrations; null: as many as the demo was tuned for")
    steps: int | None = Field(None, ge=1, description="optimiser updates; null: as many as the demo was tuned for")
    trials: int | None = Field(None, ge=1, description="episodes that the policy is tried on; null: 50")
    seed: int = Field(1000, ge=0, description="of the training; another one gives another policy")


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code is 1 when the policy did not learn the task."""
    options = parse_options(DemoOptions, arguments, verb="demo")
    # torch's threads usually wait for each other by spinning. Next to another busy program that makes an update up to
    # eight times slower (2.3 s instead of 0.3 s, two cores); sleeping costs little. It is read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from understudy.studies.demo import run_demo

    config = config_of(options)
    check_new(config.folder)
    result = run_demo(config, log.say)
    if options.as_json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        log.say(closing_words(config, result))
    return 0 if result.learned else 1


def config_of(options: DemoOptions) -> DemoConfig:
    """What the options ask for, on top of what the demo was tuned for."""
    from understudy.studies.demo import DemoConfig

    folder = options.output_dir or Path("outputs/demo") / f"{datetime.datetime.now():%Y-%m-%d_%H-%M-%S}"
    given = options.model_dump(include={"task", "episodes", "steps", "trials", "seed"}, exclude_none=True)
    return DemoConfig(folder, **given)


def closing_words(config: DemoConfig, result: DemoResult) -> str:
    """What came out, what to look at, and what to type next."""
    compared = "\n".join(f"  {name:<18} {other.rate()}" for name, other in result.beside.items())
    verdict = (
        "It learned the task."
        if result.learned
        else "It did not learn the task: it trained too little, or something is wrong."
    )
    run = config.run
    return f"""
{result.policy.text()}

{compared}

{verdict}

  {result.report}   the page that tells it all
  {run.eval / "success"}/videos   what it did
  {config.demonstrations}   what it was shown: a LeRobot dataset

Again, on other starts: understudy eval --policy.path={run.path} --env.type={config.task} --seed=2000000
More demonstrations:    understudy record --env.type={config.task} --dataset.num_episodes=50 --dataset.root=FOLDER
Your own data:          understudy train --policy.type=act --dataset.repo_id=NAME"""
