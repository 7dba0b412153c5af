"""tiny pi0-FAST, ours: each coefficient is an integer of its own range; a token is the next few, low frequencies first.

    h_j = S(state)_j + P[j] + E_{j-1}(the integers written at place j - 1)        place 0: nothing written yet
    m_j = O_j(transformer(h)_j) + G(state)_j                                      for each coefficient of the place
    the chance of integer i is what a logistic bell around m_j, of learnt width, has between i - 1/2 and i + 1/2

What is unusual:
- Integers have no table of chances. A bell (Salimans et al., 2017, for pixels) knows that neighbours are near, is right
  where training showed little, and costs the same at any resolution; a softmax over all integers is none of it.
- The width belongs to the coefficient and not to the state, and far from the middle a bell is straight: the loss of a
  window that is hard to predict stays as steep as that of an easy one.
- The state has a network of its own, computed once for a chunk, which says something different to every place and also
  guesses the coefficients: what is left for the tokens is what follows from those before.

    B batch, K coefficients, P places of G coefficients, D width
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.core.errors import CheckpointError
from understudy.core.rng import Rng
from understudy.data.spec import STATE
from understudy.nn.dct import dct_matrix
from understudy.nn.dropout import Dropout
from understudy.nn.fast_coefficients import CoefficientTokenizer
from understudy.nn.token_decoder import Past
from understudy.nn.transformer import xavier_uniform_matrices
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.policies.tiny_pi0_fast.parts import token_decoder

# first width of a bell: this part of the coefficient's spread, and this many integers
_WIDTH = (0.15, 0.3)


class StateReader(nn.Module):
    """Hidden layers over the state (B, N): what it says to the places (B, P or 1, D), and a guess (B, P, G)."""

    def __init__(self, config: TinyPi0FastConfig, places: int) -> None:
        super().__init__()
        self._width, self._each = config.dim_model, config.coefficients_per_token
        size = config.input_features[STATE].shape[0]
        widths = [size, *[config.dim_state] * config.n_state_layers]
        self.layers = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(widths))
        self.token = nn.Linear(widths[-1], places * config.dim_model)
        self.guess = nn.Linear(widths[-1], config.places * config.coefficients_per_token)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            state = F.gelu(layer(state))
        return self.token(state).unflatten(-1, (-1, self._width)), self.guess(state).unflatten(-1, (-1, self._each))


class IntegerEmbedding(nn.Module):
    """What was written at a place: (B, p, G), in units of each spread -> (B, p, D), by three curves of each."""

    def __init__(self, places: int, each: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, 3 * each, width))
        nn.init.normal_(self.weight, std=0.3)

    def forward(self, x: Tensor, first: int) -> Tensor:
        """Of the places from `first` on."""
        curves = torch.cat([x, x.tanh(), (4 * x).tanh()], -1)
        return torch.einsum("...pf,pfd->...pd", curves, self.weight[first : first + x.shape[-2]])


class PlaceLinear(nn.Module):
    """(B, p, D) -> (B, p, G), a linear map of its own for each place."""

    def __init__(self, places: int, width: int, each: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, width, each))
        self.bias = nn.Parameter(torch.zeros(places, each))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, h: Tensor, first: int) -> Tensor:
        """Of the places from `first` on."""
        places = slice(first, first + h.shape[-2])
        return torch.einsum("...pd,pdg->...pg", h, self.weight[places]) + self.bias[places]


class CoefficientNetwork(nn.Module):
    """Normalised states and chunks in, bells over integers out; `tokenizer` says what the integers mean."""

    def __init__(self, config: TinyPi0FastConfig) -> None:
        super().__init__()
        self.config = config
        places, each, width = config.places, config.coefficients_per_token, config.dim_model
        crossed = config.state_conditioning == "cross_attention"
        self.state_embedding = StateReader(config, 1 if crossed else places)
        self.token_embedding = IntegerEmbedding(places - 1, each, width)
        self.position_embedding = nn.Embedding(places, width)
        self.transformer = token_decoder(config)
        self.output_layer = PlaceLinear(places, width, each)
        self.log_width = nn.Parameter(torch.zeros(places, each))
        self.state_dropout = Dropout(config.state_dropout)
        if config.initialization == "xavier":
            xavier_uniform_matrices(self)
        self.basis: Tensor
        self.register_buffer("basis", torch.tensor(dct_matrix(config.chunk_size), dtype=torch.float32), False)
        self.high: Tensor
        self.spread: Tensor
        for name in ("high", "spread"):
            self.register_buffer(name, torch.ones(places, each), False)
        # until `fit`: independent actions of unit spread that stay within four standard deviations
        high = math.ceil(4 * math.sqrt(config.chunk_size) * config.dct_scale)
        self._take(
            CoefficientTokenizer(
                config.chunk_size,
                config.dims,
                config.dct_scale,
                (high,) * config.coefficients,
                (config.dct_scale,) * config.coefficients,
            )
        )

    def _take(self, tokenizer: CoefficientTokenizer) -> None:
        self.tokenizer = tokenizer
        empty = self.high.numel() - len(tokenizer.high)
        self.high.copy_(torch.tensor([*tokenizer.high, *[0] * empty], dtype=torch.float32).view(self.high.shape))
        self.spread.copy_(torch.tensor([*tokenizer.spread, *[1.0] * empty]).view(self.spread.shape))

    def fit(self, chunks: np.ndarray) -> str:
        """Fit the ranges to all chunks (N, S, A) of the training episodes; what came of it, in words."""
        self._take(CoefficientTokenizer.fit(chunks, self.config.dct_scale))
        high = self.tokenizer.high
        return (
            f"{len(high)} integers in {self.config.places} tokens, from -{max(high)} .. {max(high)} to -{min(high)} .. "
            f"{min(high)}; rounding {self.tokenizer.rounding_error(chunks):.4f}"
        )

    # -- actions <-> integers -------------------------------------------------------------------------------------

    def integers(self, chunks: Tensor) -> Tensor:
        """(B, S, A) -> the integers of all places (B, P, G), filled up with zeros."""
        coefficients = torch.einsum("kt,...ta->...ka", self.basis, chunks).flatten(-2) * self.config.dct_scale
        filled = F.pad(coefficients, (0, self.high.numel() - self.config.coefficients))
        return torch.clamp(filled.unflatten(-1, self.high.shape).round(), -self.high, self.high)

    def actions(self, integers: Tensor) -> Tensor:
        """The inverse of `integers`, but for rounding."""
        coefficients = integers.flatten(-2)[..., : self.config.coefficients] / self.config.dct_scale
        return torch.einsum("kt,...ka->...ta", self.basis, coefficients.unflatten(-1, (-1, self.config.dims)))

    # -- the network ----------------------------------------------------------------------------------------------

    def forward(self, state: Tensor, written: Tensor) -> Tensor:
        """State (B, N) and the integers of the first places (B, p, G) -> middles of the bells, (B, p + 1, G)."""
        read = self.token_embedding(written / self.spread[: written.shape[-2]], 0)
        return self._middles(self._seen(state), F.pad(read, (0, 0, 1, 0)), 0, None)

    def _seen(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """What the state says to each place (B, P, D), or the memory (B, 1, D), and the guess (B, P, G)."""
        said, guess = self.state_embedding(state)
        return self.state_dropout(said), guess

    def _middles(self, seen: tuple[Tensor, Tensor], before: Tensor, first: int, past: list[Past] | None) -> Tensor:
        """Middles of the bells of the places from `first` on, given what was written before each (B, p, D)."""
        said, guess = seen
        places = slice(first, first + before.shape[-2])
        h = before + self.position_embedding.weight[places]
        if self.config.state_conditioning == "cross_attention":
            h = self.transformer(h, said, None, past)
        else:
            h = self.transformer(h + said[..., places, :], None, None, past)
        middles: Tensor = (self.output_layer(h, first) + guess[..., places, :]) * self.spread[places]
        return middles

    def _widths(self) -> Tensor:
        """Of all bells, in integers: (P, G)."""
        part, least = _WIDTH
        return self.log_width.clamp(-4, 4).exp() * (part * self.spread + least)

    # -- training -------------------------------------------------------------------------------------------------

    def draws(self, chunks: Tensor, rng: Rng) -> dict[str, Tensor]:
        """Noise on what the network reads of its own writing, (B, P - 1, G); none when measuring."""
        if not (self.training and self.config.input_noise and self.config.places > 1):
            return {}
        shape = (len(chunks), self.config.places - 1, self.config.coefficients_per_token)
        return {"input_noise": rng.normal("input noise", shape, device=chunks.device)}

    def losses(self, state: Tensor, chunks: Tensor, draws: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """For each window the sum of its integers' cross-entropies, and their number: two of (B,)."""
        integers = self.integers(chunks)
        written = integers[..., :-1, :]
        if "input_noise" in draws:
            written = written + draws["input_noise"] * self.config.input_noise * self.spread[:-1]
        away, width = integers - self(state, written), self._widths()
        # the logarithm of sigmoid(a) - sigmoid(b) is log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a))
        chance = -F.softplus(-(away + 0.5) / width) - F.softplus((away - 0.5) / width)
        surprise = -(chance + torch.log(-torch.expm1(-1 / width)))
        per_window = surprise.flatten(-2)[..., : self.config.coefficients].sum(-1)
        return per_window, torch.full_like(per_window, self.config.coefficients)

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self, state: Tensor, rng: Rng, *, temperature: float = 0.0, cached: bool = True) -> Tensor:
        """State (B, N) -> chunks (B, S, A), place by place.

        cached   keep keys and values of the places written; otherwise all is computed anew for each (the same result)
        """
        seen, past = self._seen(state), self.transformer.nothing_yet()
        before = state.new_zeros(len(state), 1, self.config.dim_model)
        written: list[Tensor] = []
        for place in range(self.config.places):
            if cached:
                middle = self._middles(seen, before[:, -1:], place, past)[:, -1]
            else:
                middle = self._middles(seen, before, 0, None)[:, -1]
            written.append(self._written(middle, rng, place, temperature))
            if place + 1 < self.config.places:
                read = self.token_embedding(written[-1][:, None] / self.spread[place], place)
                before = torch.cat([before, read], dim=1)
        return self.actions(torch.stack(written, dim=1))

    def _written(self, middle: Tensor, rng: Rng, place: int, temperature: float) -> Tensor:
        """The integers of a place (B, G): the likeliest, or with a temperature a draw from bells that much wider."""
        if temperature:
            uniform = rng.uniform(f"place {place}", middle.shape, device=middle.device).clamp(1e-6, 1 - 1e-6)
            middle = middle + temperature * self._widths()[place] * uniform.logit()
        return torch.clamp(middle.round(), -self.high[place], self.high[place])

    # -- files ----------------------------------------------------------------------------------------------------

    def tokenizer_json(self) -> str:
        """The tokenizer as one document."""
        return self.tokenizer.to_json()

    def read_tokenizer(self, text: str, where: str) -> None:
        """Take the tokenizer of a document. Raises CheckpointError when it is damaged or another policy's."""
        found = CoefficientTokenizer.from_json(text, where)
        mine = (self.config.chunk_size, self.config.dims, self.config.dct_scale)
        if (found.horizon, found.dims, found.scale) != mine:
            raise CheckpointError(
                f"the tokenizer is for chunks of {found.horizon} x {found.dims} at scale {found.scale:g}; the policy "
                f"needs {mine[0]} x {mine[1]} at {mine[2]:g}",
                where=where,
            )
        self._take(found)
