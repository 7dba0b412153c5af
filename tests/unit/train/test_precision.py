"""Which number format a run gets, and that bfloat16 learns what fp32 learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.train import precision
from understudy.train.optim import build_optimizer
from understudy.train.precision import choose_precision, forward_s
from understudy.train.step import Update


def tiny() -> Policy:
    config = ActConfig.tiny()
    torch.manual_seed(0)
    return config.build(config.fake_statistics()).train()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Policy:
    """A policy that counts as worth a try."""
    monkeypatch.setattr(precision, "SHORT_S", 0)
    return tiny()


@pytest.mark.parametrize(("fp32_s", "bf16_s", "chosen"), [(1.0, 0.5, "bf16"), (1.0, 0.95, "fp32"), (1.0, 9.0, "fp32")])
def test_the_faster_format_is_taken_if_it_is_faster_by_more_than_noise(
    large: Policy, monkeypatch: pytest.MonkeyPatch, fp32_s: float, bf16_s: float, chosen: str
) -> None:
    seconds = {"fp32": fp32_s, "bf16": bf16_s}
    monkeypatch.setattr(precision, "forward_s", lambda policy, name, samples, enough=0.0: seconds[name])
    found, reason = choose_precision(large, 8)
    assert found == chosen
    assert f"{bf16_s * 1e3:.0f} ms in bf16" in reason


def test_a_small_network_is_not_tried_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "SHORT_S", 1e9)
    monkeypatch.setattr(precision, "forward_s", lambda policy, name, samples: {"fp32": 0.004}[name])
    assert choose_precision(tiny(), 8) == (
        "fp32",
        "a forward pass of 2 samples takes 4 ms in fp32, too little to gain from bf16",
    )


def test_trying_draws_nothing_and_changes_nothing(large: Policy) -> None:
    torch.manual_seed(5)
    expected, before = torch.rand(3), {n: p.clone() for n, p in large.named_parameters()}
    torch.manual_seed(5)
    choose_precision(large, 8)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(p, before[n]) and p.grad is None for n, p in large.named_parameters())


def test_a_format_that_is_emulated_is_given_up_after_one_pass(large: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    monkeypatch.setattr(large, "loss", lambda batch, rng: passes.append(batch))
    forward_s(large, "bf16", 2, enough=0.0)
    assert len(passes) == 1


def learnt(seed: int, number_format: str, updates: int = 60) -> float:
    """Mean loss of the last third of a short training on one batch."""
    options = ActConfig.tiny().model_dump() | {"vision_backbone": "keypoints", "dropout": 0.1, "optimizer_lr": 1e-3}
    config = ActConfig.model_validate(options)
    torch.manual_seed(seed)
    policy = config.build(config.fake_statistics()).train()
    optimizer = build_optimizer(policy, config.optimizer_preset(), use_groups=True, fused=True)
    device = torch.device("cpu")
    update = Update(policy, optimizer, None, clip=10, precision=number_format, seed=seed, device=device)
    batch, losses = config.fake_batch(8), []
    for step in range(updates):
        update([batch], step)
        losses.append(update.window.means()["loss"])
    assert losses[-1] < losses[0] / 3
    return float(np.mean(losses[-updates // 3 :]))


def test_bf16_ends_where_fp32_ends_within_what_the_seed_decides() -> None:
    seeds = range(4)
    fp32, bf16 = (np.array([learnt(seed, name) for seed in seeds]) for name in ("fp32", "bf16"))
    # the spread over seeds is the noise of this loss; the formats, seed by seed, differ by less
    assert np.abs(bf16 - fp32).max() < fp32.std(ddof=1)
    assert np.all(bf16 != fp32)
