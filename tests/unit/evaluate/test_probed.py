from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.evaluate.probed import Probed
from understudy.policies.action_error import ActionError


def probed(**errors: float) -> Probed:
    """Errors of two joints over ten windows of one step; the intact error is 1 unless it is given."""

    def of(size: float) -> ActionError:
        return ActionError(torch.full((1, 2), 10 * size, dtype=torch.float64), torch.full((1,), 10.0))

    return Probed({name: of(size) for name, size in {"intact": 1.0, **errors}.items()}, np.array([0.5, 2.0]), 10)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (0.97, "error falls 3 %: it is not looking"),
        (1.004, "error stays the same: it is not looking"),
        (1.049, "error rises 5 %: it is not looking"),
        (1.051, "error rises 5 %: it hardly looks"),
        (1.21, "error rises 21 %: it looks"),
        (3.14, "error 3.1 times as large: it depends on them"),
    ],
)
def test_the_words_follow_from_the_ratio(ratio: float, words: str) -> None:
    assert probed(cameras_shuffled=ratio).finding("cameras_shuffled") == words


def test_errors_are_compared_in_standard_deviations_where_they_are_known() -> None:
    found = probed(state_blank=1.5)
    assert found.error() == pytest.approx((1 / 0.5 + 1 / 2.0) / 2)
    assert found.ratio("state_blank") == pytest.approx(1.5)
    plain = Probed(found.errors, None, 10)
    assert plain.error() == pytest.approx(1)
    assert plain.to_json(["a", "b"])["state_blank"]["action_error"] is None


def test_a_policy_that_minds_blank_pictures_alone_is_not_said_to_look() -> None:
    said = probed(cameras_blank=1.9, cameras_shuffled=1.01).verdict()
    assert said[0] == "cameras shuffled: error rises 1 %: it is not looking"
    assert "blank pictures confuse it" in said[1]
    assert len(probed(cameras_blank=1.9, cameras_shuffled=1.5).verdict()) == 1


def test_the_state_is_spoken_of_where_it_decides_or_does_not_count() -> None:
    def about_state(ratio: float) -> bool:
        found = probed(cameras_blank=1.3, cameras_shuffled=1.3, state_shuffled=ratio)
        return any(sentence.startswith("state shuffled") for sentence in found.verdict())

    assert [about_state(ratio) for ratio in (1.0, 1.5, 2.5)] == [True, False, True]
    assert probed(state_shuffled=1.5).verdict() == ["state shuffled: error rises 50 %: it uses it"]


def test_a_perfect_policy_is_compared_without_dividing_by_zero() -> None:
    found = probed(intact=0.0, cameras_shuffled=0.5, state_shuffled=0.0)
    assert found.finding("cameras_shuffled").startswith("error over 1,000 times as large")
    assert found.finding("state_shuffled") == "error stays the same: it does not use it"
