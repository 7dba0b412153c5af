"""Randomness without state: every draw is a function of (seed, step, purpose), so there is nothing to save or to lose.

A run that is killed and resumed at step k draws for step k exactly what the run that was never killed drew, because
nothing that happened before k takes part. `purpose` keeps draws apart that happen in one step ("dropout", "latent").

Several processes may share the batch of a step. What is drawn for the samples is then drawn for the whole batch by each
of them, and each takes its own rows, so that the numbers do not depend on how many processes there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, step: int, purpose: str) -> int:
    """A 63-bit seed for (seed, step, purpose): equal inputs give equal seeds on every machine and Python version."""
    digest = hashlib.sha256(f"{seed}/{step}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@dataclass(frozen=True)
class Rng:
    """The randomness of one step.

    rank, world   this process's place among those that share the step's batch in equal parts, and their number
    """

    seed: int
    step: int = 0
    rank: int = 0
    world: int = 1

    def at(self, step: int) -> Rng:
        """The randomness of another step of the same run."""
        return Rng(self.seed, step, self.rank, self.world)

    def numpy(self, purpose: str) -> np.random.Generator:
        """A fresh numpy generator for `purpose` in this step."""
        return np.random.Generator(np.random.PCG64(derive(self.seed, self.step, purpose)))

    def normal(
        self,
        purpose: str,
        shape: Sequence[int],
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Unit-normal numbers of `shape`, a row for each sample: this process's rows of the whole batch's draw."""
        import torch

        rows = shape[0]
        whole = (rows * self.world, *shape[1:])
        drawn = torch.randn(whole, generator=self.torch(purpose, device), device=device, dtype=dtype)
        return drawn[self.rank * rows : (self.rank + 1) * rows]

    def torch(self, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
        """A fresh torch generator for `purpose` in this step, on `device`."""
        import torch

        return torch.Generator(device=device).manual_seed(derive(self.seed, self.step, purpose))

    def seed_torch(self, purpose: str) -> None:
        """Seed torch's own generators (CPU and accelerators): dropout layers accept no generator of ours.

        They know no rows either, so each process that shares the batch gets a stream of its own.
        """
        import torch

        apart = f"{purpose}, rank {self.rank}" if self.rank else purpose
        torch.manual_seed(derive(self.seed, self.step, apart))
