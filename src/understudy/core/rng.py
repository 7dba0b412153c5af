"""Randomness without state: every draw is a function of (seed, step, purpose), so there is nothing to save or to lose.

A run that is killed and resumed at step k draws for step k exactly what the run that was never killed drew, because
nothing that happened before k takes part. `purpose` keeps draws apart that happen in one step ("dropout", "latent").

Several processes may share the batch of a step, and each may compute its share in parts. What is drawn for the samples
is then drawn for the whole batch each time, and each part takes its own rows, so that the numbers do not depend on how
many processes and parts there are.
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

    rank, world   which of the equal parts of the step's batch this is, and their number
    """

    seed: int
    step: int = 0
    rank: int = 0
    world: int = 1

    def at(self, step: int) -> Rng:
        """The randomness of another step of the same run."""
        return Rng(self.seed, step, self.rank, self.world)

    def part(self, number: int, count: int) -> Rng:
        """The randomness of part `number` of the step's batch, of the `count` that each process computes in turn."""
        return Rng(self.seed, self.step, number * self.world + self.rank, count * self.world)

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
        """Unit-normal numbers of `shape`, a row for each sample: this part's rows of the whole batch's draw."""
        import torch

        drawn = torch.randn(self._whole(shape), generator=self.torch(purpose, device), device=device, dtype=dtype)
        return self._share(drawn, shape[0])

    def uniform(
        self,
        purpose: str,
        shape: Sequence[int],
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """As `normal`, uniform in 0..1 with 1 excluded."""
        import torch

        drawn = torch.rand(self._whole(shape), generator=self.torch(purpose, device), device=device, dtype=dtype)
        return self._share(drawn, shape[0])

    def _whole(self, shape: Sequence[int]) -> tuple[int, ...]:
        return (shape[0] * self.world, *shape[1:])

    def _share(self, drawn: torch.Tensor, rows: int) -> torch.Tensor:
        return drawn[self.rank * rows : (self.rank + 1) * rows]

    def uniform_of_rows(self, purpose: str, rows: np.ndarray, count: int) -> np.ndarray:
        """(n, count) float64 in 0..1, 1 excluded, which belong to the dataset's `rows` (n,) and to no step.

        A row has the same numbers in every step of the run, whichever rows it comes with: numbers that are drawn once
        for each sample, without being kept. SplitMix64 (Steele, Lea and Flood, 2014) at a place made of row and column.
        """
        start = np.uint64(derive(self.seed, 0, purpose))
        place = rows.astype(np.uint64)[:, None] * np.uint64(count) + np.arange(1, count + 1, dtype=np.uint64)
        x: np.ndarray = start + place * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
        drawn: np.ndarray = (x >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return drawn

    def torch(self, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
        """A fresh torch generator for `purpose` in this step, on `device`."""
        import torch

        return torch.Generator(device=device).manual_seed(derive(self.seed, self.step, purpose))

    def seed_torch(self, purpose: str) -> None:
        """Seed torch's own generators (CPU and accelerators): dropout layers accept no generator of ours.

        They know no rows either, so each part of the batch gets a stream of its own.
        """
        import torch

        apart = f"{purpose}, rank {self.rank}" if self.rank else purpose
        seed = derive(self.seed, self.step, apart)
        if torch.cuda.is_initialized() or torch.backends.mps.is_available():
            torch.manual_seed(seed)
        else:
            # the same for the CPU; torch.manual_seed also leaves a note, with the whole stack as text, for each
            # accelerator that may come into use: half a millisecond, as long as a small network's update
            torch.default_generator.manual_seed(seed)
