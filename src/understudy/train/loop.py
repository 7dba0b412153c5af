"""The training loop, top to bottom. No policy is named here, and nothing waits for the device except to read scalars.

    take a batch -> update -> now and then: log, validate, save -> stop when asked

Step k uses draws k*n ... k*n+n-1 of the sampler (n micro-batches per update) and randomness derived from (seed, step),
so a run resumed at step k does exactly what the run that was never stopped did. Of several ranks each runs this loop;
rank 0 alone has something to measure with, to save with and to write to.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from torch.optim.lr_scheduler import ReduceLROnPlateau

from understudy.core.errors import Interrupted
from understudy.core.run_folder import RunFolder

from .checkpoint import Best, Checkpoints
from .clock import Clock
from .patience import Patience

if TYPE_CHECKING:
    from understudy.data.spec import Batch

    from .config import TrainConfig
    from .console import Console
    from .distributed import Ranks
    from .events import EventLog
    from .prepare import Prepared
    from .signals import StopRequest
    from .simulation import Simulation
    from .source import Source
    from .step import Update
    from .validate import HeldOut
    from .watch import Watch

# on an accelerator the flag for a non-finite loss is read this often (on a CPU it is read at every step)
HEALTH_CHECK_EVERY = 50


@dataclass
class Training:
    """Everything the loop works with."""

    config: TrainConfig
    run: RunFolder
    prepared: Prepared
    update: Update
    source: Source
    held_out: HeldOut | None
    events: EventLog
    console: Console
    checkpoints: Checkpoints | None  # None: nothing is saved, or another rank does it
    stop: StopRequest
    ranks: Ranks
    group_names: list[str]
    frames: int  # frames trained on
    episodes: int  # episodes trained on
    watch: Watch | None = None  # rules that look on
    validates: bool = False  # whether held-out episodes are measured, on rank 0
    simulation: Simulation | None = None  # where success is measured
    step: int = 0  # updates done
    best: Best | None = None
    patience: Patience = field(default_factory=Patience)
    last_validation: dict[str, float] = field(default_factory=dict)  # of rank 0

    @property
    def gives_up(self) -> bool:
        """Whether the run ends before its last step, because the held-out error falls no more."""
        return self.patience.is_out(self.config.early_stopping)

    @property
    def is_over(self) -> bool:
        """Whether the update that was just made was the last one."""
        return self.step == self.config.steps or self.gives_up


def train_loop(training: Training) -> None:
    """Train to the last step. Raises Interrupted after saving, NonFinite, ResourceError."""
    for batches in updates(training):
        training.update(batches, training.step)


def updates(training: Training) -> Generator[list[Batch], float | None, None]:
    """The loop without its arithmetic: the batches of one update after another, to the last step.

    Whoever asks for the next ones has made the update, and may send the seconds that it took, if it did other things
    too: so one process can lead many runs, and make the updates of all of them at once. Raises Interrupted after
    saving, NonFinite, ResourceError.
    """
    t, config = training, training.config
    _catch_up(t)
    clock = Clock()
    last_saved = time.monotonic()
    t.stop.patient = True
    while t.step < config.steps and not t.gives_up:
        draw = t.step * config.grad_accumulation_steps
        with clock.waiting_for_data():
            batches = [t.source.take(draw + i) for i in range(config.grad_accumulation_steps)]
        away = time.perf_counter()
        took = yield batches
        clock.leave_out(0.0 if took is None else time.perf_counter() - away - took)
        t.step += 1
        t.console.tick(t.step)

        if _every(config.log_freq, t.step) or t.step == config.steps:
            _log_step(t, clock)
        elif t.step % HEALTH_CHECK_EVERY == 0:
            t.update.window.raise_if_not_finite()

        with clock.paused():
            error = _validate(t)
            _draw_consequences(t)
            _look_on(t)
            improved = t.simulation is None and error is not None and _is_best(t, Best(error, t.step))
            reasons = _reasons_to_save(t, improved, time.monotonic() - last_saved)
            if reasons:
                path = _save(t, reasons)
                if _is_evaluated(t, t.step):
                    _evaluate(t, path, error)
                last_saved = time.monotonic()
        # signals reach the ranks at different steps; here all others also wait for the one that validates and saves
        if stopping := t.ranks.greatest(t.stop.requested or 0):
            _stop(t, stopping)


def _stop(t: Training, exit_code: int) -> None:
    """Save and end, all ranks after the same step."""
    if t.checkpoints is not None:
        _save(t, ["interrupt"])
    t.ranks.greatest(0)  # torchrun ends the ranks that still run when one has ended: none may before all is saved
    raise Interrupted(
        f"stopped after step {t.step}",
        exit_code=exit_code,
        hint=f"go on with: understudy train --resume {t.run.path}" if t.run.last.exists() else None,
    )


def _every(period: int | None, step: int) -> bool:
    return bool(period) and step % (period or 1) == 0


def _log_step(t: Training, clock: Clock) -> None:
    steps = t.update.window.steps
    means = t.update.window.means()
    per_step, waited = clock.read(steps)
    samples_per_step = t.config.samples_per_update(t.ranks.world)
    samples = t.step * samples_per_step
    rates = [group["lr"] for group in t.update.optimizer.param_groups]
    t.events.append(
        "step",
        t.step,
        **means,
        lr=rates[0],
        **{f"lr_{name}": rate for name, rate in zip(t.group_names, rates, strict=True)},
        update_s=per_step - waited,
        data_s=waited,
        samples=samples,
        episodes=samples / (t.frames / t.episodes),
        epochs=samples / t.frames,
        samples_per_s=samples_per_step / per_step,
    )


def _validate(t: Training) -> float | None:
    """Measure held-out error when it is due; None when it is not."""
    due = _every(t.config.eval_steps, t.step) or t.is_over or _is_evaluated(t, t.step)
    if t.held_out is None or not due:
        return None
    t.update.window.raise_if_not_finite()
    result = t.held_out.measure(t.update.policy)
    t.events.append("validation", t.step, **result)
    t.last_validation = result
    return float(result[t.config.best])


def _draw_consequences(t: Training) -> None:
    """After a validation that was due by `eval_steps`: the rate of a plateau schedule, and whether patience is out.

    Rank 0 measures, and every rank does what follows from it. The validation at the end and those that come with an
    evaluation have no consequences, or a run that goes on to more steps would not be the one that had them from the
    start.
    """
    if not t.validates or not _every(t.config.eval_steps, t.step):
        return
    measured = [t.last_validation[name] for name in ("loss", t.config.best)] if t.ranks.leads else []
    loss, value = map(float, t.ranks.of_leader(" ".join(map(repr, measured))).split())
    t.patience.add(value)
    if isinstance(t.update.schedule, ReduceLROnPlateau):
        t.update.schedule.step(loss)


def _look_on(t: Training) -> None:
    """Say what rules find in the run so far, as often as it is validated, or every tenth of it."""
    period = t.config.eval_steps or max(1, t.config.steps // 10)
    if t.watch is not None and (_every(period, t.step) or t.is_over):
        for finding in t.watch.news():
            t.events.append("finding", t.step, **finding.to_json())


def _is_best(t: Training, candidate: Best) -> bool:
    if not candidate.beats(t.best):
        return False
    t.best = candidate
    return True


def _is_evaluated(t: Training, step: int) -> bool:
    """Whether success is measured after this step."""
    return t.simulation is not None and (_every(t.config.eval_freq, step) or t.is_over)


def _evaluate(t: Training, checkpoint: Path, error: float | None) -> None:
    """Measure the success of a checkpoint; it becomes the best one if more episodes succeeded than ever before."""
    assert t.simulation is not None
    result = t.simulation.measure(checkpoint, t.step, wanted=lambda: t.stop.requested is None)
    if result is None:
        return
    t.events.append("evaluation", t.step, **result)
    # without held-out episodes all errors are equal
    if _is_best(t, Best(0.0 if error is None else error, t.step, result["success_rate"])):
        _save(t, ["best"])


def _catch_up(t: Training) -> None:
    """A run that was stopped in the middle of an evaluation finishes it before it goes on."""
    if t.simulation is None or not t.step or not _is_evaluated(t, t.step) or t.simulation.is_measured(t.step):
        return
    error = t.held_out.measure(t.update.policy)[t.config.best] if t.held_out is not None else None
    _evaluate(t, t.run.checkpoint(t.step, t.config.steps), error)


def _reasons_to_save(t: Training, improved: bool, since_last_s: float) -> list[str]:
    """Why to save now, the weightiest reason first; empty: not now."""
    config = t.config
    if t.checkpoints is None:
        return []
    reasons = []
    if t.is_over:
        reasons.append("final")
    if _every(config.save_freq if config.save_freq > 0 else None, t.step):
        reasons.append("schedule")
    if improved:
        reasons.append("best")
    if _is_evaluated(t, t.step):
        reasons.append("evaluation")
    if not reasons and config.save_minutes > 0 and since_last_s > 60 * config.save_minutes:
        reasons.append("time")
    return reasons


def _save(t: Training, reasons: list[str]) -> Path:
    assert t.checkpoints is not None
    # a checkpoint is only ever made of finite weights: this read is the price
    t.update.window.raise_if_not_finite()
    began = time.monotonic()
    path = t.checkpoints.save(
        t.step,
        t.update.policy,
        t.update.optimizer,
        t.update.schedule,
        reasons=reasons,
        best=t.best,
        patience=t.patience,
    )
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    seconds = time.monotonic() - began
    t.events.append(
        "checkpoint", t.step, path=str(path), reason=reasons[0], reasons=reasons, bytes=size, seconds=seconds
    )
    return path
