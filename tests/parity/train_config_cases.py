"""Training configurations whose `train_config.json` LeRobot 0.4.4 was asked to read; see read_train_config.py."""

from __future__ import annotations

from typing import Any

from understudy.train.config import TrainConfig

_ACT = {"type": "act", "device": "cpu", "push_to_hub": False}
_ADAMW = {"type": "adamw", "lr": 3e-4, "weight_decay": 0.01}
_SGD = {"type": "sgd", "lr": 0.1, "weight_decay": 0.0}
_ADAM = {"type": "adam", "lr": 1e-3, "weight_decay": 1e-6, "betas": [0.95, 0.999]}

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "changed": {
        "dataset": {"repo_id": "u/n", "root": "/data/n", "episodes": [0, 2, 5], "use_imagenet_stats": False},
        "policy": _ACT | {"chunk_size": 30, "n_action_steps": 10, "temporal_ensemble_coeff": None, "use_vae": False},
        "precision": "bf16",
        "grad_accumulation_steps": 4,
        "tolerance_s": 0.01,
        "rename_map": {"observation.images.top": "observation.images.front"},
        "wandb": {"enable": True, "project": "arms", "mode": "offline", "run_id": "abc"},
        "trackio": {"enable": True},
        "save_freq": 0,
        "log_freq": 7,
        "num_workers": 0,
    },
    "adamw with decay": {
        "optimizer": _ADAMW,
        "scheduler": {
            "type": "cosine_decay_with_warmup",
            "num_warmup_steps": 10,
            "num_decay_steps": 100,
            "peak_lr": 3e-4,
            "decay_lr": 3e-6,
        },
    },
    "sgd with a constant rate": {
        "optimizer": _SGD,
        "scheduler": {"type": "constant_with_warmup", "num_warmup_steps": 5},
        "use_policy_training_preset": False,
    },
    "adam with a diffuser": {"optimizer": _ADAM, "scheduler": {"type": "diffuser", "num_warmup_steps": 500}},
    "image transforms": {
        "dataset": {
            "repo_id": "u/n",
            "image_transforms": {
                "enable": True,
                "max_num_transforms": 2,
                "random_order": True,
                "tfs": {
                    "colour": {"weight": 2.0, "type": "ColorJitter", "kwargs": {"brightness": 0.3, "hue": [-0.1, 0.1]}},
                    "sharpness": {"weight": 0.5, "type": "SharpnessJitter", "kwargs": {"sharpness": [0.5, 1.5]}},
                    "affine": {"weight": 1.0, "type": "RandomAffine", "kwargs": {"degrees": 3.0, "scale": [0.9, 1.1]}},
                    "none": {"weight": 1.0, "type": "Identity", "kwargs": {}},
                },
            },
        },
    },
    "adam with annealing": {"optimizer": _ADAM, "scheduler": {"type": "cosine_annealing_with_warmup"}},
}


def lerobot_json_of(name: str) -> dict[str, Any]:
    """What we would write into a checkpoint of this case."""
    options = {"dataset": {"repo_id": "u/n"}, "policy": _ACT, "output_dir": "outputs/x"} | CASES[name]
    return TrainConfig.model_validate(options).lerobot_json()
