"""The plan: what a run is about to do, printed before anything long starts, so that a wrong number is seen in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.units import readable_bytes
from understudy.data.shares import rows_per_part

from .lineage import ancestors
from .optim import state_bytes
from .place import batch_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from torch.optim import Optimizer

    from understudy.data.frames import FramesPlan
    from understudy.data.lerobot import Dataset
    from understudy.data.split import Split
    from understudy.policies.base import Policy

    from .config import TrainConfig
    from .prepare import Prepared


_LEAK = (
    "--dataset.split=window LEAKS: windows of one episode overlap, so the held-out loss is that of near-copies of what "
    "is trained on, and says nothing about new episodes. It is there to repeat recipes that do this, and to show it"
)


def print_data_plan(
    config: TrainConfig, dataset: Dataset, split: Split, train_rows: np.ndarray, frames: FramesPlan
) -> None:
    """What is trained on and how the frames are held."""
    features = ", ".join(
        f"{name.removeprefix('observation.')} {'x'.join(map(str, feature.shape))}"
        for name, feature in dataset.spec.features.items()
    )
    _row("dataset", f"{dataset.repo_id}  {dataset.version}, {len(dataset.episodes)} episodes ({_held_out(split)})")
    for line in _parts(config, dataset, train_rows):
        _row("", line)
    _row("", f"{dataset.num_rows:,} frames at {dataset.fps:g} Hz; {features}")
    if split.windows is not None:
        log.warn(_LEAK)
    _row("frames", f"{frames.tier}  {frames.reason}")
    _row("device", str(config.policy.device))


def print_training_plan(prepared: Prepared, policy: Policy, optimizer: Optimizer) -> None:
    """The model, the number of updates, and the memory that is needed whatever the activations take."""
    config, world = prepared.config, prepared.ranks.world
    train_frames, eval_frames = prepared.train_frames, len(prepared.held_out_rows)
    parameters = list(policy.parameters())
    total = sum(p.numel() for p in parameters)
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    _row("policy", f"{config.policy.type}  {total:,} parameters, {trained:,} trained, {config.precision}")
    epochs = config.steps * config.samples_per_update(world) / train_frames
    batch = batch_words(config.batch_size, world)
    if config.grad_accumulation_steps > 1:
        batch += f" x {config.grad_accumulation_steps} accumulated"
    _row("updates", f"{config.steps:,} of {batch} = {epochs:.1f} epochs of {train_frames:,} frames")
    settings = optimizer.param_groups[0]
    schedule = config.schedule()
    # a schedule notes the full rate beside the one that it begins with
    rate = settings.get("initial_lr", settings["lr"])
    _row("optimiser", f"{type(optimizer).__name__}  lr {rate:g}, {schedule.type if schedule else 'constant rate'}")
    for number, line in enumerate(ancestors(config)):
        _row("" if number else "from", line)
    if config.eval_steps and eval_frames:
        _row("held out", f"{eval_frames:,} frames measured every {config.eval_steps:,} updates{_patience(config)}")
    if config.env is not None and config.eval_freq:
        episodes = f"{config.eval.n_episodes} episodes of {config.env.type}"
        _row("success", f"measured on {episodes} every {config.eval_freq:,} updates and at the end")
    needed = sum(p.numel() * p.element_size() * (2 if p.requires_grad else 1) for p in parameters)
    needed += state_bytes(optimizer)
    _row("memory", f"{readable_bytes(needed)} for weights, gradients and optimiser; activations come on top")
    if config.save_checkpoint:
        timed = f" and every {config.save_minutes:g} minutes" if config.save_minutes > 0 else ""
        every = f"every {config.save_freq:,} updates{timed}" if config.save_freq > 0 else f"at the end{timed}"
        criterion = "success" if config.env is not None and config.eval_freq else f"held-out {words_of(config.best)}"
        _row("saved", f"{every}, at the best {criterion}, and on Ctrl-C, in {config.output_dir}")
    else:
        _row("saved", "nothing: --save_checkpoint=false")


def _parts(config: TrainConfig, dataset: Dataset, train_rows: np.ndarray) -> Iterator[str]:
    """A line for each of several datasets: its size, and its share of what is drawn."""
    if len(dataset.parts) == 1:
        return
    weights = config.dataset.weights or list(map(float, rows_per_part(dataset.parts, train_rows)))
    for part, weight in zip(dataset.parts, weights, strict=True):
        one, last = part.dataset, part.dataset.episodes[-1].index
        numbered = f", numbered {part.first_episode} to {part.first_episode + last} here" if part.first_episode else ""
        yield (
            f"{one.repo_id}: {len(one.episodes)} episodes{numbered}, {one.num_rows:,} frames; "
            f"{weight / sum(weights):.1%} of what is drawn"
        )


def _held_out(split: Split) -> str:
    if split.windows is not None:
        return f"{split.windows.validation:.0%} of their windows held out, {split.windows.test:.0%} set apart as test"
    words = f"{len(split.validation)} held out" if split.validation else "none held out"
    return words + (f", {len(split.test)} set apart as test" if split.test else "")


def words_of(criterion: str) -> str:
    """What a criterion of the best checkpoint is called in a sentence."""
    return {"action_error": "error", "loss": "loss"}[criterion]


def _patience(config: TrainConfig) -> str:
    if not config.early_stopping:
        return ""
    return f"; the run ends after {config.early_stopping} of them without a lower {words_of(config.best)}"


def _row(label: str, text: str) -> None:
    log.say(f"{label:<10} {text}")
