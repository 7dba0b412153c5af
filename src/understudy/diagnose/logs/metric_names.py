"""What other programs call the numbers that our `step`, `validation` and `evaluation` events hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from understudy.core.events import Event

Kind = Literal["step", "validation", "evaluation"]

# LeRobot's console (0.1 to 0.6), its W&B names without their prefix, and what home-made loops print
_OURS = {
    "grdn": "grad_norm",
    "gradient_norm": "grad_norm",
    "grad norm": "grad_norm",
    "learning_rate": "lr",
    "learning rate": "lr",
    "updt_s": "update_s",
    "dataloading_s": "data_s",
    "smpl": "samples",
    "num_samples": "samples",
    "ep": "episodes",
    "num_episodes": "episodes",
    "epch": "epochs",
    "epoch": "epochs",
    "num_epochs": "epochs",
    "smp/s": "samples_per_s",
    "l1": "l1_loss",
    "kl": "kld_loss",
    "kld": "kld_loss",
    "kl_loss": "kld_loss",
    "train_loss": "loss",
    "loss/train": "loss",
    "loss/loss/train": "loss",
    "total_loss": "loss",
    "mem_gb": "memory_gb",
    "eval/eval_s": "eval_s",
}
# success and reward of episodes that were executed, which are no held-out error -> our name, and what it is divided by
_EXECUTED = {
    "success": ("success_rate", 100.0),
    "pc_success": ("success_rate", 100.0),
    "eval/pc_success": ("success_rate", 100.0),
    "∑rwrd": ("sum_reward", 1.0),
    "avg_sum_reward": ("sum_reward", 1.0),
    "eval/avg_sum_reward": ("sum_reward", 1.0),
    "eval/avg_max_reward": ("max_reward", 1.0),
}
_STEPS = ("step", "steps", "global_step", "trainer/global_step", "_step")
_COUNTERS = ("steps", "samples", "episodes", "epochs")
_VALIDATION = ("val", "valid", "validation", "eval")
_PREFIXES = ("train/", "training/")


def our_name(name: str) -> str:
    """`name` as our `step` events spell it; a name that nobody here knows stays as it is, in lower case."""
    plain = name.strip().lower()
    for prefix in _PREFIXES:
        plain = plain.removeprefix(prefix)
    return _OURS.get(plain, plain)


def is_step(name: str) -> bool:
    """Whether a number of this name counts updates."""
    plain = name.strip().lower()
    return plain in _STEPS or plain.removeprefix("train/") in _STEPS


def sort_out(name: str, value: float) -> tuple[Kind, str, float]:
    """(event that a number belongs to, our name, value): success as 0..1, of episodes that were executed."""
    if (executed := _EXECUTED.get(name.strip().lower())) is not None:
        return "evaluation", executed[0], value / executed[1]
    words = name.strip().lower().replace("/", "_").split("_")
    if any(word in _VALIDATION for word in words):
        # how long an evaluation took, and how far the run was, are not what it found
        if words[-1] in ("s", *_COUNTERS):
            return "evaluation", our_name(name), value
        return "validation", our_name("_".join(word for word in words if word not in _VALIDATION)) or "loss", value
    return "step", our_name(name), value


def events_of(values: Mapping[str, float]) -> list[Event]:
    """The events, without their step, that hold `values`; no `step` event where there is no loss."""
    found: dict[Kind, Event] = {}
    for name, value in values.items():
        kind, ours, converted = sort_out(name, float(value))
        found.setdefault(kind, {})[ours] = converted
    if not found.get("evaluation", {}).keys() & {ours for ours, _ in _EXECUTED.values()}:
        found.pop("evaluation", None)
    return [{"event": kind, **held} for kind, held in found.items() if kind != "step" or "loss" in held]
