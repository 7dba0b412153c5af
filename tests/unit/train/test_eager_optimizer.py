"""An optimiser without the compiler computes what torch's own does, and the compiler stays unimported."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.optim import SGD, Adam, AdamW, Optimizer

from understudy.train.eager_optimizer import without_compiler

KINDS = [AdamW, Adam, SGD]


def _trained(kind: type[Optimizer]) -> tuple[list[torch.Tensor], Optimizer]:
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(4, 3, generator=generator).requires_grad_() for _ in range(2)]
    groups = [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.3}]
    optimizer = kind(groups, lr=0.1, weight_decay=0.01)  # type: ignore[call-arg, arg-type]
    for _ in range(3):
        optimizer.zero_grad(set_to_none=True)
        sum((w**2).sum() for w in weights).backward()  # type: ignore[union-attr]
        optimizer.step()
    return weights, optimizer


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_are_those_of_the_optimiser_it_is_made_of(kind: type[Optimizer]) -> None:
    plain, own = _trained(without_compiler(kind)), _trained(kind)
    assert all(torch.equal(a, b) for a, b in zip(plain[0], own[0], strict=True))
    assert type(plain[1]).__name__ == kind.__name__
    assert isinstance(plain[1], kind)


def test_a_stored_state_is_taken_up_again() -> None:
    (weights, first), kind = _trained(without_compiler(AdamW)), without_compiler(AdamW)
    second = kind([{"params": weights[:1]}, {"params": weights[1:]}], lr=0.5)  # type: ignore[call-arg]
    second.load_state_dict(first.state_dict())
    assert [group["lr"] for group in second.param_groups] == [0.1, 0.3]
    assert torch.equal(second.state[weights[0]]["exp_avg"], first.state[weights[0]]["exp_avg"])


def test_no_gradient_is_recorded_while_stepping() -> None:
    weights, _ = _trained(without_compiler(SGD))
    assert all(weight.is_leaf and weight.requires_grad for weight in weights)
    assert torch.is_grad_enabled()


def test_a_schedule_moves_the_rate() -> None:
    _, optimizer = _trained(without_compiler(AdamW))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_the_compiler_is_not_imported() -> None:
    """In a process of its own: other tests may have imported it."""
    script = """
import sys, torch
from understudy.train.eager_optimizer import without_compiler
weight = torch.ones(2, requires_grad=True)
optimizer = without_compiler(torch.optim.AdamW)([weight])
optimizer.zero_grad()
weight.sum().backward()
torch.nn.utils.clip_grad_norm_([weight], 1.0)
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
