"""Every draw is a function of (seed, step, purpose), equal on every machine."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.core.rng import Rng, derive


@pytest.mark.parametrize(
    ("arguments", "value"),
    # recorded once; a change would make every stored run repeat differently
    [((1000, 0, "dropout"), 2780621122761743238), ((0, 7, "order"), 2528047691576537596)],
)
def test_seeds_are_the_same_for_ever(arguments: tuple[int, int, str], value: int) -> None:
    assert derive(*arguments) == value


def test_seed_step_and_purpose_each_change_the_draw() -> None:
    base = (1000, 5, "latent")
    others = [(1001, 5, "latent"), (1000, 6, "latent"), (1000, 5, "dropout"), (10005, 0, "latent"), (100, 5, "latent")]
    assert derive(*base) not in {derive(*other) for other in others}
    assert all(0 <= derive(*other) < 2**63 for other in others)


def test_numbers_repeat_for_a_step_and_differ_between_steps() -> None:
    rng = Rng(seed=3)
    assert rng.at(4).numpy("x").random() == Rng(3, 4).numpy("x").random()
    assert rng.at(4).numpy("x").random() != rng.at(5).numpy("x").random()
    first = torch.randn(4, generator=rng.at(4).torch("x"))
    assert torch.equal(first, torch.randn(4, generator=rng.at(4).torch("x")))
    assert not torch.equal(first, torch.randn(4, generator=rng.at(4).torch("y")))


def test_seeding_torch_makes_dropout_repeat() -> None:
    layer, ones = torch.nn.Dropout(0.5), torch.ones(64)
    masks = []
    for _ in range(2):
        Rng(1, 2).seed_torch("dropout")
        masks.append(layer(ones))
    assert torch.equal(*masks)


def test_torchs_numbers_are_those_that_manual_seed_would_give() -> None:
    Rng(3, 5).seed_torch("dropout")
    ours = torch.rand(4)
    torch.manual_seed(derive(3, 5, "dropout"))
    assert torch.equal(ours, torch.rand(4))


def test_ranks_share_one_draw_for_the_samples_and_have_masks_of_their_own() -> None:
    for draw in (Rng.normal, Rng.uniform):
        whole = draw(Rng(1, 2), "latent", (6, 3))
        parts = [draw(Rng(1, 2, rank, 3), "latent", (2, 3)) for rank in range(3)]
        assert torch.equal(torch.cat(parts), whole)
    assert Rng(1, 2, 1, 3).at(5) == Rng(1, 5, 1, 3)
    masks = []
    for rank in range(3):
        Rng(1, 2, rank, 3).seed_torch("dropout")
        masks.append(torch.rand(8))
    Rng(1, 2).seed_torch("dropout")
    assert torch.equal(masks[0], torch.rand(8))
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[1], masks[2])


def test_numbers_of_a_row_are_its_own_whatever_the_step_and_the_rows_beside_it() -> None:
    drawn = Rng(5, 3).uniform_of_rows("noise", np.array([8, 1, 8]), 4)
    assert drawn.shape == (3, 4)
    assert np.array_equal(drawn[0], drawn[2])
    assert np.array_equal(drawn[1:2], Rng(5).uniform_of_rows("noise", np.array([1]), 4))
    assert len(np.unique(drawn[:2])) == 8
    assert not np.isin(drawn, Rng(5).uniform_of_rows("time", np.array([8, 1]), 4)).any()
    assert not np.isin(drawn, Rng(6).uniform_of_rows("noise", np.array([8, 1]), 4)).any()


def test_numbers_of_rows_are_uniform_and_the_same_for_ever() -> None:
    drawn = Rng(0).uniform_of_rows("noise", np.arange(20_000), 2)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.abs(np.histogram(drawn, 20, (0, 1))[0] / drawn.size - 0.05).max() < 0.005
    # recorded once; a change would give every window of a stored run another noise
    assert drawn[3].tolist() == pytest.approx([0.25858314666295223, 0.9442039380369117], abs=1e-15)
