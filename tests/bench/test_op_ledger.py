"""The arithmetic that the ledger writes down is the arithmetic that pen and paper find, and it knows whose it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from op_ledger import OPTIMISER, REST, OpLedger
from understudy.nn.resnet import BasicBlock
from understudy.nn.transformer import Decoder, Encoder, Shape

BATCH, TOKENS, QUERIES, WIDTH, HIDDEN, HEADS = 3, 7, 5, 16, 24, 2
SHAPE = Shape(width=WIDTH, heads=HEADS, feedforward=HIDDEN, dropout=0.1)


def linear_flop(rows: int, inputs: int, outputs: int) -> int:
    """Forward, gradient of the input, gradient of the weight: three products of the same size."""
    return 3 * 2 * rows * inputs * outputs


def attention_flop(queries: int, keys: int) -> int:
    """Scores and mixing forward, and for each of them two products backward."""
    return BATCH * 3 * 2 * (2 * queries * keys * WIDTH)


def layer_flop(queries: int, keys: int) -> int:
    """Attention of `queries` to `keys` with its four projections."""
    projections = 2 * linear_flop(BATCH * queries, WIDTH, WIDTH) + 2 * linear_flop(BATCH * keys, WIDTH, WIDTH)
    return projections + attention_flop(queries, keys)


def feed_forward_flop(rows: int) -> int:
    return linear_flop(rows, WIDTH, HIDDEN) + linear_flop(rows, HIDDEN, WIDTH)


def inputs(tokens: int) -> Tensor:
    return torch.randn(BATCH, tokens, WIDTH, requires_grad=True)


def test_an_encoder_costs_what_its_products_cost() -> None:
    encoder = Encoder(2, SHAPE).train()
    with OpLedger({encoder: "encoder"}) as ledger:
        encoder(inputs(TOKENS), torch.zeros(1, TOKENS, WIDTH)).sum().backward()
    expected = 2 * (layer_flop(TOKENS, TOKENS) + feed_forward_flop(BATCH * TOKENS))
    assert ledger.total("encoder").flop == ledger.total().flop == expected


def test_a_decoder_adds_attention_to_the_memory() -> None:
    decoder = Decoder(1, SHAPE).train()
    x, memory = inputs(QUERIES), inputs(TOKENS)
    with OpLedger({decoder: "decoder"}) as ledger:
        decoder(x, memory, torch.zeros(1, QUERIES, WIDTH), torch.zeros(1, TOKENS, WIDTH)).sum().backward()
    layers = layer_flop(QUERIES, QUERIES) + layer_flop(QUERIES, TOKENS) + feed_forward_flop(BATCH * QUERIES)
    assert ledger.total("decoder").flop == layers


def test_a_convolution_counts_forward_and_both_gradients() -> None:
    block = BasicBlock(4, 4, 1, 1, None)
    with OpLedger({block: "backbone"}) as ledger:
        block(torch.randn(2, 4, 6, 8, requires_grad=True)).sum().backward()
    one = 2 * (2 * 6 * 8) * 4 * 4 * 9
    assert ledger.total("backbone", "convolutions").flop == 2 * 3 * one


def test_every_part_of_a_step_has_an_owner_forward_and_backward() -> None:
    first, second = nn.Linear(4, 8), nn.Linear(8, 2)
    optimizer = torch.optim.AdamW([*first.parameters(), *second.parameters()])
    with OpLedger({first: "first", second: "second"}) as ledger:
        (second(first(torch.randn(5, 4)).relu()) ** 2).mean().backward()
        optimizer.step()
    assert ledger.total("first").flop == 2 * 2 * 5 * 4 * 8  # nobody asks for the gradient of the input
    assert ledger.total("second").flop == linear_flop(5, 8, 2)
    assert ledger.total(REST).calls > 0
    assert ledger.total(OPTIMISER).bytes >= 7 * 4 * (4 * 8 + 8 + 8 * 2 + 2)
    assert ledger.total(OPTIMISER).flop == 0


def test_what_is_drawn_for_dropout_is_counted() -> None:
    dropout = nn.Dropout(0.5).train()
    with OpLedger({dropout: "dropout"}) as ledger:
        dropout(torch.ones(6, 7))
    assert ledger.total("dropout", "dropout masks").drawn == 42


def test_masks_cut_from_words_are_known_by_their_integers() -> None:
    with OpLedger({}) as ledger:
        torch.empty(5, dtype=torch.int64).random_().view(torch.int16).bitwise_and_(1)
    masks = ledger.total(kind="dropout masks")
    assert (masks.words, masks.drawn) == (5, 0)
    assert masks.calls >= 3


def test_looking_at_memory_in_another_way_moves_no_bytes() -> None:
    with OpLedger({}) as ledger:
        x = torch.ones(8, 8)
        before = ledger.total().bytes
        x.view(64).unsqueeze(0).transpose(0, 1)
    assert ledger.total().bytes == before > 0
