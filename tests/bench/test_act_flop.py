"""The arithmetic counted by hand is what torch does when nothing is left out."""

from __future__ import annotations

import dataclasses

import torch

from act_flop import Sizes, act_step_flop, attention, encoder_layer, feed_forward, resnet18
from op_ledger import OpLedger
from understudy.nn.resnet import ResNet
from understudy.nn.transformer import Decoder, Encoder, Shape

SMALL = Sizes(64, 96, batch=2, chunk=5, model=16, feedforward=24)
SHAPE = Shape(width=SMALL.model, heads=2, feedforward=SMALL.feedforward)


def test_the_encoders_count_is_torchs() -> None:
    encoder, tokens = Encoder(2, SHAPE), 2 + SMALL.cells
    x = torch.randn(SMALL.batch, tokens, SMALL.model, requires_grad=True)
    with OpLedger({}) as ledger:
        encoder(x, torch.zeros(1, tokens, SMALL.model)).sum().backward()
    assert ledger.total().flop == 2 * encoder_layer(tokens, SMALL)


def test_the_decoders_count_is_torchs() -> None:
    decoder, tokens = Decoder(1, SHAPE), 2 + SMALL.cells
    memory = torch.randn(SMALL.batch, tokens, SMALL.model, requires_grad=True)
    questions = torch.randn(1, SMALL.chunk, SMALL.model, requires_grad=True)
    with OpLedger({}) as ledger:
        zeros = torch.zeros(SMALL.batch, SMALL.chunk, SMALL.model)
        decoder(zeros, memory, questions, torch.zeros(1, tokens, SMALL.model)).sum().backward()
    assert ledger.total().flop == act_step_flop(SMALL)["decoder"]


def test_the_backbones_count_is_torchs_for_odd_sizes_too() -> None:
    backbone = ResNet("resnet18")
    for height, width in ((64, 96), (70, 33)):
        sizes = dataclasses.replace(SMALL, height=height, width=width)
        with OpLedger({}) as ledger:
            backbone(torch.randn(SMALL.batch, 3, height, width)).sum().backward()
        assert ledger.total().flop == resnet18(sizes)
        backbone.zero_grad()


def test_one_layer_by_pen_and_paper() -> None:
    # 2 robots, 3 queries, 4 keys, width 5: the queries' and the results' projections have 6 rows, the others 8
    forward = 2 * (6 * 5 * 5) * 2 + 2 * (8 * 5 * 5) * 2 + 2 * 2 * (3 * 5 * 4) * 2
    assert attention(2, 3, 4, 5) == 3 * forward
    assert feed_forward(6, dataclasses.replace(SMALL, model=5, feedforward=7)) == 3 * 2 * 2 * 6 * 5 * 7


def test_a_step_at_480x640_takes_seven_times_the_arithmetic_of_one_at_96x96() -> None:
    small, large = (sum(act_step_flop(Sizes(*size)).values()) for size in ((96, 96), (480, 640)))
    assert round(small / 1e9) == 135
    assert round(large / 1e9) == 913
