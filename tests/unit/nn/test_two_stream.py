"""Reader and expert: what is read in parts is what is read at once, and nothing sees what it must not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from understudy.nn.two_stream import Expert, Memory, Reader, StreamShape, attended, rotated

SHAPE = StreamShape(width=16, mlp=24, heads=4, kv_heads=2, head=8, layers=3)
SMALL = StreamShape(width=12, mlp=20, heads=4, kv_heads=2, head=8, layers=3)


def reader() -> Reader:
    torch.manual_seed(0)
    return Reader(SHAPE, vocabulary=10)


def expert(crosses: list[bool], layers: int = 3) -> Expert:
    torch.manual_seed(1)
    shape = StreamShape(SMALL.width, SMALL.mlp, SMALL.heads, SMALL.kv_heads, SMALL.head, layers)
    return Expert(shape, crosses, memory_layers=3)


def tokens(count: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(2, count, width, generator=torch.Generator().manual_seed(seed))


def there(count: int) -> Tensor:
    return torch.ones(2, count, dtype=torch.bool)


def same(a: Memory, b: Memory) -> None:
    for ours, theirs in zip([*a.keys, *a.values], [*b.keys, *b.values], strict=True):
        assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_padding_changes_nothing_that_is_read_later() -> None:
    read, words, state = reader(), tokens(4, 16), tokens(1, 16, seed=1)
    short = read(state, there(1), read(words, there(4)))
    padded = torch.cat([words, tokens(3, 16, seed=2)], 1)
    valid = torch.cat([there(4), ~there(3)], 1)
    same(short, read(state, there(1), read(padded, valid)))


def test_a_memory_in_one_tensor_is_the_same_memory() -> None:
    valid = there(5)
    valid[0, 3:] = False
    memory = reader()(tokens(5, 16), valid)
    packed = memory.packed()
    assert packed.shape == (2, 5, 3 * 2 * 2 * 8 + 1)
    again = Memory.unpacked(packed, kv_heads=2, head=8)
    same(again, memory)
    assert torch.equal(again.valid, valid)


def test_a_token_read_later_does_not_change_what_was_read_before() -> None:
    read, words = reader(), tokens(4, 16)
    before = read(words, there(4))
    whole = before.then(read(tokens(1, 16, seed=1), there(1), before))
    same(Memory([k[:, :4] for k in whole.keys], [v[:, :4] for v in whole.values], there(4)), before)
    assert whole.length.tolist() == [5, 5]


def test_actions_see_no_later_ones_through_a_causal_mask() -> None:
    drawn, memory = expert([False, True, False]), reader()(tokens(4, 16), there(4))
    causal = there(5)[0].expand(5, 5).tril()
    x, changed = tokens(5, 12), tokens(5, 12)
    changed[:, 3:] += 1
    a, b = drawn(x, drawn.look_at(memory), causal), drawn(changed, drawn.look_at(memory), causal)
    assert_close(a[:, :3], b[:, :3], rtol=0, atol=1e-6)
    assert (a[:, 3:] - b[:, 3:]).abs().max() > 1e-3


def test_layers_that_all_cross_see_none_of_their_own_tokens() -> None:
    drawn, memory = expert([True] * 3), reader()(tokens(4, 16), there(4))
    x, changed = tokens(5, 12), tokens(5, 12)
    changed[:, 0] += 1
    everything = there(5)[0].expand(5, 5)
    a, b = drawn(x, drawn.look_at(memory), everything), drawn(changed, drawn.look_at(memory), everything)
    assert_close(a[:, 1:], b[:, 1:], rtol=0, atol=1e-6)


def test_an_expert_of_fewer_layers_looks_at_every_so_manieth_layer() -> None:
    memory = reader()(tokens(4, 16), there(4))
    seen = expert([False], layers=1).look_at(memory)
    assert len(seen.keys) == 1
    assert seen.keys[0] is memory.keys[0]


def test_rotation_tells_distances_alone() -> None:
    x, y = tokens(1, 8)[:, :, None], tokens(1, 8, seed=3)[:, :, None]

    def product(first: int, second: int) -> Tensor:
        return (rotated(x, torch.tensor([first])) * rotated(y, torch.tensor([second]))).sum(-1)

    assert_close(product(2, 5), product(10, 13))
    assert (product(2, 5) - product(2, 6)).abs().max() > 1e-3


def test_query_heads_share_keys_in_groups() -> None:
    queries = torch.zeros(1, 1, 4, 2)
    keys, values = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    values[:, :, 1] = 1.0
    mixed = attended(queries, keys, values, torch.ones(1, 1, 3, dtype=torch.bool))
    assert mixed.flatten().tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def looked(dtype: torch.dtype, steps: int, attend: Callable[..., Tensor]) -> list[Tensor]:
    """What `steps` tokens see through a mask with holes, and the gradients of queries, keys and values."""
    rng = torch.Generator().manual_seed(0)
    shapes = ((2, steps, 6, 4), (2, 7, 2, 4), (2, 7, 2, 4))
    given = [torch.randn(shape, generator=rng).to(dtype).requires_grad_() for shape in shapes]
    seen = torch.rand(2, steps, 7, generator=rng) > 0.3
    seen[..., 0] = True
    out = attend(*given, seen)
    assert out.dtype is dtype
    weights = torch.randn(out.shape, generator=rng)
    return [out.detach(), *torch.autograd.grad((out.float() * weights).sum(), given)]


def repeated(queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
    """The same, spelled out: each key stands once for every query head that shares it, in float32."""
    keys, values = (x.float().repeat_interleave(3, 2) for x in (keys, values))
    scores = torch.einsum("bthd,bshd->bhts", queries.float(), keys) / 2
    shares = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
    return torch.einsum("bhts,bshd->bthd", shares, values).flatten(2).to(queries.dtype)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_attention_with_shared_keys_is_that_with_the_keys_repeated(
    dtype: torch.dtype, tolerance: float, steps: int
) -> None:
    for ours, plain in zip(looked(dtype, steps, attended), looked(dtype, steps, repeated), strict=True):
        assert_close(ours, plain, rtol=tolerance, atol=tolerance)
