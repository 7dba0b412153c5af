"""What other programs call the numbers that our `step` and `validation` events hold."""

from __future__ import annotations

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
}
_STEPS = ("step", "steps", "global_step", "trainer/global_step", "_step")
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


def validation_name(name: str) -> str | None:
    """What a held-out number is called without the word that says so ("loss/val" -> "loss"); None for any other."""
    words = name.strip().lower().replace("/", "_").split("_")
    held_out = [word for word in words if word in _VALIDATION]
    if not held_out:
        return None
    return our_name("_".join(word for word in words if word not in _VALIDATION)) or "loss"
