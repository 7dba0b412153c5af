"""What one subject (a policy, a reference) did in every cell of the grid, episode by episode, in one small file.

    trials = run_trials(policy_subject(policy), range(100), GRID)
    trials.save(path); read_trials(path).success          (cells, episodes)

The grid is that of the study github.com/ruiming-wu/FAST_Flow_Matching: three strengths of noise times three replanning
intervals. Every number of the report is computed from these files and from nothing else.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from understudy.core.errors import ConfigError, DataError
from understudy.core.files import write_atomically
from understudy.core.rng import Rng
from understudy.data.spec import STATE

if TYPE_CHECKING:
    from understudy.envs.pendulum.batch import BatchResult
    from understudy.policies.base import Policy

HORIZON, LONG_HORIZON = 100, 1000


class Cell(NamedTuple):
    """One setting: half-width of the noise on executed actions, and how many of them are executed blind."""

    noise: float
    replan: int

    @property
    def label(self) -> str:
        """As the tables write it: 0.01/10."""
        return f"{self.noise:g}/{self.replan}"


GRID = tuple(Cell(noise, replan) for replan in (10, 13, 15) for noise in (0.01, 0.03, 0.05))


class Subject(Protocol):
    """Who acts: runs the episodes of `seeds` in a cell."""

    def __call__(self, seeds: Sequence[int], cell: Cell, horizon: int, kick: float) -> BatchResult: ...


@dataclass(frozen=True)
class Trials:
    """Arrays are (cells, episodes) where not said otherwise.

    noise, replan         (cells,)
    seeds                 (episodes,) the same ones in every cell
    steps                 control steps taken, the one that fell included
    converged_at          step, -1 where it has not
    velocity_sum          [m/s] of the cart's velocity after each step, and of its square: spreads are pooled from them
    widest_angle          [rad] largest tilt of the pole; widest_cart [m]: of the cart's distance from the middle
    identity              what it was measured with; a file of another identity is not used again
    """

    noise: np.ndarray
    replan: np.ndarray
    seeds: np.ndarray
    success: np.ndarray
    steps: np.ndarray
    converged_at: np.ndarray
    velocity_sum: np.ndarray
    velocity_squares: np.ndarray
    widest_angle: np.ndarray
    widest_cart: np.ndarray
    identity: str

    @property
    def converged(self) -> np.ndarray:
        """(cells, episodes) bool."""
        found: np.ndarray = self.converged_at >= 0
        return found

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises DiskFull."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        np.savez_compressed(content, **arrays)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.getvalue())


def read_trials(path: Path) -> Trials:
    """The trials in a file. Raises DataError when they cannot be read."""
    hint = "remove it: the study measures again what is missing"
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {field.name: content[field.name] for field in fields(Trials)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError("these trials cannot be read", where=str(path), hint=hint) from error
    table = (len(arrays["noise"]), len(arrays["seeds"])) if arrays["noise"].ndim == arrays["seeds"].ndim == 1 else ()
    if any(arrays[name].shape != table for name in ("success", "steps", "converged_at", "velocity_sum")):
        raise DataError("the tables of these trials do not fit each other", where=str(path), hint=hint)
    return Trials(**{**arrays, "identity": str(arrays["identity"])})


def measured(path: Path, identity: str) -> bool:
    """Whether the file holds the trials of `identity`; one that is damaged or of another identity is made anew."""
    try:
        return path.exists() and read_trials(path).identity == identity
    except DataError:
        return False


def identity_of(facts: Mapping[str, Any]) -> str:
    """The facts in one line that is equal for equal facts."""
    return json.dumps(facts, sort_keys=True)


def run_trials(
    subject: Subject,
    seeds: Sequence[int],
    cells: Sequence[Cell],
    *,
    horizon: int = HORIZON,
    kick: float = 0.0,
    identity: str = "",
) -> Trials:
    """Run the episodes of `seeds` in every cell."""
    results = [subject(seeds, cell, horizon, kick) for cell in cells]
    velocity = [result.states[:, 1:, 2] for result in results]
    return Trials(
        noise=np.array([cell.noise for cell in cells]),
        replan=np.array([cell.replan for cell in cells]),
        seeds=np.array(seeds),
        success=np.stack([result.success for result in results]),
        steps=np.stack([result.steps for result in results]),
        converged_at=np.stack([result.converged_at for result in results]),
        velocity_sum=np.stack([np.nansum(v, axis=1) for v in velocity]),
        velocity_squares=np.stack([np.nansum(v**2, axis=1) for v in velocity]),
        widest_angle=np.stack([np.nanmax(np.abs(result.states[:, :, 1]), axis=1) for result in results]),
        widest_cart=np.stack([np.nanmax(np.abs(result.states[:, :, 0]), axis=1) for result in results]),
        identity=identity,
    )


def policy_subject(policy: Policy) -> Subject:
    """The policy, asked for all episodes at once. Raises ConfigError when its chunks are too short for a cell.

    Where it samples, its k-th decision in the n-th of these episodes draws row n of what (first seed, k) gives: every
    episode and decision has draws of its own, they are the same ones in all cells, and two policies that are given the
    same episodes meet the same ones too.
    """
    from understudy.envs.pendulum.batch import run_batch

    predicted = policy.config.horizon().predicted

    def run(seeds: Sequence[int], cell: Cell, horizon: int, kick: float) -> BatchResult:
        if predicted < cell.replan:
            raise ConfigError(
                f"the policy predicts {predicted} actions at once, and {cell.replan} of them would be executed",
                hint="train it with a larger --policy.chunk_size",
            )
        asked = _Asked(policy, cell.replan, Rng(seeds[0]))
        return run_batch(asked, seeds=seeds, noise=cell.noise, replan=cell.replan, horizon=horizon, kick=kick)

    return run


class _Asked:
    """The policy as `run_batch` wants it: (n, 4) states to (n, steps) actions, each call the next decision."""

    def __init__(self, policy: Policy, steps: int, rng: Rng) -> None:
        self._policy, self._steps, self._rng = policy, steps, rng

    def __call__(self, states: np.ndarray) -> np.ndarray:
        import torch

        observation = {STATE: torch.from_numpy(states.astype(np.float32))}
        chunk = self._policy.predict_first(observation, self._steps, self._rng)
        self._rng = self._rng.at(self._rng.step + 1)
        actions: np.ndarray = chunk[:, :, 0].cpu().numpy()
        return actions
