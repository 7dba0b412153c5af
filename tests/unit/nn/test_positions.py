"""Position tables: their values, and that they are made once."""

from __future__ import annotations

import math

import torch

from understudy.nn.positions import GridPositions, grid_table, sequence_table


def test_the_first_row_of_a_sequence_is_sine_and_cosine_of_zero() -> None:
    table = sequence_table(3, 6)
    assert table[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert table.dtype == torch.float32
    torch.testing.assert_close(table[2, :2], torch.tensor([math.sin(2), math.cos(2)]))
    torch.testing.assert_close(
        table[2, 2:4], torch.tensor([math.sin(2 / 10000 ** (2 / 6)), math.cos(2 / 10000 ** (2 / 6))])
    )


def test_the_first_half_of_a_grid_tells_the_row_and_the_second_the_column() -> None:
    table = grid_table(2, 3, 8).view(2, 3, 8)
    assert torch.equal(table[0, 0, :4], table[0, 2, :4])
    assert torch.equal(table[0, 1, 4:], table[1, 1, 4:])
    assert not torch.equal(table[0, 0, :4], table[1, 0, :4])
    assert not torch.equal(table[0, 0, 4:], table[0, 1, 4:])


def test_a_grid_is_made_once_per_size_and_kept_out_of_the_state_dict() -> None:
    positions = GridPositions(8)
    feature_map = torch.zeros(2, 8, 2, 3)
    first, again = positions(feature_map), positions(feature_map)
    assert first.shape == (1, 6, 8)
    assert first.data_ptr() == again.data_ptr()
    assert positions(torch.zeros(2, 8, 3, 3)).shape == (1, 9, 8)
    assert not positions.state_dict()
    assert positions(feature_map.bfloat16()).dtype == torch.bfloat16


def test_a_grid_first_needed_while_predicting_serves_training_too() -> None:
    positions = GridPositions(8)
    with torch.inference_mode():
        positions(torch.zeros(1, 8, 2, 2))
    x = torch.zeros(1, 8, 2, 2, requires_grad=True)
    (x.flatten(2).transpose(1, 2) * positions(x)).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
