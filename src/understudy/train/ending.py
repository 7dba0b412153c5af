"""How a run ends: the last event, what is said, and the batch that is to blame where a number was not finite."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.errors import HealthStop, Interrupted, UnderstudyError
from understudy.core.units import readable_duration

from .plan import words_of
from .step import NonFinite

if TYPE_CHECKING:
    from .checkpoint import Resumed
    from .config import TrainConfig
    from .loop import Training


@contextlib.contextmanager
def ending(t: Training) -> Iterator[None]:
    """Write how the run ended, and turn a non-finite step into an error that names what was in it."""
    began = time.monotonic()

    def end(event: str, reason: str, error: str | None = None) -> None:
        # the last words must not hide why the run ended, even where they cannot be written (a full disk)
        with contextlib.suppress(UnderstudyError, OSError):
            t.events.append(event, t.step, reason=reason, seconds=time.monotonic() - began, error=error)

    try:
        yield
    except NonFinite as error:
        stop = non_finite_stop(t, error.step)
        end("run_failed", "non-finite loss or gradient", str(stop))
        raise stop from None
    except Interrupted as error:
        end("run_interrupted", error.what)
        t.console.close()
        raise
    except BaseException as error:
        end("run_failed", type(error).__name__, str(error))
        raise
    seconds = time.monotonic() - began
    end("run_finished", reason := reason_of_end(t))
    t.console.close()
    if t.gives_up:
        log.say(reason)
    log.say(f"finished {t.step:,} steps in {readable_duration(seconds)}: {t.run.path}")


def reason_of_end(t: Training) -> str:
    """Why a run that finished did so, in a few words."""
    if not t.gives_up:
        return "all steps done"
    criterion = words_of(t.config.best)
    best = "" if t.best is None else f"; the best checkpoint is of step {t.best.step:,}"
    return f"stopped early: {t.patience.waited} validations in a row without a lower held-out {criterion}{best}"


def nothing_to_do(config: TrainConfig, start: Resumed) -> str | None:
    """What is said of a run that is finished; None while there are updates to make."""
    if start.step >= config.steps:
        return f"nothing to do: {start.step:,} steps are done; ask for more with --steps"
    if start.patience.is_out(config.early_stopping):
        return (
            f"nothing to do: the run stopped early, after {start.step:,} of {config.steps:,} steps; to go on all the "
            "same give a larger --early_stopping, or 0"
        )
    return None


def non_finite_stop(t: Training, step: int) -> HealthStop:
    """Name the batch of the step that went wrong: the order of samples is a function, so it can be drawn again."""
    draws = range(step * t.config.grad_accumulation_steps, (step + 1) * t.config.grad_accumulation_steps)
    dataset = t.prepared.dataset
    found: dict[int, list[int]] = {}
    for draw in draws:
        for row in t.source.sampler.batch_of(draw):
            episode = dataset.episodes[int(dataset.episode_of_row[row])].index
            found.setdefault(episode, []).append(int(dataset.frame_index[row]))
    where = "; ".join(f"episode {e} frames {', '.join(map(str, sorted(f)))}" for e, f in sorted(found.items()))
    last = t.run.last
    kept = f"the last good checkpoint is {last.resolve()}" if last.exists() else "no checkpoint had been saved yet"
    rates = ", ".join(f"{group['lr']:g}" for group in t.update.optimizer.param_groups)
    return HealthStop(
        f"the loss or its gradient was not finite at step {step + 1} (learning rate {rates})",
        where=f"batch {step + 1}: {where}",
        hint=f"{kept}; a smaller --policy.optimizer_lr or --precision=fp32 often helps, "
        "and so does a look at those frames",
    )
