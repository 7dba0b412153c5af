"""Learning-rate schedules, LeRobot's by name and number. Each is a factor on the optimiser's own rate.

n counts the scheduler steps already taken, so update number n + 1 uses factor(n). S is the run's total of steps.
Formulas and check values: LeRobot 0.4.4 (`diffuser`, `cosine_decay_with_warmup`) and 0.6 (the other two).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

    from .schedule_config import SchedulerConfig

    Schedule = LambdaLR | ReduceLROnPlateau

# of the study github.com/ruiming-wu/FAST_Flow_Matching
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.6, 6
# what of torch's state changes in the course of a run
_PLATEAU_STATE = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr")

Factor = Callable[[int], float]


def build_schedule(config: SchedulerConfig | None, optimizer: Optimizer, steps: int) -> Schedule | None:
    """The schedule of `optimizer`'s rates over a run of `steps` updates; None for a constant rate.

    torch's LambdaLR over the named factor, stepped at every update (its state is what LeRobot stores); or torch's
    ReduceLROnPlateau, which is stepped with the held-out loss at every validation.
    """
    if config is None:
        return None
    from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

    if config.type == "reduce_on_plateau":
        return ReduceLROnPlateau(optimizer, **plateau_options(config))
    return LambdaLR(optimizer, factor(config, steps))


def plateau_options(config: SchedulerConfig) -> dict[str, Any]:
    """What ReduceLROnPlateau is given; all else is torch's default: a loss is lower if it is by a ten-thousandth."""
    return {
        "factor": PLATEAU_FACTOR if config.factor is None else config.factor,
        "patience": PLATEAU_PATIENCE if config.patience is None else config.patience,
    }


def restore_schedule(schedule: Schedule, optimizer: Optimizer, step: int, stored: Mapping[str, Any]) -> None:
    """Put `schedule` where it was after `step` updates, and the optimiser's rates with it.

    stored   its state in the checkpoint, which only a plateau needs: any other is a function of `step`
    """
    from torch.optim.lr_scheduler import LambdaLR

    if isinstance(schedule, LambdaLR):
        rates = [base * f(step) for base, f in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
        schedule.last_epoch, schedule._last_lr, schedule._step_count = step, rates, step + 1
    else:
        # JSON has no infinity, which torch has for the best loss before the first one
        lowest = math.inf if stored["best"] is None else stored["best"]
        schedule.load_state_dict({name: stored[name] for name in _PLATEAU_STATE} | {"best": lowest})
        rates = stored["_last_lr"]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def stored_schedule(schedule: Schedule) -> dict[str, Any]:
    """The state of a schedule for a checkpoint: LeRobot's of what LeRobot knows, and what a plateau remembers."""
    from torch.optim.lr_scheduler import LambdaLR

    state: dict[str, Any] = schedule.state_dict()
    if isinstance(schedule, LambdaLR):
        return state
    kept = {name: state[name] for name in _PLATEAU_STATE}
    return kept if math.isfinite(schedule.best) else kept | {"best": None}


def factor(config: SchedulerConfig, steps: int) -> Factor:
    """The factor function of a schedule over a run of `steps` updates."""
    warmup = config.num_warmup_steps or 0
    if config.type == "diffuser":
        if config.name == "constant":
            return lambda n: 1.0
        if config.name == "constant_with_warmup":
            return lambda n: min(1.0, n / max(1, warmup))
        if config.name == "linear":
            return lambda n: n / max(1, warmup) if n < warmup else max(0.0, (steps - n) / max(1, steps - warmup))
        return lambda n: _warmup_then_cosine(n, warmup, steps)
    if config.type == "cosine_annealing_with_warmup":
        return lambda n: _warmup_then_cosine(n, warmup, steps)
    if config.type == "constant_with_warmup":
        return lambda n: min(1.0, n / max(1, warmup))
    decay = config.num_decay_steps or steps
    floor = (config.decay_lr or 0.0) / config.peak_lr if config.peak_lr else 0.0
    if steps < decay:
        # LeRobot's rule: a run shorter than the decay squeezes warm-up and decay in proportion
        warmup, decay = int(warmup * steps / decay), steps
    return lambda n: _cosine_with_floor(n, warmup, decay, floor)


def _warmup_then_cosine(n: int, warmup: int, steps: int) -> float:
    if n < warmup:
        return n / max(1, warmup)
    progress = (n - warmup) / max(1, steps - warmup)
    return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))


def _cosine_with_floor(n: int, warmup: int, decay: int, floor: float) -> float:
    """LeRobot's form: the cosine's clock starts at 0, not after the warm-up, so the rate drops a little there."""
    if n < warmup:
        if n <= 0:
            return 1 / (warmup + 1)
        return (1 / (warmup + 1) - 1) * (1 - n / warmup) + 1
    return (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(n, decay) / decay)) + floor
