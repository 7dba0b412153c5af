"""LeRobot's policies by the names that its configurations and logs have for them, known here or not."""

from __future__ import annotations

# those that have a checkpoint in its layout, by the `type` in config.json
LEROBOT_POLICIES = frozenset(
    {"act", "diffusion", "vqbet", "tdmpc", "sac", "smolvla", "pi0", "pi0_fast", "pi0fast", "pi05", "groot", "xvla"}
    | {"wall_x", "eo1", "evo1", "fastwam", "gaussian_actor", "lingbot_va", "molmoact2", "multi_task_dit", "vla_jepa"}
)
# those that are made to be fine-tuned -> the published weights to start from
PUBLISHED_WEIGHTS = {
    "smolvla": "lerobot/smolvla_base",
    "pi0": "lerobot/pi0",
    "pi0_fast": "lerobot/pi0fast_base",
    "pi05": "lerobot/pi05_base",
}
