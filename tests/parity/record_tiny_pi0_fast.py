"""Record what a tiny pi0-FAST written from its description with torch's own modules computes (test_tiny_pi0_fast.py).

    python tests/parity/record_tiny_pi0_fast.py        # writes tiny_pi0_fast.json; two seconds

Imports nothing of Understudy. The network and its sizes are those of the study
github.com/ruiming-wu/FAST_Flow_Matching, whose weight files have these names and shapes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from recipe import drawn_weights
from torch import Tensor, nn

WIDTH, VOCABULARY, LENGTH, BATCH = 128, 256, 25, 4
BOS, EOS, PAD = 0, 1, 2


class Reference(nn.Module):
    """Tokens through torch's post-norm decoder, causal; the state is the one token of its memory."""

    def __init__(self) -> None:
        super().__init__()
        self.state_embedding = nn.Linear(4, WIDTH)
        self.token_embedding = nn.Embedding(VOCABULARY, WIDTH, padding_idx=PAD)
        self.position_embedding = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerDecoderLayer(WIDTH, 4, 256, dropout=0.1, activation="gelu", batch_first=True)
        self.transformer = nn.TransformerDecoder(layer, 4)
        self.output_layer = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, state: Tensor, tokens: Tensor) -> Tensor:
        """state (B, 4), tokens (B, L) -> logits (B, L, 256)."""
        places = tokens.shape[1]
        h = self.token_embedding(tokens) + self.position_embedding(torch.arange(places))
        later = torch.ones(places, places, dtype=torch.bool).triu(1)
        memory = self.state_embedding(state)[:, None]
        h = self.transformer(h, memory, tgt_mask=later, tgt_key_padding_mask=tokens == PAD)
        return self.output_layer(h)  # type: ignore[no-any-return]


def inputs() -> dict[str, Tensor]:
    """States, and sequences of different lengths: BOS, tokens, EOS, PAD."""
    rng = np.random.Generator(np.random.PCG64(7))
    tokens = np.full((BATCH, LENGTH), PAD)
    for row, count in enumerate((3, 23, 9, 14)):
        tokens[row, : count + 2] = [BOS, *rng.integers(4, VOCABULARY, count), EOS]
    state = rng.uniform(-0.5, 0.5, (BATCH, 4)).astype(np.float32)
    return {"state": torch.from_numpy(state), "tokens": torch.from_numpy(tokens)}


@torch.no_grad()
def greedy(network: Reference, state: Tensor) -> Tensor:
    """The likeliest token each time, from BOS, 24 times; what follows EOS is PAD."""
    tokens = torch.full((len(state), 1), BOS)
    for _ in range(LENGTH - 1):
        new = network(state, tokens)[:, -1].argmax(-1)
        new = torch.where((tokens == EOS).any(1), PAD, new)
        tokens = torch.cat([tokens, new[:, None]], 1)
    return tokens


def main() -> None:
    """Write the numbers beside this file."""
    torch.set_num_threads(1)
    network = Reference()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict(drawn_weights(shapes))
    given = inputs()
    logits = network.eval()(given["state"], given["tokens"][:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), given["tokens"][:, 1:].flatten(), ignore_index=PAD)
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]).norm()
    taught = given["tokens"][:, :-1] != PAD
    values = {
        "torch": torch.__version__,
        "parameters": sum(p.numel() for p in network.parameters()),
        "shapes": shapes,
        "inputs": {name: value.tolist() for name, value in given.items()},
        "loss": float(loss.detach()),
        "gradient_norm": float(gradient),
        "logits": logits.detach()[taught][:, :6].tolist(),
        "greedy": greedy(network, given["state"]).tolist(),
    }
    Path(__file__).with_name("tiny_pi0_fast.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
