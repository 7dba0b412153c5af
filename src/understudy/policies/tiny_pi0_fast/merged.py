"""tiny pi0-FAST as the study has it: tokens of one vocabulary, made by byte-pair encoding, written until EOS.

h_j    = E[token_j] + P[j]          token_0 = BOS
memory = drop(S(state))             one token, added by a cross-attention; or, as an option, to every h_j
logits = drop(O(transformer(h, memory)))

B batch, L places of a sequence, D width, V vocabulary
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from understudy.core.errors import CheckpointError
from understudy.core.rng import Rng
from understudy.data.spec import STATE
from understudy.nn.dropout import Dropout
from understudy.nn.fast_tokens import BOS, EOS, PAD, SPECIALS, FastTokenizer
from understudy.nn.token_decoder import Past
from understudy.nn.transformer import xavier_uniform_matrices
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.policies.tiny_pi0_fast.parts import token_decoder


class MergedNetwork(nn.Module):
    """Normalised states and sequences in, logits out; `tokenizer` says what the tokens mean."""

    def __init__(self, config: TinyPi0FastConfig) -> None:
        super().__init__()
        self.config = config
        self.state_embedding = _state_reader(config)
        self.token_embedding = nn.Embedding(config.vocabulary_size, config.dim_model, padding_idx=PAD)
        self.position_embedding = nn.Embedding(config.max_tokens, config.dim_model)
        self.transformer = token_decoder(config)
        self.output_layer = nn.Linear(config.dim_model, config.vocabulary_size)
        self.state_dropout = Dropout(config.state_dropout)
        self.logit_dropout = Dropout(config.logit_dropout)
        # Xavier overwrites the row of PAD too, as in the study, and its gradient stays 0: harmless, PAD is hidden
        if config.initialization == "xavier":
            xavier_uniform_matrices(self)
        self.tokenizer = self._unfitted()

    def _unfitted(self) -> FastTokenizer:
        """Until `fit`: as many integers around 0 as there is room for, nothing merged."""
        half = (self.config.vocabulary_size - SPECIALS - 1) // 2
        integers = tuple(range(-half, half + 1))
        return FastTokenizer(self.config.chunk_size, self.config.dims, self.config.dct_scale, integers)

    def fit(self, chunks: np.ndarray) -> str:
        """Make the vocabulary from all chunks (N, S, A) of the training episodes; what came of it, in words."""
        config = self.config
        self.tokenizer = FastTokenizer.fit(chunks, scale=config.dct_scale, vocabulary=config.vocabulary_size)
        encoded = self.tokenizer.encode(chunks, config.max_tokens)
        low, high = self.tokenizer.integer_range
        cut = f", {encoded.cut} of {len(chunks)} chunks cut to {config.max_tokens}" if encoded.cut else ""
        return (
            f"{len(self.tokenizer.base)} integers {low} .. {high}, {self.tokenizer.size} tokens; a chunk has "
            f"{encoded.counts.mean():.2f}, at most {encoded.counts.max() + 2} with begin and end{cut}; rounding "
            f"{self.tokenizer.rounding_error(chunks):.4f}"
        )

    def forward(self, state: Tensor, tokens: Tensor) -> Tensor:
        """State (B, N) and the beginning of a sequence (B, L) -> logits of what follows each token, (B, L, V)."""
        return self._logits(self._seen(state), tokens, 0, hidden=tokens == PAD, past=None)

    def _seen(self, state: Tensor) -> Tensor:
        seen: Tensor = self.state_dropout(self.state_embedding(state))
        return seen[..., None, :]

    def _logits(
        self, seen: Tensor, tokens: Tensor, first: int, hidden: Tensor | None, past: list[Past] | None
    ) -> Tensor:
        """Logits after `tokens`, which stand at the places from `first` on."""
        h = self.token_embedding(tokens) + self.position_embedding.weight[first : first + tokens.shape[-1]]
        if self.config.state_conditioning == "cross_attention":
            h = self.transformer(h, seen, hidden, past)
        else:
            h = self.transformer(h + seen, None, hidden, past)
        logits: Tensor = self.logit_dropout(self.output_layer(h))
        return logits

    # -- training -------------------------------------------------------------------------------------------------

    def draws(self, chunks: Tensor, rng: Rng) -> dict[str, Tensor]:
        """No random number: the sequences (B, max_tokens) themselves, because they are made outside of torch."""
        encoded = self.tokenizer.encode(chunks.cpu().double().numpy(), self.config.max_tokens)
        return {"tokens": torch.from_numpy(encoded.tokens).to(chunks.device)}

    def losses(self, state: Tensor, chunks: Tensor, draws: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """For each window the sum of its tokens' cross-entropies, and how many tokens these are: two of (B,)."""
        tokens = draws["tokens"]
        logits = self(state, tokens[..., :-1])
        wanted = tokens[..., 1:]
        taught = wanted != PAD
        chance = logits.log_softmax(-1).gather(-1, wanted[..., None])[..., 0]
        return -(chance * taught).sum(-1), taught.sum(-1)

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self, state: Tensor, rng: Rng, *, temperature: float = 0.0, cached: bool = True) -> Tensor:
        """State (B, N) -> chunks (B, S, A), token by token until EOS or `max_tokens`.

        cached   keep keys and values of the tokens written; otherwise all is computed anew for each (the same result)
        """
        tokens = self.sequences(state, rng, temperature=temperature, cached=cached)
        return torch.from_numpy(self.tokenizer.decode(tokens.cpu().numpy())).to(state)

    def sequences(self, state: Tensor, rng: Rng, *, temperature: float = 0.0, cached: bool = True) -> Tensor:
        """State (B, N) -> what is written, (B, at most max_tokens): BOS, tokens, EOS, then PAD."""
        seen, past = self._seen(state), self.transformer.nothing_yet()
        tokens = torch.full((len(state), 1), BOS, device=state.device)
        done = torch.zeros(len(state), dtype=torch.bool, device=state.device)
        while tokens.shape[1] < self.config.max_tokens and not bool(done.all()):
            place = tokens.shape[1] - 1
            if cached:
                logits = self._logits(seen, tokens[:, -1:], place, hidden=None, past=past)
            else:
                logits = self._logits(seen, tokens, 0, hidden=None, past=None)
            # rows of the vocabulary that no training chunk has filled mean nothing
            new = _chosen(logits[:, -1, : self.tokenizer.size], temperature, rng, place)
            new = torch.where(done, PAD, new)
            done = done | (new == EOS)
            tokens = torch.cat([tokens, new[:, None]], dim=1)
        return tokens

    # -- files ----------------------------------------------------------------------------------------------------

    def tokenizer_json(self) -> str:
        """The tokenizer as one document."""
        return self.tokenizer.to_json()

    def read_tokenizer(self, text: str, where: str) -> None:
        """Take the tokenizer of a document. Raises CheckpointError when it is damaged or another policy's."""
        found = FastTokenizer.from_json(text, where)
        shape = (self.config.chunk_size, self.config.dims)
        if (found.horizon, found.dims) != shape or found.size > self.config.vocabulary_size:
            raise CheckpointError(
                f"the tokenizer is for chunks of {found.horizon} x {found.dims} and has {found.size} tokens; the "
                f"policy needs {shape[0]} x {shape[1]} and at most {self.config.vocabulary_size}",
                where=where,
            )
        self.tokenizer = found


def _state_reader(config: TinyPi0FastConfig) -> nn.Module:
    """State (B, N) -> (B, D): one linear map, as in the study, or hidden layers before it."""
    size = config.input_features[STATE].shape[0]
    layers: list[nn.Module] = []
    for _ in range(config.n_state_layers):
        layers += [nn.Linear(size, config.dim_state), nn.GELU()]
        size = config.dim_state
    last = nn.Linear(size, config.dim_model)
    return nn.Sequential(*layers, last) if layers else last


def _chosen(logits: Tensor, temperature: float, rng: Rng, place: int) -> Tensor:
    """(B, V) -> (B,): the likeliest token, or with a temperature a draw (the largest after Gumbel noise)."""
    if not temperature:
        return logits.argmax(-1)
    uniform = rng.uniform(f"place {place}", logits.shape, device=logits.device).clamp(1e-6, 1 - 1e-6)
    return (logits / temperature - (-uniform.log()).log()).argmax(-1)
