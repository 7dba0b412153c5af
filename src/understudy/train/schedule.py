"""Learning-rate schedules, LeRobot's by name and number. Each is a factor on the optimiser's own rate.

n counts the scheduler steps already taken, so update number n + 1 uses factor(n). S is the run's total of steps.
Formulas and check values: LeRobot 0.4.4 (`diffuser`, `cosine_decay_with_warmup`) and 0.6 (the other two).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR

    from .config import SchedulerConfig

Factor = Callable[[int], float]


def build_schedule(config: SchedulerConfig | None, optimizer: Optimizer, steps: int) -> LambdaLR | None:
    """torch's LambdaLR over the named factor (its state is what LeRobot stores), or None for a constant rate."""
    if config is None:
        return None
    from torch.optim.lr_scheduler import LambdaLR

    return LambdaLR(optimizer, factor(config, steps))


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
