"""Records an adapter that LeRobot 0.4.4 trains beside a small SmolVLA. In LeRobot's environment, with peft in it:

    python=$(tests/parity/lerobot_env.sh)
    $python -m pip install --no-deps peft==0.18.1
    $python tests/parity/record_smolvla_lora.py

Writes beside this file: smolvla_lora_lerobot_0_4_4.json (losses of the updates, order of parameters),
smolvla_lora_lerobot_0_4_4.safetensors (actions) and smolvla_lora_lerobot_0_4_4/, the checkpoint as `lerobot-train`
saves it. The base is the checkpoint that record_smolvla.py writes.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from importlib.metadata import version

import torch
from lerobot.configs.default import PeftConfig
from lerobot_smolvla import offline
from record_smolvla import FOLDER, HERE, chunk_of, loss_of, make
from safetensors.torch import save_file
from smolvla_cases import drawn_batch

NAME = "smolvla_lora_lerobot_0_4_4"
UPDATES = 5


def main():
    torch.set_num_threads(1)
    target = HERE / NAME
    shutil.rmtree(target, ignore_errors=True)
    os.chdir(FOLDER)
    with offline():
        policy, before, after = make()
        policy.config.pretrained_path = "checkpoint"
        torch.manual_seed(0)
        wrapped = policy.wrap_with_peft(peft_cli_overrides=asdict(PeftConfig(r=4)))
        preset = policy.config.get_optimizer_preset()
        optimizer = preset.build(wrapped.get_optim_params())
        order = [name for name, _ in wrapped.named_parameters()]
        wrapped.train()
        losses = []
        for step in range(UPDATES):
            loss = loss_of(wrapped, before, drawn_batch(1000 + step))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(wrapped.parameters(), preset.grad_clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(float(loss.detach()))
        wrapped.eval()
        actions = chunk_of(wrapped, before, after, drawn_batch(0))
        # what lerobot.utils.train_utils.save_checkpoint does
        wrapped.save_pretrained(target)
        policy.config.save_pretrained(target)
        before.save_pretrained(target)
        after.save_pretrained(target)
    for card in target.glob("*.md"):
        card.unlink()
    made_by = {name: version(name) for name in ("lerobot", "transformers", "torch", "peft")}
    numbers = {"made_by": made_by, "losses": losses, "parameter_order": order}
    target.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")
    save_file({"action": actions}, target.with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
