"""What each choice of the pendulum's policies brings: short trainings, each with one choice changed, and their success.

    python benchmarks/pendulum_ablation.py ../shared/data/inverted_pendulum_pid/pid_4000x100.npz
    python benchmarks/pendulum_ablation.py pid_4000x100.npz --only "pi0: modern" --seeds 0 1 2
    python benchmarks/pendulum_ablation.py

Every variant is trained on the training episodes of the array, in this process and on one core, and executed blind on
starts that no evaluation uses (seeds from 900,000). Results are kept in benchmarks/results/pendulum-ablation.json, so
that a further run measures what is missing. Each run writes the table of docs/evidence/pendulum_ablation.md anew, and
without an array that is all it does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pendulum_variants import VARIANTS, Variant
from understudy.core.files import write_atomically
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.core.rng import Rng
from understudy.data.spec import STATE, Batch, Statistics
from understudy.envs.pendulum.ahead import run_ahead_batch
from understudy.envs.pendulum.batch import BatchResult, run_batch
from understudy.policies.base import Policy

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/evidence/pendulum_ablation.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
RESULTS = ROOT / "benchmarks/results/pendulum-ablation.json"
FIRST_SEED = 900_000
# beside the policies; "drawn": it imagines the noise that the recording was made with
EXPERT = "the expert, simulated ahead"
RECORDED_NOISE = 0.05
CELLS = [(0.01, 15), (0.05, 15)]


@dataclass
class Demonstrations:
    """Episodes of equal length: state (E, T, 4) and action (E, T, 1) float32."""

    state: np.ndarray
    action: np.ndarray

    def statistics(self) -> Statistics:
        """Mean and standard deviation of state and action."""
        found = {STATE: self.state.reshape(-1, 4), "action": self.action.reshape(-1, 1)}
        return {
            name: {"mean": x.mean(0), "std": x.std(0), "min": x.min(0), "max": x.max(0)} for name, x in found.items()
        }

    def windows(self, chunk: int, starts: Sequence[int] | None) -> Windows:
        """Every window that begins at one of `starts` (None: at every frame); past the end the last action is held."""
        episodes, length = self.state.shape[:2]
        first = np.arange(length) if starts is None else np.asarray(starts)
        ahead = first[:, None] + np.arange(chunk)
        action = self.action[:, np.minimum(ahead, length - 1)]
        return Windows(
            torch.from_numpy(self.state[:, first].reshape(-1, 4)),
            torch.from_numpy(action.reshape(-1, chunk, 1)),
            torch.from_numpy(np.tile(ahead >= length, (episodes, 1))),
            (np.arange(episodes)[:, None] * length + first).reshape(-1),
        )


@dataclass
class Windows:
    """state (n, 4), action (n, S, 1), pad (n, S), rows (n,)."""

    state: torch.Tensor
    action: torch.Tensor
    pad: torch.Tensor
    rows: np.ndarray = field(repr=False)

    def take(self, chosen: np.ndarray) -> Batch:
        """The batch of these windows."""
        index = torch.from_numpy(chosen)
        return Batch({STATE: self.state[index]}, self.action[index], self.pad[index], rows=self.rows[chosen])


def read(path: Path) -> Demonstrations:
    """The training episodes of the recorded array."""
    with np.load(path, allow_pickle=False) as arrays:
        chosen = arrays["split"] == 0
        return Demonstrations(arrays["observation"][chosen], arrays["action"][chosen])


def train(policy: Policy, windows: Windows, variant: Variant, steps: int, seed: int) -> float:
    """Train in place by the recipe of the variant; the mean loss of the last tenth."""
    preset = policy.config.optimizer_preset()
    optimizer = torch.optim.AdamW(policy.parameters(), preset.lr, weight_decay=preset.weight_decay, fused=True)
    cosine = policy.config.model_dump()["schedule"] == "cosine"
    order, losses = Rng(seed).numpy("order of windows"), []
    policy.train()
    for step in range(steps):
        rate = min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * step / steps)) if cosine else 1.0
        for group in optimizer.param_groups:
            group["lr"] = preset.lr * rate
        rng = Rng(seed, step)
        rng.seed_torch("dropout")
        loss = policy.loss(windows.take(order.integers(0, len(windows.rows), variant.batch_size)), rng).total
        optimizer.zero_grad()
        loss.backward()
        if preset.grad_clip_norm > 0:
            torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
        optimizer.step()
        losses.append(loss.detach())
    return float(torch.stack(losses[-max(1, steps // 10) :]).mean())


def chunks_of(policy: Policy) -> Callable[[np.ndarray], np.ndarray]:
    """The policy as `run_batch` asks it: noise is drawn anew at each call."""
    asked = 0

    def chunks(states: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += 1
        observation = {STATE: torch.from_numpy(states).float()}
        return policy.predict(observation, Rng(1, asked))[..., 0].numpy()

    return chunks


def measure(variant: Variant, data: Demonstrations, steps: int, seed: int, episodes: int) -> dict[str, Any]:
    """Train one variant and execute it blind, at its own temperature ("cells") and at temperature 1 ("drawn")."""
    config = load(POLICY_CONFIGS, variant.policy, "policy").model_validate(
        {
            "input_features": {STATE: {"type": "STATE", "shape": (4,)}},
            "output_features": {"action": {"type": "ACTION", "shape": (1,)}},
            "device": "cpu",
            **variant.options,
        }
    )
    torch.manual_seed(seed)
    policy = config.build(data.statistics())
    windows = data.windows(len(config.action_offsets()), variant.starts)
    policy.calibrate(windows.take(np.arange(first, len(windows.rows), 199)) for first in range(8))
    policy.fit_actions([(windows.action, windows.pad)])
    before = time.process_time()
    loss = train(policy, windows, variant, steps, seed)
    spent = time.process_time() - before
    policy.eval()
    cells = executed(policy, episodes)
    policy.config = policy.config.model_copy(update={"temperature": 1.0})
    return {
        "policy": variant.policy,
        "options": variant.options,
        "batch_size": variant.batch_size,
        "steps": steps,
        "seed": seed,
        "episodes": episodes,
        "parameters": sum(p.numel() for p in policy.parameters()),
        "loss": loss,
        "cpu_s": spent,
        "cells": cells,
        "drawn": executed(policy, episodes),
    }


def executed(policy: Policy, episodes: int) -> dict[str, list[float]]:
    """What comes of executing the policy's chunks blind."""
    return _rates(lambda seeds, **cell: run_batch(chunks_of(policy), seeds=seeds, **cell), episodes)


def expert_ahead(imagined_noise: float, episodes: int) -> dict[str, list[float]]:
    """What comes of the expert, simulated ahead, on the same episodes."""
    return _rates(lambda seeds, **cell: run_ahead_batch(seeds, imagined_noise=imagined_noise, **cell), episodes)


def _rates(run: Callable[..., BatchResult], episodes: int) -> dict[str, list[float]]:
    """Noise and replanning interval -> success and convergence in percent."""
    rates = {}
    for noise, replan in CELLS:
        found = run(range(FIRST_SEED, FIRST_SEED + episodes), noise=noise, replan=replan)
        rates[f"{noise}/{replan}"] = [100 * found.success.mean(), 100 * (found.converged_at >= 0).mean()]
    return rates


def table(results: dict[str, Any]) -> str:
    """A line for each training, in the order of the variants."""
    lines = [
        "| variant | seed | parameters | updates | CPU s | "
        + " | ".join(f"A, B at {n}/{r}" for n, r in CELLS)
        + " | "
        + " | ".join(f"drawn, {n}/{r}" for n, r in CELLS)
        + " |",
        "| --- | ---: | ---: | ---: | ---: |" + " ---: |" * 2 * len(CELLS),
    ]
    for name in VARIANTS:
        for r in (r for key, r in results.items() if key.startswith(f"{name}, ")):
            rates = [f"{a:.1f}, {b:.1f}" for a, b in [*r["cells"].values(), *r["drawn"].values()]]
            fixed = [name, r["seed"], f"{r['parameters']:,}", f"{r['steps']:,}", f"{r['cpu_s']:.0f}"]
            lines.append(f"| {' | '.join(map(str, [*fixed, *rates]))} |")
    rates = [f"{a:.1f}, {b:.1f}" for a, b in [*results[EXPERT]["cells"].values(), *results[EXPERT]["drawn"].values()]]
    return "\n".join([*lines, f"| {EXPERT} | | | | | {' | '.join(rates)} |"])


def write_page(results: dict[str, Any]) -> None:
    """Put the table between the marks of the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    write_atomically(PAGE, f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{after}")


def kept(path: Path) -> dict[str, Any]:
    """What was measured so far."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def keep(path: Path, key: str, found: dict[str, Any]) -> None:
    """Add to the file as it is now: two runs may write into it."""
    write_atomically(path, json.dumps(kept(path) | {key: found}, indent=1) + "\n")


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="pid_4000x100.npz")
    parser.add_argument("--only", nargs="*", help="names of variants; all without it")
    parser.add_argument("--steps", type=int, help="updates instead of the variant's own")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.data:
        data = read(given.data)
        if EXPERT not in kept(given.results):
            found = {"cells": expert_ahead(0.0, 1000), "drawn": expert_ahead(RECORDED_NOISE, 1000)}
            keep(given.results, EXPERT, found)
        for name, seed in itertools.product(given.only or VARIANTS, given.seeds):
            variant = VARIANTS[name]
            steps = given.steps or variant.steps
            key = f"{name}, {steps} updates, seed {seed}"
            if key in kept(given.results):
                continue
            found = measure(variant, data, steps, seed, given.episodes)
            print(key, json.dumps({k: found[k] for k in ("cells", "drawn", "cpu_s")}), flush=True)
            keep(given.results, key, found)
    write_page(kept(given.results))


if __name__ == "__main__":
    main()
