from __future__ import annotations

import pytest
import torch

from understudy.policies.action_error import ActionError, action_error, in_deviations


def test_errors_are_means_over_windows_by_step_and_joint() -> None:
    actual = torch.zeros(2, 3, 2)
    predicted = torch.tensor([[[1.0, -2.0]] * 3, [[3.0, 2.0]] * 3])
    error = action_error(predicted, actual, torch.zeros(2, 3, dtype=torch.bool))
    assert error.per_joint().tolist() == [2.0, 2.0]
    assert error.per_step().tolist() == [[2.0, 2.0]] * 3


def test_padded_entries_count_neither_as_error_nor_as_entry() -> None:
    actual = torch.zeros(2, 2, 1)
    predicted = torch.tensor([[[1.0], [100.0]], [[3.0], [5.0]]])
    is_pad = torch.tensor([[False, True], [False, False]])
    error = action_error(predicted, actual, is_pad)
    assert error.per_step().flatten().tolist() == [2.0, 5.0]
    assert error.per_joint().tolist() == [3.0]


def test_a_padded_entry_that_is_not_finite_does_no_harm() -> None:
    predicted = torch.tensor([[[1.0], [float("nan")]]])
    error = action_error(predicted, torch.zeros(1, 2, 1), torch.tensor([[False, True]]))
    assert error.per_joint().tolist() == [1.0]


def test_adding_batches_gives_the_error_of_all_windows_together() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, actual = torch.randn(7, 5, 3, generator=generator), torch.randn(7, 5, 3, generator=generator)
    is_pad = torch.rand(7, 5, generator=generator) < 0.3
    parts = action_error(predicted[:3], actual[:3], is_pad[:3]) + action_error(predicted[3:], actual[3:], is_pad[3:])
    torch.testing.assert_close(parts.per_step(), action_error(predicted, actual, is_pad).per_step())


def test_a_step_that_no_window_reaches_has_no_error() -> None:
    error = action_error(torch.ones(1, 2, 1), torch.zeros(1, 2, 1), torch.tensor([[False, True]]))
    assert torch.isnan(error.per_step()[1]).all()


def error_of(per_joint: list[float]) -> ActionError:
    return action_error(torch.tensor([[per_joint]]), torch.zeros(1, 1, len(per_joint)), torch.zeros(1, 1).bool())


def test_joints_of_different_units_are_compared_in_standard_deviations() -> None:
    assert in_deviations(error_of([2.0, 0.5]), torch.tensor([4.0, 1.0])) == pytest.approx(0.5)


def test_a_joint_that_hardly_moves_does_not_count() -> None:
    assert in_deviations(error_of([2.0, 0.5]), torch.tensor([4.0, 1e-4])) == pytest.approx(0.5)
