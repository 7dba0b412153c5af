"""`understudy demo`: the whole story in a few minutes: train ACT on real recordings, and see whether it learned.

The recordings come with the package (demo_data/). The network is a small ACT; its size, the number of updates and the
learning rate were chosen so that two CPU cores finish within about four minutes. Its image backbone starts from random
weights with measured norms, so nothing is downloaded.
"""

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
from understudy.core.run_folder import RunFolder

if TYPE_CHECKING:
    from understudy.evaluate.result import HeldOutResult
    from understudy.train.config import TrainConfig

NAME = "demo/cr5_banana"
RECORDINGS = Path(__file__).parents[1] / "demo_data" / "cr5_banana"
# fixed, so that everybody's demo is measured on the same recordings. The settings below and the best checkpoint were
# chosen by VALIDATION; on TEST nothing was chosen
VALIDATION = [3, 9, 15]
TEST = [1, 7, 13]
STEPS = 600
# a policy that is better by less than this has not shown that it learned
MARGIN = 1.05


class DemoOptions(Options):
    """Trains ACT for a few minutes on recordings that come with Understudy, and shows whether it learned."""

    output_dir: Path | None = Field(None, description="new run folder; null: outputs/demo/<date>_<time>")
    steps: int = Field(STEPS, ge=1, description="optimiser updates")
    seed: int = Field(1000, ge=0, description="another one gives another policy")


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code is 1 when the policy does not beat both baselines."""
    options = parse_options(DemoOptions, arguments, verb="demo")
    folder = options.output_dir or Path("outputs/demo") / f"{datetime.datetime.now():%Y-%m-%d_%H-%M-%S}"
    config = demo_config(folder, options.steps, options.seed)
    # torch's threads usually wait for each other by spinning. Next to another busy program that makes an update up to
    # eight times slower (2.3 s instead of 0.3 s, two cores); sleeping costs little. It is read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from understudy.train.run import train

    log.say("A real arm puts a banana on a plate. ACT learns from 12 episodes, is watched on 3 others while it trains,")
    log.say("and is tested on 3 more.\n")
    train(config)
    home = RunFolder(folder)
    result = evaluate_best(home)
    learned = all(result.times_better(name) >= MARGIN for name in result.errors if name != "policy")
    if options.as_json:
        print(json.dumps(result.to_json() | {"path": str(folder), "learned": learned}, indent=2))
    else:
        log.say(closing_words(home, learned))
    return 0 if learned else 1


def demo_config(folder: Path, steps: int, seed: int) -> TrainConfig:
    """What the demo trains; the same as a `train_config.json` would say it."""
    from understudy.policies.act.config import ActConfig
    from understudy.train.config import DatasetConfig, SchedulerConfig, TrainConfig

    policy = ActConfig(
        device="cpu",
        pretrained_backbone_weights=None,
        chunk_size=20,
        n_action_steps=20,
        dim_model=128,
        n_heads=4,
        dim_feedforward=512,
        n_encoder_layers=2,
        n_vae_encoder_layers=2,
        pre_norm=True,
        # so few updates cannot overfit, and the latent has little to tell apart in 12 episodes of one task
        dropout=0.0,
        kl_weight=1.0,
        optimizer_lr=1e-3,
        optimizer_lr_backbone=3e-4,
    )
    return TrainConfig(
        dataset=DatasetConfig(
            repo_id=NAME, root=RECORDINGS, exclude_episodes=TEST, eval_episodes=VALIDATION, frames="ram"
        ),
        policy=policy,
        output_dir=folder,
        job_name="demo",
        seed=seed,
        steps=steps,
        batch_size=16,
        log_freq=max(1, steps // 60),
        eval_steps=max(1, steps // 5),
        max_eval_samples=128,
        scheduler=SchedulerConfig(
            type="cosine_decay_with_warmup",
            num_warmup_steps=50,
            num_decay_steps=max(1, steps),
            peak_lr=1e-3,
            decay_lr=2e-5,
        ),
    )


def evaluate_best(home: RunFolder) -> HeldOutResult:
    """Measure the best checkpoint on the episodes that nothing was chosen by; save the result and the plots."""
    from understudy.core.run_folder import PRETRAINED
    from understudy.data.lerobot import load_dataset
    from understudy.evaluate.heldout import evaluate
    from understudy.evaluate.table import table
    from understudy.policies.pretrained import load_policy
    from understudy.report.plots import write_plots

    policy = load_policy(home.best.resolve() / PRETRAINED, "cpu")
    dataset = load_dataset(NAME, root=RECORDINGS, episodes=TEST)
    result = evaluate(policy, dataset, name=str(home.best / PRETRAINED))
    result.save(home.eval / "heldout")
    write_plots(home)
    log.say(f"\n{table(result)}\n")
    return result


def closing_words(home: RunFolder, learned: bool) -> str:
    """What to look at, and what to type next."""
    verdict = (
        "It learned: on episodes it never saw it beats both policies that need no training."
        if learned
        else "It does not beat both policies that need no training: something is wrong, or it trained too little."
    )
    return f"""{verdict}
A small error on recordings is not success on a robot: nothing was executed here.

  {home.plots / "actions_predicted.png"}   what was demonstrated and what ACT predicted
  {home.plots / "overall_loss.png"}        how the loss fell
  {home.plots / "validation.png"}          the held-out error beside the baselines
  {home.events}                  everything that happened, line by line

Measure it again: understudy eval --policy.path={home.path} --dataset.repo_id={NAME} --dataset.root={RECORDINGS} \\
                  --dataset.episodes='{TEST}'
Your own data:    understudy train --policy.type=act --dataset.repo_id=NAME"""
