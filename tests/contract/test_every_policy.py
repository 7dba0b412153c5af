"""What the trainer, the evaluation and the checkpoints rely on, for every policy there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from understudy.core.errors import DataError, StatisticMissing
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.nn.weights import read_safetensors
from understudy.policies.base import Policy
from understudy.policies.config import PolicyConfig
from understudy.policies.pretrained import load_policy, load_weights_into, save_pretrained

NAMES = sorted(POLICY_CONFIGS)
KEYS = Path(__file__).parent / "state_dict_keys"
# Gradients that are zero by the mathematics of the model, not by a fault of ours.
ZERO_GRADIENT = {
    # The first decoder layer starts from zeros: all its values are equal, so it does not matter where it attends to.
    "act": {"model.decoder.layers.0.self_attn.in_proj_weight"},
}


def tiny(name: str) -> PolicyConfig:
    return load(POLICY_CONFIGS, name, "policy").tiny()  # type: ignore[no-any-return]


def build(name: str, seed: int = 0) -> tuple[Policy, Batch]:
    torch.manual_seed(seed)
    config = tiny(name)
    return config.build(config.fake_statistics()), config.fake_batch(3)


def seen(policy: Policy, batch: Batch) -> dict[str, Tensor]:
    """What the policy predicts from: the observation, and the task for one that reads."""
    return batch.observation | policy.instruction(batch.task)


@pytest.mark.parametrize("name", NAMES)
def test_what_may_be_kept_of_a_frame_is_known_from_the_configuration(name: str) -> None:
    policy, batch = build(name)
    assert tuple(policy.prefixes(batch.task)) == policy.config.prefix_kinds


@torch.no_grad()
def stir(policy: Policy) -> None:
    """Move every weight a little: some start at 0, and a product with 0 hides what comes after the first update."""
    for parameter in policy.parameters():
        parameter.add_(0.01 * torch.randn_like(parameter))


def loss_of(policy: Policy, batch: Batch, step: int) -> dict[str, float]:
    rng = Rng(5, step)
    rng.seed_torch("dropout")
    loss = policy.loss(batch, rng)
    return {"total": float(loss.total.detach()), **{name: float(part) for name, part in loss.parts.items()}}


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_repeats_for_the_same_step_and_is_drawn_anew_for_another(name: str) -> None:
    policy, batch = build(name)
    stir(policy)
    policy.train()
    assert loss_of(policy, batch, step=3) == loss_of(policy, batch, step=3)
    assert loss_of(policy, batch, step=3) != loss_of(policy, batch, step=4) or not policy.is_stochastic


@pytest.mark.parametrize("name", NAMES)
def test_the_held_out_loss_does_not_depend_on_the_mode_before(name: str) -> None:
    policy, batch = build(name)
    policy.train()
    loss_of(policy, batch, step=1)
    policy.eval()
    first = loss_of(policy, batch, step=3)
    assert first == loss_of(policy, batch, step=3)
    assert np.isfinite(first["total"])


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_is_repeatable_and_leaves_the_policy_as_it_was(name: str) -> None:
    policy, batch = build(name)
    policy.train()
    first = policy.predict(seen(policy, batch), Rng(0))
    torch.manual_seed(99)
    assert torch.equal(first, policy.predict(seen(policy, batch), Rng(0)))
    assert policy.training
    horizon = policy.config.horizon()
    assert first.shape == (3, horizon.predicted, *policy.config.output_features["action"].shape)
    assert first.dtype == torch.float32
    assert not first.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_is_in_the_datasets_own_units(name: str) -> None:
    config = tiny(name)
    statistics = config.fake_statistics()
    batch = config.fake_batch(2)
    torch.manual_seed(0)
    first = config.build(statistics)
    shifted = {key: value + 1000 for key, value in statistics["action"].items() if key != "std"}
    torch.manual_seed(0)
    second = config.build({**statistics, "action": {**statistics["action"], **shifted}})
    observation = seen(first, batch)
    torch.testing.assert_close(second.predict(observation) - 1000, first.predict(observation), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_saved_loads_bit_for_bit(name: str, tmp_path: Path) -> None:
    policy, batch = build(name)
    save_pretrained(policy, tmp_path / "saved", train_config={"rename_map": {"observation.images.cam": "front"}})
    loaded = load_policy(tmp_path / "saved", device="cpu")
    assert loaded.config == policy.config
    assert loaded.rename_map == {"observation.images.cam": "front"}
    assert not loaded.training
    ours, theirs = policy.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert torch.equal(policy.predict(seen(policy, batch)), loaded.predict(seen(loaded, batch)))
    save_pretrained(loaded, tmp_path / "again")
    first = read_safetensors(tmp_path / "saved" / "model.safetensors")
    again = read_safetensors(tmp_path / "again" / "model.safetensors")
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_weights_can_be_put_into_a_policy_that_exists_already(name: str, tmp_path: Path) -> None:
    policy, _ = build(name)
    save_pretrained(policy, tmp_path / "saved")
    other, _ = build(name, seed=1)
    assert any(not torch.equal(a, b) for a, b in zip(policy.parameters(), other.parameters(), strict=True))
    load_weights_into(other, tmp_path / "saved")
    assert all(torch.equal(a, b) for a, b in zip(policy.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_names_and_shapes_of_the_state_dict_do_not_change(name: str) -> None:
    policy, _ = build(name)
    lines = [f"{key} {list(value.shape)}" for key, value in policy.state_dict().items()]
    assert lines == (KEYS / f"{name}.txt").read_text().splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_parameter_that_is_trained(name: str) -> None:
    policy, batch = build(name)
    stir(policy)
    policy.train()
    policy.loss(batch, Rng(0)).total.backward()
    for key, parameter in policy.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
        if parameter.grad is None:
            continue
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().max() > 0 or key in ZERO_GRADIENT.get(name, ()), key


@pytest.mark.parametrize("name", NAMES)
def test_the_optimisers_groups_hold_every_parameter_once(name: str) -> None:
    policy, _ = build(name)
    grouped = [id(p) for group in policy.param_groups() for p in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in policy.parameters()}
    assert all(group["name"] for group in policy.param_groups())


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_the_loss_hold_no_graph(name: str) -> None:
    policy, batch = build(name)
    loss = policy.train().loss(batch, Rng(0))
    assert loss.total.requires_grad
    assert loss.parts
    assert not any(part.requires_grad or part.dim() for part in loss.parts.values())


@pytest.mark.parametrize("name", NAMES)
def test_padded_actions_do_not_teach(name: str) -> None:
    policy, batch = build(name)
    policy.eval()
    assert batch.action_is_pad.any()
    changed = torch.where(batch.action_is_pad[..., None], batch.action + 100, batch.action)
    other = Batch(batch.observation, changed, batch.action_is_pad, batch.task, batch.rows)
    assert loss_of(policy, batch, step=0) == loss_of(policy, other, step=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_statistic_that_is_needed_and_missing_is_an_error(name: str) -> None:
    config = tiny(name)
    statistics = config.fake_statistics()
    del statistics["action"]
    with pytest.raises(StatisticMissing, match="`action`"):
        config.build(statistics)


@pytest.mark.parametrize("name", NAMES)
def test_an_incomplete_or_misshapen_observation_is_named(name: str) -> None:
    policy, batch = build(name)
    for key, value in batch.observation.items():
        rest = {k: v for k, v in seen(policy, batch).items() if k != key}
        with pytest.raises(DataError, match=f"lacks `{key}`"):
            policy.predict(rest)
        with pytest.raises(DataError, match=f"`{key}` has shape"):
            policy.predict({**rest, key: value[:, :2]})


@pytest.mark.parametrize("name", NAMES)
def test_reading_the_configuration_imports_no_torch(name: str) -> None:
    module = POLICY_CONFIGS[name].split(":")[0]
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_lerobots_options_and_ours_together_are_the_whole_configuration(name: str) -> None:
    config = tiny(name)
    both = {**config.lerobot_json(), **config.own_json()}
    assert type(config).model_validate(both) == config
    assert next(iter(config.lerobot_json())) == "type"
    assert not set(config.lerobot_json()) & set(config.own_json())
