"""tiny pi0: flow matching from a state to a chunk of actions (Black et al., 2024, at the size of a pendulum).

Training moves each demonstrated chunk part of the way to noise and asks the network where it came from; predicting
starts at noise and follows the answers in a few Euler steps. Each prediction is a draw from what the demonstrator
might do.

    B batch, K draws for each window, S chunk, A action
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import ACTION, STATE, Statistics
from understudy.nn import flow
from understudy.nn.normalize import Normalizer
from understudy.policies.base import Loss, Policy, evaluating
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.policies.tiny_pi0.network import FlowNetwork

if TYPE_CHECKING:
    from understudy.data.spec import Batch


class TinyPi0(Policy):
    """The network with its statistics: takes and gives the dataset's own units."""

    is_stochastic: ClassVar[bool] = True
    config: TinyPi0Config

    def __init__(self, config: TinyPi0Config, statistics: Statistics) -> None:
        super().__init__()
        self.config = config
        self.normalizer = Normalizer(statistics, config.modes())
        self.model = FlowNetwork(config)

    def draws(self, batch: Batch, rng: Rng) -> dict[str, Tensor]:
        """Noise (B, K, S, A) and time (B, K, 1); with `per_action_time` a time for each action, (B, K, S)."""
        size, chunk, action = batch.action.shape
        draws = self.config.draws_per_window
        times = chunk if self.config.per_action_time else 1
        if self.config.noise == "fresh":
            return {
                "noise": flow.draw_noise(rng, (size, draws, chunk, action), self.device),
                "time": flow.draw_times(rng, size, draws, times, self.device),
            }
        if batch.rows is None:
            raise DataError("noise=fixed belongs to windows of a dataset, but this batch does not say which these are")
        noise = flow.noise_of_rows(rng, batch.rows, draws * chunk * action)
        time = flow.times_of_rows(rng, batch.rows, draws * times)
        return {
            "noise": noise.view(size, draws, chunk, action).to(self.device),
            "time": time.view(size, draws, times).to(self.device),
        }

    def loss_given(self, batch: Batch, draws: dict[str, Tensor]) -> Loss:
        """Mean squared error over the actions inside their episode: of the flow, and of the guess where there is one.

        The flow's is that of the predicted chunk or velocity, in deviations of the action. What lies past the end of an
        episode is 0 in the noisy chunk and is not asked for.
        """
        state = self.normalizer.normalize(STATE, self._state(batch.observation))
        actions = self.normalizer.normalize(ACTION, batch.action.to(self.device))
        valid = ~batch.action_is_pad.to(self.device)[..., None]  # (B, S, 1)
        steps = valid.sum() if batch.valid_steps is None else batch.valid_steps
        numbers = (steps * actions.shape[-1]).clamp(min=1)

        token, guess = self.model.read(state)
        flow_loss = self._flow_error(token, self._to_flow(actions, guess) * valid, valid, draws) / numbers
        if guess is None:
            return Loss(flow_loss, {"flow_loss": flow_loss.detach()})
        guess_loss = ((guess - actions).square() * valid).sum() / numbers
        return Loss(flow_loss + guess_loss, {"flow_loss": flow_loss.detach(), "guess_loss": guess_loss.detach()})

    def _flow_error(self, token: Tensor, clean: Tensor, valid: Tensor, draws: dict[str, Tensor]) -> Tensor:
        """Sum of squared errors at the drawn places between noise and `clean` (B, S, A), a window's K averaged."""
        noise, time = draws["noise"], draws["time"]
        data = clean[:, None].expand_as(noise)
        noisy = flow.interpolate(noise, data, time[..., None])
        count = noisy.shape[1]
        tokens = token[:, None].expand(-1, count, -1).flatten(0, 1)
        found = self.model(tokens, noisy.flatten(0, 1), time.flatten(0, 1)).view_as(noisy)
        wanted = data if self.config.prediction == "chunk" else data - noise
        error: Tensor = ((found - wanted).square() * valid[:, None]).sum() / count
        return error * self.config.noise_scale**2

    def _to_flow(self, actions: Tensor, guess: Tensor | None) -> Tensor:
        """Normalised actions on the scale of the flow: from the guess on, in deviations of the noise."""
        return (actions if guess is None else actions - guess.detach()) / self.config.noise_scale

    def _from_flow(self, place: Tensor, guess: Tensor | None) -> Tensor:
        """The inverse of `_to_flow`, for the beginning of a chunk or the whole."""
        actions = place * self.config.noise_scale
        return actions if guess is None else actions + guess[:, : place.shape[1]]

    def _state(self, observation: dict[str, Tensor]) -> Tensor:
        self.check_observation(observation)
        return observation[STATE].to(self.device).float()

    @torch.no_grad()
    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        """(B, chunk_size, action_dim) in the dataset's units: one draw for each state, a function of `rng`."""
        return self._follow(observation, rng, self.config.chunk_size)

    @torch.no_grad()
    def predict_first(self, observation: dict[str, Tensor], steps: int, rng: Rng | None = None) -> Tensor:
        """The first `steps` actions of `predict`. A causal network does not compute the others."""
        held, chunk = self.config.actions_per_token, self.config.chunk_size
        computed = min(math.ceil(steps / held) * held, chunk) if self.config.causal else chunk
        return self._follow(observation, rng, computed)[:, :steps]

    def _follow(self, observation: dict[str, Tensor], rng: Rng | None, steps: int) -> Tensor:
        """The first `steps` actions of a chunk, from noise drawn for the whole of it."""
        with evaluating(self):
            state = self.normalizer.normalize(STATE, self._state(observation))
            shape = (len(state), self.config.chunk_size, self.config.output_features[ACTION].shape[0])
            noise = flow.draw_noise(rng or Rng(0), shape, state.device)[:, :steps]
            token, guess = self.model.read(state)

            def velocity(place: Tensor, time: float) -> Tensor:
                found: Tensor = self.model(token, place, place.new_full((len(place), 1), time))
                return flow.velocity_to(found, place, time) if self.config.prediction == "chunk" else found

            place = flow.integrate(velocity, noise * self.config.temperature, self.config.num_inference_steps)
        return self.normalizer.unnormalize(ACTION, self._from_flow(place, guess))

    def predict_in_bf16(self) -> None:
        raise ConfigError(
            "tiny_pi0 is too small to gain from bf16, and its actions need the digits",
            where="--policy.precision",
            hint="leave it out",
        )

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"name": "network", "params": list(self.parameters())}]
