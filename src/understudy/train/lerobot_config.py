"""The `train_config.json` that LeRobot 0.4.4 writes, from our configuration: its keys, in its order.

LeRobot 0.4.4 reads this file strictly when it resumes from a checkpoint of ours; 0.6 and other tools display it.
What has no place in it (our own options) is in the run folder's own train_config.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import TrainConfig
    from .schedule_config import SchedulerConfig


def lerobot_train_config(config: TrainConfig) -> dict[str, Any]:
    """The whole file. Options that are still open take LeRobot's defaults."""
    return {
        "dataset": _dataset(config),
        "env": None,
        "policy": config.policy.lerobot_json() | {"push_to_hub": _pushes(config), "use_peft": _adapts(config)},
        "output_dir": str(config.output_dir or config.default_output_dir()),
        "job_name": config.job_name or config.policy.type,
        "resume": config.resume,
        "seed": config.seed,
        "num_workers": 4 if config.num_workers is None else config.num_workers,
        "batch_size": config.batch_size,
        "steps": config.steps,
        "eval_freq": 0,
        "log_freq": config.log_freq or 200,
        "tolerance_s": config.tolerance_s or 1e-4,
        "save_checkpoint": config.save_checkpoint,
        # LeRobot 0.4.4 divides by it
        "save_freq": config.save_freq or config.steps,
        "use_policy_training_preset": config.use_policy_training_preset,
        "optimizer": _optimizer(config),
        "scheduler": _scheduler(config.schedule()),
        "eval": {"n_episodes": 50, "batch_size": 50, "use_async_envs": False},
        "wandb": config.wandb.model_dump(mode="json"),
        # 0.4.4 does not know lora_alpha, which adapter_config.json says too
        "peft": None if config.peft is None else config.peft.model_dump(mode="json", exclude={"lora_alpha"}),
        "use_rabc": False,
        "rabc_progress_path": None,
        "rabc_kappa": 0.01,
        "rabc_epsilon": 1e-6,
        "rabc_head_mode": "sparse",
        "rename_map": dict(config.rename_map),
        "checkpoint_path": None,
    }


def _adapts(config: TrainConfig) -> bool:
    return config.peft is not None or config.policy.use_peft


def _pushes(config: TrainConfig) -> bool:
    """True by default, but without a repository LeRobot then refuses to go on with the run."""
    return config.policy.push_to_hub and config.policy.repo_id is not None


def _dataset(config: TrainConfig) -> dict[str, Any]:
    options = config.dataset
    repo_id, root = options.repo_id, options.root
    if Path(repo_id).expanduser().is_dir():
        # for us a folder may stand for the repository; LeRobot wants the folder as root and any name beside it
        root = root or Path(repo_id).expanduser().resolve()
        repo_id = f"local/{root.name}"
    return {
        "repo_id": repo_id,
        "root": None if root is None else str(root),
        "episodes": options.episodes,
        "image_transforms": options.image_transforms.model_dump(mode="json"),
        "revision": options.revision,
        "use_imagenet_stats": options.use_imagenet_stats,
        "video_backend": options.video_backend or "pyav",
        "streaming": False,
    }


def _optimizer(config: TrainConfig) -> dict[str, Any]:
    settings = config.optimizer or config.policy.optimizer_preset()
    entry: dict[str, Any] = {
        "type": settings.type,
        "lr": settings.lr,
        "weight_decay": settings.weight_decay,
        "grad_clip_norm": settings.grad_clip_norm,
    }
    if settings.type == "sgd":
        return entry | {"momentum": 0.0, "dampening": 0.0, "nesterov": False}
    return entry | {"betas": list(settings.betas), "eps": settings.eps}


def _scheduler(config: SchedulerConfig | None) -> dict[str, Any] | None:
    # LeRobot has no schedule that looks at the held-out loss: it would go on at the rate it finds
    if config is None or config.type == "reduce_on_plateau":
        return None
    warmup = config.num_warmup_steps or 0
    if config.type == "cosine_decay_with_warmup":
        decay = {"num_decay_steps": config.num_decay_steps, "peak_lr": config.peak_lr, "decay_lr": config.decay_lr}
        return {"type": config.type, "num_warmup_steps": warmup, **decay}
    # 0.4.4 has no other type than `diffuser` for these, but the same curves under names of it
    names = {"cosine_annealing_with_warmup": "cosine", "constant_with_warmup": "constant_with_warmup"}
    return {"type": "diffuser", "num_warmup_steps": warmup, "name": names.get(config.type, config.name or "cosine")}
