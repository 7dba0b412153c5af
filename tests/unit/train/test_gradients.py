"""Gradients of all ranks: each once, in one order, laid out like the parameter, none where none took part."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from understudy.core.errors import UnderstudyError
from understudy.train import gradients
from understudy.train.distributed import Ranks
from understudy.train.gradients import SharedGradients


class TwinRanks:
    """Two ranks of which the other does exactly what this one does."""

    rank, world = 0, 2

    def __init__(self) -> None:
        self.sent: list[int] = []

    def sum_in_background(self, tensor: Tensor) -> Any:
        self.sent.append(tensor.numel())
        tensor *= 2
        return self

    def wait(self) -> None: ...

    def any_of(self, flags: list[bool]) -> list[bool]:
        return flags


class Net(nn.Module):
    """A convolution in the layout GPUs like, a parameter that no loss sees, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        self.idle = nn.Parameter(torch.ones(5))
        self.head = nn.Linear(4, 2)

    def loss(self, idle: bool = False) -> Tensor:
        pictures = torch.arange(2 * 3 * 25, dtype=torch.float32).reshape(2, 3, 5, 5) / 100
        out = self.head(self.first(pictures).mean((2, 3))).square().mean()
        return out + self.idle.sum() if idle else out


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def shared(net: Net, twins: TwinRanks) -> SharedGradients:
    return SharedGradients(list(net.parameters()), cast(Ranks, twins))


def test_gradients_are_summed_and_keep_layout_and_absence(net: Net) -> None:
    net.loss().backward()
    expected = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    together = shared(net, TwinRanks())
    for _ in range(2):
        net.zero_grad()
        together.start()
        net.loss().backward()
        together.finish()
        for name, parameter in net.named_parameters():
            if name == "idle":
                assert parameter.grad is None
            else:
                assert parameter.grad is not None
                torch.testing.assert_close(parameter.grad, 2 * expected[name])
                assert parameter.grad.stride() == parameter.stride()


def test_of_accumulated_batches_the_sum_travels_once(net: Net) -> None:
    twins = TwinRanks()
    together = shared(net, twins)
    net.loss().backward()
    assert not twins.sent
    once = net.head.weight.grad
    assert once is not None
    once = once.clone()
    together.start()
    net.loss().backward()
    together.finish()
    assert sum(twins.sent) == sum(p.numel() for p in net.parameters())
    assert net.head.weight.grad is not None
    torch.testing.assert_close(net.head.weight.grad, 2 * 2 * once)


def test_full_buckets_leave_while_the_backward_pass_goes_on(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "BUCKET_BYTES", 1)
    twins = TwinRanks()
    together = shared(net, twins)
    net.idle.requires_grad_(False)
    on_their_way: list[int] = []
    net.first.weight.register_hook(lambda _: on_their_way.append(len(twins.sent)))
    together.start()
    net.loss().backward()
    assert on_their_way == [2]  # the head's bias and weight
    together.finish()
    assert twins.sent == [2, 8, 4, 108, 5]


def test_a_parameter_that_joins_later_is_refused(net: Net) -> None:
    together = shared(net, TwinRanks())
    together.start()
    net.loss().backward()
    together.finish()
    together.start()
    net.loss(idle=True).backward()
    with pytest.raises(UnderstudyError, match="took no part in the first update"):
        together.finish()
