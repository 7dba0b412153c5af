"""Records what LeRobot 0.4.4 makes of a small SmolVLA, for tests that compare ours with it. In LeRobot's environment:

    python=$(tests/parity/lerobot_env.sh)
    $python tests/parity/record_smolvla.py

Writes beside this file: smolvla_lerobot_0_4_4.json (losses, tokens, names at full size),
smolvla_lerobot_0_4_4.safetensors (actions), smolvla_lerobot_0_4_4/ (a vision-language model and a checkpoint: folders
without weights, which the recipe makes again).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lerobot_smolvla import offline, vlm_folder  # noqa: E402
from smolvla_cases import (  # noqa: E402
    ACTION,
    FEATURES,
    FULL,
    LONG_TASK,
    OPTIONS,
    SHAPE,
    TASKS,
    TRAINING_STEPS,
    drawn_aloha,
    drawn_batch,
    drawn_statistics,
    drawn_weights,
)

NAME = "smolvla_lerobot_0_4_4"
FOLDER = HERE / NAME


def config_of(**options):
    def declared(features):
        return {name: PolicyFeature(FeatureType[kind], shape) for name, (kind, shape) in features.items()}

    given = {**OPTIONS, "resize_imgs_with_padding": tuple(OPTIONS["resize_imgs_with_padding"]), **options}
    return SmolVLAConfig(input_features=declared(FEATURES), output_features=declared(ACTION), **given)


def make(**options):
    """LeRobot's policy with the recipe's weights, and its two processors; the folder is named from within FOLDER."""
    config = config_of(vlm_model_name="vlm", tokenizer_max_length=16, **options)
    policy = SmolVLAPolicy(config)
    policy.load_state_dict(drawn_weights({name: tensor.shape for name, tensor in policy.state_dict().items()}))
    statistics = {
        feature: {name: torch.from_numpy(value) for name, value in values.items()}
        for feature, values in drawn_statistics().items()
    }
    return policy, *make_pre_post_processors(config, dataset_stats=statistics)


def as_lerobot_sees(batch):
    """Images as LeRobot's dataset and robot loop give them: float in 0..1."""
    left_out = ("noise", "time")
    return {
        n: t.float() / 255 if torch.is_tensor(t) and t.dtype == torch.uint8 else t
        for n, t in batch.items()
        if n not in left_out
    }


def loss_of(policy, before, batch):
    return policy.forward(before(as_lerobot_sees(batch)), noise=batch["noise"], time=batch["time"])[0]


def chunk_of(policy, before, after, batch):
    seen = {n: t for n, t in as_lerobot_sees(batch).items() if n.startswith("observation.") or n == "task"}
    with torch.no_grad():
        return after(policy.predict_action_chunk(before(seen), noise=batch["noise"])).contiguous()


def record_training(numbers, arrays):
    """20 updates as `lerobot-train` makes them: the preset's AdamW and schedule, clipping at 10."""
    policy, before, after = make()
    preset = policy.config.get_optimizer_preset()
    optimizer = preset.build(policy.get_optim_params())
    schedule = policy.config.get_scheduler_preset().build(optimizer, TRAINING_STEPS)
    policy.train()
    for step in range(TRAINING_STEPS):
        loss = loss_of(policy, before, drawn_batch(1000 + step))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        numbers["training"].append({"loss": float(loss.detach()), "grad_norm": float(norm), "lr": rate})
    policy.eval()
    arrays["trained"] = chunk_of(policy, before, after, drawn_batch(0))


def main():
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    vlm_folder(FOLDER / "vlm", SHAPE)
    vlm_folder(FOLDER / "full", FULL)
    os.chdir(FOLDER)
    numbers = {
        "made_by": {name: version(name) for name in ("lerobot", "transformers", "torch")},
        "losses": {},
        "training": [],
        "tokens": {},
    }
    arrays = {}
    cases = {
        "plain": {},
        "whole": {"train_expert_only": False, "freeze_vision_encoder": False},
        "padded": {"pad_language_to": "max_length", "prefix_length": 40, "empty_cameras": 1},
        "special": {"add_image_special_tokens": True, "empty_cameras": 1},
        "cross": {"self_attn_every_n_layers": 0, "num_vlm_layers": 3, "expert_width_multiplier": 0.5},
    }
    with offline():
        for case, options in cases.items():
            policy, before, after = make(**options)
            numbers["losses"][case] = float(loss_of(policy.train(), before, drawn_batch(0)).detach())
            arrays[case] = chunk_of(policy.eval(), before, after, drawn_batch(0))
            if case == "plain":
                numbers["parameter_order"] = [name for name, _ in policy.named_parameters()]
                numbers["trained"] = [name for name, p in policy.named_parameters() if p.requires_grad]
                policy.save_pretrained("checkpoint")
                before.save_pretrained("checkpoint")
                after.save_pretrained("checkpoint")
                for task in (*TASKS, LONG_TASK):
                    seen = before({"task": task, "observation.state": torch.zeros(6)})
                    numbers["tokens"][task] = seen["observation.language.tokens"][0].tolist()
        record_training(numbers, arrays)
        for name, convert in {
            "state": policy._pi_aloha_decode_state,
            "in": lambda x: policy._pi_aloha_encode_actions_inv(x[None])[0],
            "out": lambda x: policy._pi_aloha_encode_actions(x[None])[0],
        }.items():
            arrays[f"aloha.{name}"] = convert(drawn_aloha())
        with torch.device("meta"):
            full = SmolVLAPolicy(
                SmolVLAConfig(
                    input_features=config_of().input_features,
                    output_features=config_of().output_features,
                    device="cpu",
                    vlm_model_name="full",
                )
            )
    numbers["full"] = {name: list(tensor.shape) for name, tensor in full.named_parameters()}
    numbers["full_size"] = {
        "parameters": sum(p.numel() for p in full.parameters()),
        "trainable": sum(p.numel() for p in full.parameters() if p.requires_grad),
        "trained_tensors": sum(p.requires_grad for p in full.parameters()),
    }
    shutil.rmtree("full")
    Path("checkpoint/model.safetensors").unlink()
    for card in Path("checkpoint").glob("*.md"):
        card.unlink()
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in numbers.items()]
    FOLDER.with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    save_file(arrays, FOLDER.with_suffix(".safetensors"))
    print(json.dumps({"losses": numbers["losses"], **numbers["full_size"]}, indent=1), numbers["training"][-1])


if __name__ == "__main__":
    main()
