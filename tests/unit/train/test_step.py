"""One update: repeatable to the bit, clipped, accumulated, and never with a gradient that is not finite."""

from __future__ import annotations

import copy

import pytest
import torch

from small_act import small_policy
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.policies.base import Policy
from understudy.train.optim import build_optimizer, flatten_state, restore_state
from understudy.train.step import NonFinite, Update

CPU = torch.device("cpu")


def update_of(policy: Policy, *, clip: float = 10.0, precision: str = "fp32") -> Update:
    optimizer = build_optimizer(policy, policy.config.optimizer_preset(), use_groups=True)
    return Update(policy, optimizer, None, clip=clip, precision=precision, seed=7, device=CPU)


def weights(policy: Policy) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def batch(seed: int) -> Batch:
    return small_policy().config.fake_batch(4, seed=seed)


def test_the_same_steps_give_the_same_weights_bit_for_bit_whatever_torch_drew_in_between() -> None:
    first, second = small_policy(), small_policy()
    one, two = update_of(first), update_of(second)
    for step in range(3):
        one([batch(step)], step)
        torch.randn(step + 5)
        two([batch(step)], step)
    assert torch.equal(weights(first), weights(second))


def test_a_step_depends_on_its_number_because_its_noise_does() -> None:
    first, second = small_policy(), small_policy()
    update_of(first)([batch(0)], 0)
    update_of(second)([batch(0)], 1)
    assert not torch.equal(weights(first), weights(second))


def test_the_optimisers_state_survives_a_round_trip_bit_for_bit() -> None:
    straight = small_policy()
    update = update_of(straight)
    update([batch(0)], 0)
    resumed = copy.deepcopy(straight)
    again = update_of(resumed)
    stored = {name: tensor.clone() for name, tensor in flatten_state(update.optimizer).items()}
    restore_state(again.optimizer, stored)
    update([batch(1)], 1)
    again([batch(1)], 1)
    assert torch.equal(weights(straight), weights(resumed))


def test_a_gradient_that_is_not_finite_is_reported_before_a_weight_moves() -> None:
    policy = small_policy()
    update = update_of(policy)
    before = weights(policy).clone()
    poisoned = batch(0)
    poisoned.action[1, 2, 3] = float("nan")
    with pytest.raises(NonFinite) as stop:
        update([poisoned], 5)
    assert stop.value.step == 5
    assert torch.equal(weights(policy), before)


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1e6])
def test_gradients_are_clipped_as_torch_clips_them_bit_for_bit(limit: float) -> None:
    ours, torchs = small_policy(), small_policy()
    for policy in (ours, torchs):
        torch.manual_seed(0)
        policy.loss(batch(0), Rng(7)).total.backward()
    update = update_of(ours, clip=limit)
    norm = update._clip(limit)
    assert torch.equal(norm, torch.nn.utils.clip_grad_norm_(list(torchs.parameters()), limit))
    for one, other in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or other.grad is None or torch.equal(one.grad, other.grad)


def test_two_accumulated_batches_give_the_mean_of_their_gradients() -> None:
    plain, accumulated = small_policy().eval(), small_policy().eval()  # eval: no dropout, no latent noise
    update = update_of(accumulated, clip=0)
    update([batch(0), batch(1)], 0)
    gradients = []
    for seed in (0, 1):
        plain.zero_grad()
        plain.loss(batch(seed), Rng(7, seed)).total.backward()
        gradients.append([None if p.grad is None else p.grad.clone() for p in plain.parameters()])
    for p, a, b in zip(accumulated.parameters(), *gradients, strict=True):
        if p.grad is not None:
            torch.testing.assert_close(p.grad, (a + b) / 2, rtol=1e-5, atol=1e-7)


def test_the_window_gives_means_since_it_was_last_read_and_the_norm_before_clipping() -> None:
    update = update_of(small_policy(), clip=1e-3)
    for step in range(4):
        update([batch(step)], step)
    means = update.window.means()
    assert {"loss", "l1_loss", "kld_loss", "grad_norm", "clipped_fraction"} <= set(means)
    assert means["clipped_fraction"] == 1
    assert means["grad_norm"] > 1e-3
    assert update.window.means() == {}


def test_bf16_trains_with_float32_weights_and_nearly_the_same_loss() -> None:
    full, half = update_of(small_policy()), update_of(small_policy(), precision="bf16")
    for step in range(3):
        full([batch(step)], step)
        half([batch(step)], step)
    assert all(p.dtype == torch.float32 for p in half.policy.parameters())
    assert half.window.means()["l1_loss"] == pytest.approx(full.window.means()["l1_loss"], rel=0.02)
