"""Flow matching: the straight line, its velocity, and draws that belong to a step or to a row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from understudy.core.rng import Rng
from understudy.nn import flow


def test_the_line_begins_at_the_noise_and_ends_at_the_data() -> None:
    noise, data = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(flow.interpolate(noise, data, torch.zeros(2, 1)), noise)
    assert torch.equal(flow.interpolate(noise, data, torch.ones(2, 1)), data)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_the_velocity_to_the_data_leads_to_the_data_in_any_number_of_steps(steps: int) -> None:
    noise, data = torch.randn(4, 5), torch.randn(4, 5)
    end = flow.integrate(lambda place, time: flow.velocity_to(data, place, time), noise, steps)
    assert_close(end, data)


def test_the_velocity_to_the_data_is_the_direction_of_the_line_everywhere() -> None:
    noise, data = torch.randn(4, 5), torch.randn(4, 5)
    place = flow.interpolate(noise, data, torch.tensor(0.7))
    assert_close(flow.velocity_to(data, place, 0.7), data - noise, rtol=1e-4, atol=1e-5)


def test_integration_asks_at_the_beginning_of_each_step() -> None:
    asked: list[float] = []

    def velocity(place: torch.Tensor, time: float) -> torch.Tensor:
        asked.append(time)
        return torch.full_like(place, 2 * time)

    end = flow.integrate(velocity, torch.zeros(1), 4)
    assert asked == [0.0, 0.25, 0.5, 0.75]
    assert float(end) == pytest.approx(0.75)  # Euler's sum of 2 t, where the integral is 1


def test_noise_is_normal_and_clipped_and_another_in_each_step() -> None:
    noise = flow.draw_noise(Rng(1, 5), (4000, 2, 3), "cpu")
    assert float(noise.abs().max()) == flow.NOISE_LIMIT
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert torch.equal(noise, flow.draw_noise(Rng(1, 5), (4000, 2, 3), "cpu"))
    assert not torch.equal(noise, flow.draw_noise(Rng(1, 6), (4000, 2, 3), "cpu"))


def test_the_times_of_a_window_lie_in_equal_parts_and_are_uniform_together() -> None:
    times = flow.draw_times(Rng(0), 2000, 4, 1, "cpu")
    assert times.shape == (2000, 4, 1)
    assert torch.equal((times[..., 0] * 4).floor(), torch.arange(4.0).expand(2000, 4))
    shares = torch.histc(times, 20, 0, 1) / times.numel()
    assert float((shares - 0.05).abs().max()) < 0.01


def test_each_action_may_have_a_time_of_its_own() -> None:
    times = flow.draw_times(Rng(0), 5, 1, 7, "cpu")
    assert len(times.unique()) == 35


def test_noise_and_times_of_a_row_do_not_depend_on_the_step_or_on_other_rows() -> None:
    together = flow.noise_of_rows(Rng(3, 8), np.array([7, 2, 90_000]), 6)
    alone = flow.noise_of_rows(Rng(3, 1), np.array([2]), 6)
    assert torch.equal(together[1:2], alone)
    assert torch.equal(
        flow.times_of_rows(Rng(3, 8), np.array([7, 2]), 4)[1:], flow.times_of_rows(Rng(3), np.array([2]), 4)
    )
    assert not torch.equal(alone, flow.noise_of_rows(Rng(4, 1), np.array([2]), 6))


def test_noise_of_rows_is_normal_and_unrelated_between_rows_and_places() -> None:
    noise = flow.noise_of_rows(Rng(0), np.arange(5000), 8).double()
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert float(noise.abs().max()) <= flow.NOISE_LIMIT
    between_places = torch.corrcoef(noise.T) - torch.eye(8)
    between_rows = torch.corrcoef(torch.stack([noise[:-1].flatten(), noise[1:].flatten()]))[0, 1]
    assert float(between_places.abs().max()) < 0.06
    assert abs(float(between_rows)) < 0.02
