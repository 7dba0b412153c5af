"""The decoder of tokens: no place sees a later one, kept keys change nothing, and torch's own modules agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from understudy.nn.token_decoder import CausalAttention, OneTokenAttention, TokenDecoder
from understudy.nn.transformer import Shape


def decoder(*, has_memory: bool, **more: Any) -> TokenDecoder:
    torch.manual_seed(0)
    shape = Shape(width=8, heads=2, feedforward=12, activation="gelu", **{"dropout": 0.0, **more})
    return TokenDecoder(2, shape, has_memory=has_memory)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    hidden = torch.zeros(3, 5, dtype=torch.bool)
    hidden[1, 3:] = True
    return torch.randn(3, 5, 8), torch.randn(3, 1, 8), hidden


@pytest.mark.parametrize("pre_norm", [False, True])
def test_with_a_memory_it_is_torchs_decoder(pre_norm: bool) -> None:
    ours = decoder(has_memory=True, pre_norm=pre_norm)
    layer = nn.TransformerDecoderLayer(8, 2, 12, 0.0, activation="gelu", batch_first=True, norm_first=pre_norm)
    theirs = nn.TransformerDecoder(layer, 2, nn.LayerNorm(8) if pre_norm else None)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x, memory, hidden = inputs()
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected = theirs(x, memory, tgt_mask=later, tgt_key_padding_mask=hidden)
    assert_close(ours(x, memory, hidden)[~hidden], expected[~hidden], rtol=0, atol=1e-5)


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("has_memory", [False, True])
def test_place_by_place_with_kept_keys_gives_what_all_at_once_gives(pre_norm: bool, has_memory: bool) -> None:
    net = decoder(has_memory=has_memory, pre_norm=pre_norm)
    x, memory, _ = inputs()
    seen = memory if has_memory else None
    past = net.nothing_yet()
    parts = [net(x[:, :2], seen, past=past), *(net(x[:, i : i + 1], seen, past=past) for i in range(2, 5))]
    assert_close(torch.cat(parts, 1), net(x, seen), rtol=0, atol=1e-6)


def test_no_place_sees_a_later_or_a_hidden_one() -> None:
    net = decoder(has_memory=False)
    x, _, hidden = inputs()
    changed = x.clone()
    changed[:, 3:] += 1
    assert_close(net(changed)[:, :3], net(x)[:, :3])
    assert not torch.equal(net(changed)[:, 3:], net(x)[:, 3:])
    changed = torch.where(hidden[..., None], x + 1, x)
    assert_close(net(changed, hidden=hidden)[~hidden], net(x, hidden=hidden)[~hidden])


def test_query_and_key_of_the_attention_to_one_token_are_dead() -> None:
    attention = OneTokenAttention(Shape(8, 2, 12, dropout=0.0))
    x, memory, _ = inputs()
    attention(x, memory).square().sum().backward()
    gradient = attention.in_proj_weight.grad
    assert gradient is not None
    assert (gradient[:16] == 0).all()
    assert (gradient[16:] != 0).any()


def test_dropout_is_drawn_for_weights_while_training_only() -> None:
    attention = CausalAttention(Shape(8, 2, 12, dropout=0.5))
    x, _, _ = inputs()
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


def test_many_networks_can_be_computed_as_one() -> None:
    nets = [decoder(has_memory=True) for _ in range(2)]
    with torch.no_grad():
        for parameter in nets[1].parameters():
            parameter.add_(0.1)
    parameters, buffers = torch.func.stack_module_state(nets)  # type: ignore[arg-type]
    x, memory, hidden = inputs()

    def one(weights: dict[str, Tensor], kept: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(nets[0], (weights, kept), (x, memory, hidden))

    both = torch.func.vmap(one)(parameters, buffers)
    for net, found in zip(nets, both, strict=True):
        assert_close(found, net(x, memory, hidden), rtol=0, atol=1e-6)
