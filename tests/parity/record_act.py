"""Records what LeRobot 0.4.4 computes, for tests that compare ours with it. Runs in LeRobot's environment, by hand:

    python=$(tests/parity/lerobot_env.sh)
    $python tests/parity/record_act.py

Writes beside this file: act_lerobot_0_4_4.json (losses), act_lerobot_0_4_4.safetensors (actions), act_lerobot_0_4_4/
(checkpoints as LeRobot writes them, without the weights of those with a camera: 45 MB that the recipe makes again).
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import torch
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lerobot_cases import ACTION, CASES, CONTROL_STEPS, EXECUTION, TRAINING_STEPS, drawn_batch, drawn_statistics  # noqa: E402
from recipe import KEPT_AS_COMPUTED, drawn_weights  # noqa: E402

NAME = "act_lerobot_0_4_4"


def make(case: str, **options):
    """LeRobot's policy of `case` with the recipe's weights, and its two processors."""

    def declared(features):
        return {name: PolicyFeature(FeatureType[kind], shape) for name, (kind, shape) in features.items()}

    given, features = CASES[case]
    given = {**given, **options}
    if "normalization_mapping" in given:
        mapping = {kind: NormalizationMode[mode] for kind, mode in given["normalization_mapping"].items()}
        given = {**given, "normalization_mapping": mapping}
    config = ACTConfig(input_features=declared(features), output_features=declared(ACTION), **given)
    policy = ACTPolicy(config)
    shapes = {name: tensor.shape for name, tensor in policy.state_dict().items()}
    policy.load_state_dict(drawn_weights(shapes), strict=False)
    statistics = {
        feature: {name: torch.from_numpy(value) for name, value in values.items()}
        for feature, values in drawn_statistics(case).items()
    }
    return policy, *make_pre_post_processors(config, dataset_stats=statistics)


def as_lerobot_sees(batch):
    """Images as LeRobot's dataset and robot loop give them: float in 0..1."""
    return {n: t.float() / 255 if t.dtype == torch.uint8 else t for n, t in batch.items() if n != "noise"}


def observation_of(batch):
    return {name: tensor for name, tensor in as_lerobot_sees(batch).items() if name.startswith("observation.")}


def training_loss(policy, before, batch):
    with patch("torch.randn_like", lambda like: batch["noise"].to(like)):
        loss, parts = policy.forward(before(as_lerobot_sees(batch)))
    return loss, {"loss": float(loss.detach()), **parts}


def record_case(case, numbers, arrays):
    policy, before, after = make(case)
    batch = drawn_batch(case, seed=0)
    policy.train()
    numbers["losses"][case] = training_loss(policy, before, batch)[1]
    policy.eval()
    with torch.no_grad():
        chunk = policy.predict_action_chunk(before(observation_of(batch)))
    arrays[f"{case}.chunk"] = after(chunk).contiguous()
    numbers["shapes"][case] = {name: list(tensor.shape) for name, tensor in policy.state_dict().items()}
    numbers["parameter_order"][case] = [name for name, _ in policy.named_parameters()]

    folder = HERE / NAME / case
    folder.mkdir(parents=True)
    policy.save_pretrained(folder)
    before.save_pretrained(folder)
    after.save_pretrained(folder)
    for card in folder.glob("*.md"):
        card.unlink()
    if "images" in " ".join(CASES[case][1]):
        (folder / "model.safetensors").unlink()
        if KEPT_AS_COMPUTED in policy.state_dict():
            arrays[f"{case}.{KEPT_AS_COMPUTED}"] = policy.state_dict()[KEPT_AS_COMPUTED].contiguous()


def record_execution(name, arrays):
    policy, before, after = make("plain", **EXECUTION[name])
    policy.eval()
    policy.reset()
    actions = []
    for step in range(CONTROL_STEPS):
        observation = observation_of(drawn_batch("plain", seed=100 + step, size=1))
        with torch.no_grad():
            actions.append(after(policy.select_action(before(observation))))
    arrays[f"{name}.actions"] = torch.cat(actions).contiguous()


def record_training(numbers, arrays):
    """20 updates as `lerobot-train` makes them: the preset's parameter groups, AdamW, clipping at 10."""
    policy, before, after = make("plain")
    preset = policy.config.get_optimizer_preset()
    optimizer = preset.build(policy.get_optim_params())
    policy.train()
    for step in range(TRAINING_STEPS):
        loss, parts = training_loss(policy, before, drawn_batch("plain", seed=1000 + step))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        numbers["training"].append({**parts, "grad_norm": float(norm)})
    policy.eval()
    with torch.no_grad():
        chunk = policy.predict_action_chunk(before(observation_of(drawn_batch("plain", seed=0))))
    arrays["trained.chunk"] = after(chunk).contiguous()


def one_line_per_entry(numbers):
    """JSON in which the entries two levels down take a line each: readable differences, few lines."""
    groups = []
    for name, group in numbers.items():
        pairs = group.items() if isinstance(group, dict) else [(None, entry) for entry in group]
        lines = [f"  {json.dumps(k)}: {json.dumps(v)}" if k else f"  {json.dumps(v)}" for k, v in pairs]
        opening, closing = "{}" if isinstance(group, dict) else "[]"
        groups.append(f" {json.dumps(name)}: {opening}\n" + ",\n".join(lines) + f"\n {closing}")
    return "{\n" + ",\n".join(groups) + "\n}\n"


def main():
    torch.set_num_threads(1)
    shutil.rmtree(HERE / NAME, ignore_errors=True)
    numbers = {
        "made_by": {"lerobot": version("lerobot"), "torch": torch.__version__},
        "losses": {},
        "training": [],
        "shapes": {},
        "parameter_order": {},
    }
    arrays = {}
    for case in CASES:
        record_case(case, numbers, arrays)
    for name in EXECUTION:
        record_execution(name, arrays)
    record_training(numbers, arrays)
    (HERE / f"{NAME}.json").write_text(one_line_per_entry(numbers))
    save_file(arrays, HERE / f"{NAME}.safetensors")
    print(json.dumps(numbers["losses"], indent=1), numbers["training"][0], numbers["training"][-1])


if __name__ == "__main__":
    main()
