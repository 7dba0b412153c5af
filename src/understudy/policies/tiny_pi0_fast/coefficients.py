"""tiny pi0-FAST, ours: each coefficient has integers of its own; a token is the next few coefficients, low ones first.

    h_j    = S(state)_j + P[j] + E_{j-1}(the coefficients written at place j - 1)        place 0: nothing written yet
    logits = O_j(transformer(h)_j)                for each of the place's coefficients, over its integers

What is unusual:
- The loss knows that neighbouring integers are near: what is to be predicted is a bell around the true, not yet rounded
  coefficient (Imani and White, 2018), and an action is made of the mean of what is predicted. So the integers' distance
  is no floor under the error, and a mistake by one costs little.
- The state has a network of its own, computed once for a chunk, which says something different to every place.

    B batch, K coefficients, P places of G coefficients, V integers, D width
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.core.errors import CheckpointError
from understudy.core.rng import Rng
from understudy.nn.dct import dct_matrix
from understudy.nn.dropout import Dropout
from understudy.nn.fast_bins import FastBins
from understudy.nn.token_decoder import Past
from understudy.nn.transformer import xavier_uniform_matrices
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.policies.tiny_pi0_fast.parts import choose, decoder, state_dropout, state_reader

# the bell is cut off this many standard deviations from its middle
_BELL = 3.0


class IntegerEmbedding(nn.Module):
    """What was written at a place: (B, P, G) integers -> (B, P, D), by a few curves of each number.

    A table with a row for each integer would have to learn that 17 and 18 are near; curves know it.
    """

    # how steep the curves are: the first tells large integers apart, the last those near 0
    steepness = (0.0, 12.0, 40.0)

    def __init__(self, places: int, each: int, high: int, width: int) -> None:
        super().__init__()
        self.high = high
        self.weight = nn.Parameter(torch.empty(places, each * len(self.steepness), width))
        nn.init.normal_(self.weight, std=0.3)

    def forward(self, integers: Tensor, first: int) -> Tensor:
        """The integers of the places from `first` on."""
        x = integers / self.high
        curves = torch.stack([torch.tanh(s * x) if s else 3 * x for s in self.steepness], -1).flatten(-2)
        weight = self.weight[first : first + integers.shape[-2]]
        return torch.einsum("...pf,pfd->...pd", curves, weight)


class IntegerLogits(nn.Module):
    """(B, P, D) -> (B, P, G, V), with weights of their own for each place."""

    def __init__(self, places: int, each: int, integers: int, width: int) -> None:
        super().__init__()
        self.each = each
        self.weight = nn.Parameter(torch.empty(places, width, each * integers))
        self.bias = nn.Parameter(torch.zeros(places, each * integers))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, h: Tensor, first: int) -> Tensor:
        """Of the places from `first` on."""
        places = slice(first, first + h.shape[-2])
        out = torch.einsum("...pd,pdv->...pv", h, self.weight[places]) + self.bias[places]
        return out.unflatten(-1, (self.each, -1))


class CoefficientNetwork(nn.Module):
    """Normalised states and chunks in, logits over integers out; `tokenizer` says what the integers mean."""

    def __init__(self, config: TinyPi0FastConfig) -> None:
        super().__init__()
        self.config = config
        self.high = config.n_integers // 2
        places, each, width = config.places, config.coefficients_per_token, config.dim_model
        crossed = config.state_conditioning == "cross_attention"
        self.state_embedding = state_reader(config, width if crossed else places * width)
        self.token_embedding = IntegerEmbedding(places - 1, each, self.high, width)
        self.position_embedding = nn.Embedding(places, width)
        self.transformer = decoder(config)
        self.output_layer = IntegerLogits(places, each, config.n_integers, width)
        self.state_dropout = state_dropout(config)
        self.logit_dropout = Dropout(config.logit_dropout)
        if config.initialization == "xavier":
            xavier_uniform_matrices(self)
        self.basis: Tensor
        self.register_buffer("basis", torch.tensor(dct_matrix(config.chunk_size), dtype=torch.float32), False)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(config.coefficients), False)
        # until `fit`: coefficients of chunks that stay within four standard deviations
        widest = 4 * math.sqrt(config.chunk_size)
        self._take(FastBins(config.chunk_size, config.dims, self.high, (self.high / widest,) * config.coefficients))

    def _take(self, tokenizer: FastBins) -> None:
        self.tokenizer = tokenizer
        self.scale.copy_(torch.tensor(tokenizer.scale, dtype=torch.float32))

    def fit(self, chunks: np.ndarray) -> str:
        """Fit the scales to all chunks (N, S, A) of the training episodes; what came of it, in words."""
        self._take(FastBins.fit(chunks, self.high))
        return (
            f"{self.config.coefficients} coefficients of {self.config.n_integers} integers each, {self.config.places} "
            f"tokens a chunk; rounding {self.tokenizer.rounding_error(chunks):.4f}"
        )

    # -- actions <-> integers -------------------------------------------------------------------------------------

    def _scaled(self, chunks: Tensor) -> Tensor:
        """(B, S, A) -> coefficients in integers, not yet rounded, filled up with zeros: (B, P, G)."""
        coefficients = torch.einsum("kt,...ta->...ka", self.basis, chunks).flatten(-2) * self.scale
        missing = self.config.places * self.config.coefficients_per_token - self.config.coefficients
        filled = F.pad(coefficients.clamp(-self.high, self.high), (0, missing))
        return filled.unflatten(-1, (self.config.places, -1))

    def _actions(self, scaled: Tensor) -> Tensor:
        """The inverse of `_scaled`."""
        coefficients = scaled.flatten(-2)[..., : self.config.coefficients] / self.scale
        return torch.einsum("kt,...ka->...ta", self.basis, coefficients.unflatten(-1, (-1, self.config.dims)))

    # -- the network ----------------------------------------------------------------------------------------------

    def forward(self, state: Tensor, written: Tensor) -> Tensor:
        """State (B, N), integers of the places so far (B, p, G) -> logits of one place more, (B, p + 1, G, V)."""
        seen = self._seen(state)
        before = self.token_embedding(written, 0)
        return self._logits(seen, F.pad(before, (0, 0, 1, 0)), 0, None)

    def _seen(self, state: Tensor) -> Tensor:
        """What the state says to each place (B, P, D), or the memory (B, 1, D)."""
        seen: Tensor = self.state_dropout(self.state_embedding(state))
        return seen.unflatten(-1, (-1, self.config.dim_model))

    def _logits(self, seen: Tensor, before: Tensor, first: int, past: list[Past] | None) -> Tensor:
        """Logits of the places from `first` on, given what was written before each (B, p, D)."""
        places = slice(first, first + before.shape[-2])
        h = before + self.position_embedding.weight[places]
        if self.config.state_conditioning == "cross_attention":
            h = self.transformer(h, seen, None, past)
        else:
            h = self.transformer(h + seen[..., places, :], None, None, past)
        logits: Tensor = self.logit_dropout(self.output_layer(h, first))
        return logits

    # -- training -------------------------------------------------------------------------------------------------

    def draws(self, chunks: Tensor, rng: Rng) -> dict[str, Tensor]:
        """Noise on what the network reads of its own writing, (B, P - 1, G); none when measuring."""
        if not (self.training and self.config.input_noise and self.config.places > 1):
            return {}
        shape = (len(chunks), self.config.places - 1, self.config.coefficients_per_token)
        return {"input_noise": rng.normal("input noise", shape, device=chunks.device)}

    def losses(self, state: Tensor, chunks: Tensor, draws: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """For each window the sum of its coefficients' cross-entropies, and their number: two of (B,)."""
        scaled = self._scaled(chunks)
        rounded = scaled.round()
        written = rounded[..., :-1, :]
        if "input_noise" in draws:
            noisy = written + (draws["input_noise"] * self.config.input_noise).round()
            written = noisy.clamp(-self.high, self.high)
        chances = self(state, written).log_softmax(-1)
        width = self.config.target_width
        reach = math.ceil(_BELL * width)
        near = rounded[..., None] + torch.arange(-reach, reach + 1, device=rounded.device)
        away = (near - scaled[..., None]) / width if width else torch.zeros_like(near)
        bell = torch.exp(-(away**2) / 2) * (near.abs() <= self.high)
        index = (near.clamp(-self.high, self.high) + self.high).long()
        crossed = -(chances.gather(-1, index) * bell).sum(-1) / bell.sum(-1)
        per_window = crossed.flatten(-2)[..., : self.config.coefficients].sum(-1)
        return per_window, torch.full_like(per_window, self.config.coefficients)

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self, state: Tensor, rng: Rng, *, cached: bool = True) -> Tensor:
        """State (B, N) -> chunks (B, S, A), place by place.

        cached   keep keys and values of the places written; otherwise all is computed anew for each (the same result)
        """
        seen, past = self._seen(state), self.transformer.nothing_yet()
        before = seen.new_zeros(len(state), 1, self.config.dim_model)
        values = []
        for place in range(self.config.places):
            if cached:
                logits = self._logits(seen, before[:, -1:], place, past)[:, -1]
            else:
                logits = self._logits(seen, before, 0, None)[:, -1]
            values.append(self._decided(logits, rng, place))
            if place + 1 < self.config.places:
                read = self.token_embedding(values[-1].round()[:, None], place)
                before = torch.cat([before, read], dim=1)
        return self._actions(torch.stack(values, dim=1))

    def _decided(self, logits: Tensor, rng: Rng, place: int) -> Tensor:
        """Logits (B, G, V) -> the values written, in integers: (B, G), whole numbers unless they are expectations."""
        if self.config.temperature or self.config.decoding == "mode":
            return (choose(logits, self.config.temperature, rng, place) - self.high).to(logits.dtype)
        integers = torch.arange(-self.high, self.high + 1, device=logits.device, dtype=logits.dtype)
        return (logits.softmax(-1) * integers).sum(-1)

    # -- files ----------------------------------------------------------------------------------------------------

    def tokenizer_json(self) -> str:
        """The tokenizer as one document."""
        return self.tokenizer.to_json()

    def read_tokenizer(self, text: str, where: str) -> None:
        """Take the tokenizer of a document. Raises CheckpointError when it is damaged or another policy's."""
        found = FastBins.from_json(text, where)
        mine = (self.config.chunk_size, self.config.dims, self.high)
        if (found.horizon, found.dims, found.high) != mine:
            raise CheckpointError(
                f"the tokenizer is for chunks of {found.horizon} x {found.dims} and integers to {found.high}; "
                f"the policy needs {mine[0]} x {mine[1]} and {mine[2]}",
                where=where,
            )
        self._take(found)
