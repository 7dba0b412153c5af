"""Record what a tiny pi0 written from its description with torch's own modules computes: `test_tiny_pi0.py` compares.

    python tests/parity/record_tiny_pi0.py        # writes tiny_pi0.json; two seconds

Imports nothing of Understudy. The network, its flow and its sizes are those of the study
github.com/ruiming-wu/FAST_Flow_Matching, whose weight files have these names and shapes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from recipe import drawn_weights
from torch import Tensor, nn

CHUNK, WIDTH, STEPS, BATCH = 50, 128, 10, 3


class Reference(nn.Module):
    """State token and 50 action tokens through torch's post-norm encoder, causal; time as one linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.state_embedding = nn.Linear(4, WIDTH)
        self.action_embedding = nn.Linear(1, WIDTH)
        self.time_embedding = nn.Linear(1, WIDTH)
        self.position_embedding = nn.Embedding(CHUNK + 1, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 256, dropout=0.1, activation="gelu", batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, 4)
        self.flow_output = nn.Linear(WIDTH, 1)

    def forward(self, state: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """state (B, 4), x and t (B, 50) -> velocity (B, 50)."""
        actions = self.action_embedding(x[..., None]) + self.time_embedding(t[..., None])
        h = torch.cat([self.state_embedding(state)[:, None], actions], 1)
        h = h + self.position_embedding(torch.arange(CHUNK + 1))
        h = self.transformer(h, mask=nn.Transformer.generate_square_subsequent_mask(CHUNK + 1))
        return self.flow_output(h[:, 1:])[..., 0]  # type: ignore[no-any-return]


def inputs() -> dict[str, Tensor]:
    """State, actions, noise and times of three windows."""
    rng = np.random.Generator(np.random.PCG64(7))
    drawn = {
        "state": rng.uniform(-0.5, 0.5, (BATCH, 4)),
        "action": rng.normal(0, 0.4, (BATCH, CHUNK)),
        "noise": rng.standard_normal((BATCH, CHUNK)).clip(-3, 3),
        "time": rng.uniform(0, 1, (BATCH, CHUNK)),
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in drawn.items()}


def main() -> None:
    """Write the numbers beside this file."""
    torch.set_num_threads(1)
    network = Reference()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict(drawn_weights(shapes))
    given = inputs()
    a, z, t = given["action"], given["noise"], given["time"]
    loss = (network.eval()(given["state"], (1 - t) * z + t * a, t) - (a - z)).square().mean()
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]).norm()
    x = z
    with torch.no_grad():
        for step in range(STEPS):
            x = x + network(given["state"], x, torch.full_like(x, step / STEPS)) / STEPS
    values = {
        "torch": torch.__version__,
        "parameters": sum(p.numel() for p in network.parameters()),
        "shapes": shapes,
        "inputs": {name: value.tolist() for name, value in given.items()},
        "loss": float(loss.detach()),
        "gradient_norm": float(gradient),
        "chunk": x.tolist(),
    }
    Path(__file__).with_name("tiny_pi0.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
