"""Between a checked configuration and the first step: dataset, split, frames, statistics, policy, optimiser."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from understudy.core import log
from understudy.core.errors import DataError
from understudy.core.files import cache_folder
from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.data.divided import DividedRows, divided_rows
from understudy.data.frames import Frames, FramesPlan, open_frames, plan_frames
from understudy.data.lerobot import Dataset
from understudy.data.sampler import Sampler
from understudy.data.shares import Group, groups_of
from understudy.data.spec import Statistics
from understudy.data.split import Split
from understudy.data.statistics import compute_statistics, guard_zero_spread, use_imagenet
from understudy.data.windows import Windows
from understudy.nn.devices import choose_device
from understudy.nn.fast_paths import set_fast_paths
from understudy.policies.instructed import check_tasks
from understudy.policies.pretrained import check_weights, load_policy, load_weights_into, statistics_of

from .adapting import begin_adapter, check_adapter
from .calibration import calibrate
from .config import TrainConfig
from .continuing import go_on, with_steps_before
from .distributed import ALONE, Ranks
from .lineage import warn_of_leak
from .optim import build_optimizer, group_names
from .plan import print_data_plan
from .prefix_cache import seen_frames
from .run_data import check_held_out, check_same_dataset, load, split_of
from .schedule import build_schedule
from .settle import loss_to_train, settled
from .source import Source
from .start_up import StartUp
from .step import Update
from .validate import DEFAULT_FRAMES, HeldOut, held_out_rows

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from understudy.data.seen_store import SeenFrames, SeenStores
    from understudy.policies.base import Policy

    from .schedule import Schedule


@dataclass
class Prepared:
    """A dataset ready to be trained on, and the configuration with everything filled in that follows from it."""

    config: TrainConfig
    dataset: Dataset
    split: Split
    rows: DividedRows
    frames_plan: FramesPlan
    ranks: Ranks = ALONE
    start_up: StartUp = field(default_factory=StartUp)
    _frames: Frames | None = None
    seen: SeenFrames | None = None  # what the policy has made of them already
    seen_stores: dict[str, SeenStores] = field(default_factory=dict)  # where that could be kept, by the prefix's name
    groups: list[Group] = field(default_factory=list)  # what is drawn of each dataset; []: every frame alike

    @property
    def frames(self) -> Frames:
        """The decoded frames; decoding happens at the first use."""
        if self._frames is None:
            # what rank 0 decodes into a file the others find there, and it is rank 0 that shows how far it is
            ordered = self.frames_plan.cache is not None
            turn = self.ranks.leader_first() if ordered else contextlib.nullcontext()
            with self.start_up.phase("frames"), turn:
                self._frames = open_frames(self.dataset, self.frames_plan, workers=self.config.num_workers)
        return self._frames

    @property
    def train_frames(self) -> int:
        return len(self.rows.train)

    @cached_property
    def held_out_rows(self) -> np.ndarray:
        """Where validation measures the loss."""
        named = self.config.dataset.window_starts is not None
        return held_out_rows(self.dataset, self.rows.validation, self.config.max_eval_samples, first_frames=named)

    def print_forecast(self) -> None:
        """For a dry run: what would be trained, without decoding or building anything."""
        epochs = self.config.steps * self.config.samples_per_update(self.ranks.world) / self.train_frames
        log.say(f"{'updates':<10} {self.config.steps:,} = {epochs:.1f} epochs of {self.train_frames:,} frames")
        log.say("dry run: nothing was written")

    def windows(self) -> Windows:
        policy = self.config.policy
        cameras = [name for name in policy.input_features if name in self.dataset.spec.cameras]
        offsets = policy.action_offsets()
        return Windows(self.dataset, self.frames, action_offsets=offsets, cameras=cameras, seen=self.seen)

    def source(self) -> Source:
        rank, world = self.ranks.rank, self.ranks.world
        sampler = Sampler(
            self.rows.train, self.config.batch_size, self.config.seed, rank=rank, world=world, groups=self.groups
        )
        windows, device = self.windows(), torch.device(str(self.config.policy.device))
        # an update takes all of its batches at once: those of the next one are gathered meanwhile; numbers alone are
        # gathered sooner than a thread has been told to
        ahead = self.config.grad_accumulation_steps + 1 if windows.cameras or device.type != "cpu" else 0
        return Source(windows, sampler, device, ahead=ahead, parts=self.config.grad_accumulation_steps)

    @property
    def validates(self) -> bool:
        """Whether there is something to measure while training, and it is not switched off."""
        return bool(self.config.eval_steps) and len(self.held_out_rows) > 0

    def held_out(self, device: torch.device) -> HeldOut | None:
        """The held-out measurement, None when no episode is held out or it is switched off."""
        if not self.validates:
            return None
        return self.measurement("validation", device)

    def measurement(self, part: Literal["validation", "test"], device: torch.device) -> HeldOut:
        """What a policy is measured on, of a part of the split that is not trained on."""
        rows, most = getattr(self.rows, part), self.config.max_eval_samples
        # predicting may take ten times as long as the loss
        fewer = min(most or DEFAULT_FRAMES, DEFAULT_FRAMES) if self.config.best == "loss" else most
        named = self.config.dataset.window_starts is not None
        return HeldOut(
            self.dataset,
            self.windows(),
            held_out_rows(self.dataset, rows, most, first_frames=named),
            held_out_rows(self.dataset, rows, fewer, first_frames=False),
            batch_size=self.config.batch_size,
            episodes=getattr(self.split, part),
            precision=self.config.precision,
            device=device,
        )

    def statistics(self) -> Statistics:
        """Statistics of the training episodes (or the whole set's own), as the policy will carry them."""
        with self.start_up.phase("statistics"):
            return self._statistics()

    def _statistics(self) -> Statistics:
        options = self.config.dataset
        if options.statistics == "policy":
            return statistics_of(str(self.config.policy.pretrained_path), self.config.policy)
        if options.statistics == "dataset":
            found = self.dataset.own_statistics()
            if found is None:
                raise DataError(
                    "the dataset holds no statistics of its own",
                    where=str(self.dataset.root),
                    hint="leave out --dataset.statistics=dataset: they are computed over the training episodes",
                )
        else:
            found = compute_statistics(self.dataset, self.split.train, self.frames, cache_folder())
        if options.use_imagenet_stats:
            found = use_imagenet(found, self.dataset.spec.cameras)
        found, warnings = guard_zero_spread(found, self.dataset.spec)
        for warning in warnings:
            log.warn(warning)
        return found


@dataclass
class PolicyParts:
    """The live objects that a checkpoint restores."""

    policy: Policy
    optimizer: Optimizer
    schedule: Schedule | None
    update: Update
    group_names: list[str]
    device: torch.device


def prepare(
    config: TrainConfig, folder: RunFolder, ranks: Ranks, start_up: StartUp, beside: Prepared | None = None
) -> Prepared:
    """Load and check everything that can be checked without decoding a frame; print the data's part of the plan.

    beside   another run on the same dataset: its data is taken, and its frames are
    """
    device = choose_device(config.policy.device)
    options = config.dataset
    dataset = beside.dataset if beside is not None else load(config)
    for warning in dataset.warnings:
        log.warn(warning)
    if config.resume:
        check_same_dataset(dataset, folder)
    split = split_of(config, dataset, folder)
    policy = config.policy.with_features(dataset.spec).model_copy(update={"device": str(device)})
    options = options.found_from_anywhere()
    for part in dataset.parts:
        told = {episode.index: episode.tasks for episode in part.dataset.episodes}
        check_tasks(policy, told, part.dataset.repo_id)
    rows = divided_rows(dataset, split, options.window_starts)
    check_held_out(config, rows)
    config = with_numbers_filled_in(
        config.model_copy(update={"policy": policy, "dataset": options}), len(rows.train), ranks.world
    )
    if not config.resume:
        policy.fetch()
        check_adapter(config)
        if policy.pretrained_path:
            check_weights(policy, policy.pretrained_path)
        config = with_steps_before(config)
        warn_of_leak(config, dataset, split)
    frames_plan = plan_frames(dataset, tier=options.frames, holders=ranks.here, device=str(device))
    frames = beside.frames if beside is not None else None
    weights = config.dataset.weights
    groups = [] if weights is None else groups_of(dataset.parts, rows.train, weights)
    prepared = Prepared(config, dataset, split, rows, frames_plan, ranks, start_up, frames, groups=groups)
    print_data_plan(config, dataset, split, rows.train, frames_plan)
    return prepared


def with_numbers_filled_in(config: TrainConfig, train_frames: int, world: int = 1) -> TrainConfig:
    """The configuration with what was left open made definite: steps from epochs, and how often to log and validate."""
    steps = config.steps
    if config.num_epochs is not None:
        steps = max(1, math.ceil(config.num_epochs * train_frames / config.samples_per_update(world)))
    log_freq = config.log_freq if config.log_freq is not None else max(1, min(200, steps // 100))
    # measuring 256 frames costs about ten updates: a tenth of a short run, half a percent of a long one
    eval_steps = config.eval_steps
    if eval_steps is None:
        eval_steps = 0 if config.dataset.holds_out_none else max(1, min(2000, steps // 10))
    return config.model_copy(
        update={"steps": steps, "num_epochs": None, "log_freq": log_freq, "eval_steps": eval_steps}
    )


def prepare_policy(prepared: Prepared, checkpoint: Path | None) -> PolicyParts:
    """The policy on its device, with its optimiser: from a checkpoint, from pretrained weights, or fresh."""
    config = prepared.config
    device = torch.device(str(config.policy.device))
    if checkpoint is not None:
        policy = load_policy(checkpoint / PRETRAINED, str(device), adapter="apart")
    else:
        # the weights' initialisation is a function of the seed, like every other draw
        torch.manual_seed(config.seed)
        if config.policy.pretrained_path:
            policy = config.policy.skeleton(prepared.statistics()).to(device)
            load_weights_into(policy, Path(config.policy.pretrained_path))
            begin_adapter(config, policy)
        else:
            policy = config.policy.build(prepared.statistics()).to(device)
            calibrate(prepared, policy)
    policy.train()
    set_fast_paths(policy, config.fast_paths)
    config = prepared.config = settled(config, policy, prepared)
    prepared.seen = seen_frames(config, policy, prepared)
    settings = config.optimizer or config.policy.optimizer_preset()
    use_groups = config.use_policy_training_preset
    fused = config.fast_paths and device.type in ("cpu", "cuda")
    optimizer = build_optimizer(policy, settings, use_groups=use_groups, fused=fused)
    schedule = build_schedule(config.schedule(), optimizer, config.steps_before + config.steps)
    if checkpoint is None:
        go_on(config, optimizer, schedule)
    update = Update(
        policy,
        optimizer,
        schedule,
        clip=settings.grad_clip_norm,
        precision=config.precision,
        seed=config.seed,
        device=device,
        ranks=prepared.ranks,
        augment=config.dataset.image_transforms.build(),
        loss_given=loss_to_train(config, policy, prepared),
    )
    return PolicyParts(policy, optimizer, schedule, update, group_names(policy, use_groups=use_groups), device)
