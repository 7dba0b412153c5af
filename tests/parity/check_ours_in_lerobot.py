"""Loads a checkpoint of ours in LeRobot 0.4.4 and compares the actions. Runs in LeRobot's environment:

    $python tests/parity/check_ours_in_lerobot.py FOLDER [DTYPE]    (FOLDER from write_ours.py)

Prints one JSON document; exit code 1 when an action differs by more than 1e-5 of its standard deviation. LeRobot's own
copy of the checkpoint is left in FOLDER/saved_by_lerobot, for the way back. DTYPE: what the vision-language model's
config.json says of its weights, which is how LeRobot rounds ours; float32 unless it is given.
"""

from __future__ import annotations

import contextlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from safetensors.torch import load_file

TOLERANCE = 1e-5
TASKS = ["pick up the red cube", "open the drawer"]


def load(folder: Path, dtype: str):
    """LeRobot's policy from our checkpoint, every tensor of which has to fit."""
    if not (folder / "vlm").is_dir():
        return ACTPolicy.from_pretrained(folder / "checkpoint", strict=True)
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
    from lerobot_smolvla import offline, write_config

    write_config(folder / "vlm", json.loads((folder / "shape.json").read_text()), dtype)
    checkpoint = folder / "checkpoint"
    with offline():
        if not (checkpoint / "adapter_config.json").exists():
            return SmolVLAPolicy.from_pretrained(checkpoint, strict=True)
        # as lerobot.policies.factory.make_policy
        from lerobot.configs.policies import PreTrainedConfig
        from peft import PeftConfig, PeftModel

        config = PreTrainedConfig.from_pretrained(checkpoint)
        assert config.use_peft
        of_adapter = PeftConfig.from_pretrained(checkpoint)
        base = SmolVLAPolicy.from_pretrained(of_adapter.base_model_name_or_path, config=config, strict=True)
        return PeftModel.from_pretrained(base, checkpoint, config=of_adapter)


def row_by_row(folder: Path):
    """What has to be around LeRobot's prediction: the vision tower's positions put right."""
    if not (folder / "vlm").is_dir():
        return contextlib.nullcontext()
    from lerobot_smolvla import offline

    return offline()


def main(folder: Path, dtype: str = "float32") -> int:
    torch.set_num_threads(1)
    stored = load_file(folder / "expected.safetensors")
    expected = stored.pop("action")
    given = {"noise": stored.pop("noise")} if "noise" in stored else {}
    policy = load(folder, dtype)
    before, after = make_pre_post_processors(policy.config, pretrained_path=str(folder / "checkpoint"))
    observation = {n: t.float() / 255 if t.dtype == torch.uint8 else t for n, t in stored.items()}
    with torch.no_grad(), row_by_row(folder):
        actions = after(policy.predict_action_chunk(before(observation | {"task": TASKS}), **given))
    std = load_file(next((folder / "checkpoint").glob("policy_postprocessor*.safetensors")))["action.std"]
    difference = (actions - expected).abs()
    copy = folder / "saved_by_lerobot"
    policy.save_pretrained(copy)
    if hasattr(policy, "peft_config"):
        policy.get_base_model().config.save_pretrained(copy)  # as lerobot-train does beside an adapter
    before.save_pretrained(copy)
    after.save_pretrained(copy)
    relative = float((difference / std).max())
    outcome = {
        "lerobot": version("lerobot"),
        "torch": torch.__version__,
        "parameters": sum(p.numel() for p in policy.parameters()),
        "actions": list(actions.shape),
        "largest_difference": float(difference.max()),
        "largest_difference_in_std": relative,
        "spread_of_actions_in_std": float((actions / std).std()),
    }
    print(json.dumps(outcome))
    return 0 if relative <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
