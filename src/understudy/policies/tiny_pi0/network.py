"""The network of tiny pi0: the state's token, then the tokens of a noisy chunk, through one small transformer.

    h_0     = S(state) + P[0]
    h_{1+i} = A(x_i) + T(t_i) + P[1+i]          i = 0 .. tokens - 1, each holding `actions_per_token` actions
    out_i   = F(transformer(h)_{1+i})           the velocity or the clean chunk, see `prediction`

With the preset `original` its parameters and arithmetic are those of the study's weight files, torch's names included.
Ours reads the state with a larger network of its own, which also guesses the chunk; the flow is one of what is left to
say. The guess costs nothing while the flow is followed: the state is read once for all steps.

    B batch, S chunk, A action, N state, D width, T tokens of a chunk
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.data.spec import ACTION, STATE
from understudy.nn.transformer import xavier_uniform_matrices
from understudy.policies.tiny_pi0.config import TinyPi0Config

# shortest and longest period of the time's sines, in parts of the way from noise to data
_PERIODS = (0.05, 4.0)
_SINES = 16


class SineTime(nn.Module):
    """Time 0..1 as sines and cosines of many periods, through two layers: (..., 1) -> (..., D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        periods = torch.logspace(math.log10(_PERIODS[0]), math.log10(_PERIODS[1]), _SINES)
        self.frequencies: Tensor
        self.register_buffer("frequencies", 2 * math.pi / periods, persistent=False)
        self.linear1 = nn.Linear(2 * _SINES, width)
        self.linear2 = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        angle = time * self.frequencies
        return self.linear2(F.silu(self.linear1(torch.cat([angle.sin(), angle.cos()], -1))))  # type: ignore[no-any-return]


class StateReader(nn.Module):
    """Hidden layers over the state (B, N): its token (B, D), and a guess of the whole chunk (B, S * A)."""

    def __init__(self, config: TinyPi0Config, state: int, action: int) -> None:
        super().__init__()
        widths = [state, *[config.dim_state] * config.n_state_layers]
        self.layers = nn.ModuleList(nn.Linear(n, m) for n, m in itertools.pairwise(widths))
        self.token = nn.Linear(config.dim_state, config.dim_model)
        self.guess = nn.Linear(config.dim_state, config.chunk_size * action)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            state = F.gelu(layer(state))
        return self.token(state), self.guess(state)


class FlowNetwork(nn.Module):
    """What follows from a state and a noisy chunk, on normalised numbers."""

    def __init__(self, config: TinyPi0Config) -> None:
        super().__init__()
        self.config = config
        state, action = config.input_features[STATE].shape[0], config.output_features[ACTION].shape[0]
        width, held = config.dim_model, config.actions_per_token * action
        self.state_embedding = StateReader(config, state, action) if config.n_state_layers else nn.Linear(state, width)
        self.action_embedding = nn.Linear(held, width)
        self.time_embedding = nn.Linear(1, width) if config.time_embedding == "linear" else SineTime(width)
        self.position_embedding = nn.Embedding(1 + config.tokens, width)
        layer = nn.TransformerEncoderLayer(
            width,
            config.n_heads,
            config.dim_feedforward,
            config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=config.pre_norm,
        )
        norm = nn.LayerNorm(width) if config.pre_norm else None
        self.transformer = nn.TransformerEncoder(layer, config.n_layers, norm, enable_nested_tensor=False)
        self.flow_output = nn.Linear(width, held)
        if config.initialization == "xavier":
            xavier_uniform_matrices(self)
        else:
            nn.init.zeros_(self.flow_output.weight)
            nn.init.zeros_(self.flow_output.bias)

    def read(self, state: Tensor) -> tuple[Tensor, Tensor | None]:
        """State (B, N) -> its token (B, D) and, with hidden layers, a guess of the chunk (B, S, A)."""
        if not self.config.n_state_layers:
            return self.state_embedding(state), None
        token, guess = self.state_embedding(state)
        return token, guess.unflatten(-1, (self.config.chunk_size, -1))

    def forward(self, token: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """token (B, D) of the state, noisy (B, S, A), time (B, 1 or S) -> (B, S, A).

        With `causal`, S may be the beginning of a chunk, and what comes out is the beginning of what the whole gives.
        """
        size, steps, actions = noisy.shape
        tokens = steps // self.config.actions_per_token
        moved = self.action_embedding(noisy.reshape(size, tokens, -1)) + self.time_embedding(time[..., None])
        sequence = torch.cat([token[:, None], moved], dim=1) + self.position_embedding.weight[: 1 + tokens]
        mixed = self.transformer(sequence, mask=self._mask(1 + tokens, noisy), is_causal=self.config.causal)
        return self.flow_output(mixed[:, 1:]).reshape(size, steps, actions)  # type: ignore[no-any-return]

    def _mask(self, tokens: int, like: Tensor) -> Tensor | None:
        if not self.config.causal:
            return None
        return torch.full((tokens, tokens), -math.inf, device=like.device, dtype=like.dtype).triu(1)
