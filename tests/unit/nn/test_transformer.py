"""Attention and layers against torch's own modules, which have the same names."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from understudy.nn.transformer import Attention, Decoder, Encoder, Shape, xavier_uniform_matrices

SHAPE = Shape(width=16, heads=4, feedforward=24, dropout=0.0)


def test_attention_equals_torchs_with_the_same_weights_and_mask() -> None:
    torch.manual_seed(0)
    ours, torchs = Attention(SHAPE), nn.MultiheadAttention(16, 4, batch_first=True)
    torchs.load_state_dict(ours.state_dict())
    query, key, value = torch.randn(2, 3, 16), torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    ignore = torch.tensor([[False] * 5, [False, False, True, True, False]])
    expected, _ = torchs(query, key, value, key_padding_mask=ignore)
    torch.testing.assert_close(ours(query, key, value, ignore), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_the_last_norm_of_an_encoder_is_there_only_when_norms_come_first(pre_norm: bool) -> None:
    names = Encoder(1, Shape(16, 4, 24, pre_norm=pre_norm)).state_dict()
    assert ("norm.weight" in names) == pre_norm
    assert "norm.weight" in Decoder(1, Shape(16, 4, 24, pre_norm=pre_norm)).state_dict()


@pytest.mark.parametrize("pre_norm", [False, True])
def test_an_encoder_layer_equals_torchs_without_positions(pre_norm: bool) -> None:
    torch.manual_seed(0)
    ours = Encoder(2, Shape(16, 4, 24, dropout=0.0, activation="gelu", pre_norm=pre_norm))
    x = torch.randn(2, 5, 16)
    expected = x
    for layer in ours.layers:
        torchs = nn.TransformerEncoderLayer(16, 4, 24, 0.0, "gelu", batch_first=True, norm_first=pre_norm)
        torchs.load_state_dict(layer.state_dict())
        expected = torchs(expected)
    expected = ours.norm(expected)
    torch.testing.assert_close(ours(x, torch.zeros(1, 5, 16)), expected, rtol=1e-5, atol=1e-5)


def test_positions_reach_queries_and_keys_in_every_layer_and_never_the_values() -> None:
    torch.manual_seed(0)
    attention = Attention(SHAPE)
    seen: list[tuple[torch.Tensor, ...]] = []
    attention.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    encoder = Encoder(2, SHAPE)
    for layer in encoder.layers:
        layer.self_attn = attention
    x, positions = torch.randn(1, 3, 16), torch.randn(1, 3, 16)
    encoder(x, positions)
    assert len(seen) == 2
    for query, key, value, ignore in seen:
        torch.testing.assert_close(query - value, positions)
        assert torch.equal(query, key)
        assert ignore is None


def test_an_ignored_token_changes_nothing() -> None:
    torch.manual_seed(0)
    encoder = Encoder(2, SHAPE)
    x, positions = torch.randn(1, 4, 16), torch.randn(1, 4, 16)
    ignore = torch.tensor([[False, False, True, False]])
    other = x.clone()
    other[:, 2] += 10
    kept = [0, 1, 3]
    torch.testing.assert_close(encoder(x, positions, ignore)[:, kept], encoder(other, positions, ignore)[:, kept])


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    encoder = Encoder(1, Shape(16, 4, 24, dropout=0.5))
    x, positions = torch.randn(1, 4, 16), torch.zeros(1, 4, 16)
    assert not torch.equal(encoder(x, positions), encoder(x, positions))
    encoder.eval()
    assert torch.equal(encoder(x, positions), encoder(x, positions))


def test_matrices_get_glorots_bound_and_vectors_stay() -> None:
    decoder = Decoder(1, SHAPE)
    xavier_uniform_matrices(decoder)
    packed = decoder.layers[0].self_attn.in_proj_weight.detach()
    assert float(packed.abs().max()) <= (6 / (16 + 48)) ** 0.5
    assert float(packed.abs().max()) > 0.9 * (6 / (16 + 48)) ** 0.5
    assert torch.equal(decoder.norm.weight.detach(), torch.ones(16))
