"""Activation checkpointing: the same numbers bit for bit, from less that is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from small_smolvla import small_smolvla
from understudy.core.rng import Rng
from understudy.nn.bf16 import autocast
from understudy.policies.smolvla.model import SmolVla
from understudy.train.optim import build_optimizer
from understudy.train.step import Update

CPU = torch.device("cpu")
WHOLE = {"train_expert_only": False, "freeze_vision_encoder": False}
TRAINED = pytest.mark.parametrize("trained", [{}, WHOLE], ids=["the expert", "the whole model"])


def policy_that(recomputes: bool, trained: dict[str, bool]) -> SmolVla:
    return small_smolvla(gradient_checkpointing=recomputes, **trained).train()


def kept_bytes(policy: SmolVla, precision: str = "fp32") -> int:
    """Bytes that the loss keeps for its backward pass, each memory once and without the weights."""
    weights = {p.untyped_storage().data_ptr() for p in policy.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)
        return tensor

    alive: list[Tensor] = []  # or the memory of one would be given to the next
    batch = policy.config.fake_batch(2)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), autocast(precision, CPU):
        policy.loss(batch, Rng(0))
    return sum(kept.values())


@TRAINED
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_loss_and_gradients_are_the_same_bit_for_bit(trained: dict[str, bool], precision: str) -> None:
    found: list[list[Tensor | None]] = []
    for recomputes in (False, True):
        policy = policy_that(recomputes, trained)
        with autocast(precision, CPU):
            loss = policy.loss(policy.config.fake_batch(3), Rng(0))
        loss.total.backward()
        found.append([loss.total.detach(), *(p.grad for p in policy.parameters())])
    for plain, again in zip(*found, strict=True):
        assert (plain is None and again is None) or torch.equal(plain, again)  # type: ignore[arg-type]


@TRAINED
def test_twenty_updates_end_at_the_same_weights_bit_for_bit(trained: dict[str, bool]) -> None:
    ends: list[dict[str, Tensor]] = []
    for recomputes in (False, True):
        policy = policy_that(recomputes, trained)
        optimizer = build_optimizer(policy, policy.config.optimizer_preset(), use_groups=True)
        update = Update(policy, optimizer, None, clip=10.0, precision="fp32", seed=0, device=CPU)
        for step in range(20):
            update([policy.config.fake_batch(2, seed=step)], step)
        ends.append(policy.state_dict())
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
    assert not torch.equal(ends[0]["model.state_proj.weight"], small_smolvla().state_dict()["model.state_proj.weight"])


@TRAINED
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_less_than_half_is_kept(trained: dict[str, bool], precision: str) -> None:
    plain, again = (kept_bytes(policy_that(recomputes, trained), precision) for recomputes in (False, True))
    assert 0 < again < plain / 2


def test_what_is_predicted_is_the_same_and_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, again = policy_that(False, {}), policy_that(True, {})
    batch = plain.config.fake_batch(2)
    observation = batch.observation | plain.instruction(batch.task)
    expected = plain.predict(observation)
    monkeypatch.setattr("understudy.nn.recompute.checkpoint", None)
    assert torch.equal(again.predict(observation), expected)


def test_dropout_within_a_layer_is_drawn_the_same_again() -> None:
    from understudy.nn.recompute import Recomputing, recompute

    class Stack(Recomputing):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 8))

        def forward(self, x: Tensor) -> Tensor:
            return self.run(self.inner, x)

    found: list[Any] = []
    for again in (False, True):
        torch.manual_seed(0)
        stack = Stack()
        if again:
            recompute(stack)
        stack(torch.ones(4, 8)).sum().backward()
        found.append([p.grad for p in stack.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
