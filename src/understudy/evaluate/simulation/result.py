"""SimulationResult: what an evaluation in simulation found, as numbers, as JSON and as a few lines to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy import __version__
from understudy.core.stats import Interval, clopper_pearson
from understudy.evaluate.records import EpisodeRecord, name_and_task

METHOD = "Clopper-Pearson"


@dataclass(frozen=True)
class SimulationResult:
    """Success of a policy on `n` episodes of a task.

    episodes     by seed
    confidence   of `interval`
    path         the folder with everything; None: nothing was kept
    """

    who: dict[str, Any]
    protocol: dict[str, Any]
    episodes: list[EpisodeRecord]
    confidence: float = 0.95
    path: Path | None = None

    @property
    def n(self) -> int:
        """How many episodes."""
        return len(self.episodes)

    @property
    def successes(self) -> int:
        """How many of them succeeded."""
        return sum(episode.success for episode in self.episodes)

    @property
    def interval(self) -> Interval:
        """The exact interval of the success rate."""
        return clopper_pearson(self.successes, self.n, self.confidence)

    @property
    def progress_mean(self) -> float:
        """Mean over all episodes of the best progress; 1 for one that succeeded."""
        return sum(episode.progress for episode in self.episodes) / self.n

    def seconds_to_success(self) -> list[float]:
        """Simulated seconds of each episode that succeeded."""
        return [episode.steps / self.protocol["fps"] for episode in self.episodes if episode.success]

    def reasons(self) -> dict[str, int]:
        """Why episodes were over -> how many, most first."""
        counts = Counter(episode.reason for episode in self.episodes)
        return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

    def latency_s(self) -> dict[str, float] | None:
        """Quantiles of the seconds a prediction took, each as 1 of n; None for a reference."""
        every = [s for episode in self.episodes for s in episode.measured.get("latencies_s", [])]
        if not every:
            return None
        p50, p99 = np.quantile(every, [0.5, 0.99]).tolist()
        return {"p50": p50, "p99": p99, "max": max(every)}

    def real_time_factor(self) -> float | None:
        """Simulated seconds per second of one process, policy and pictures included; above 1 is faster than a robot."""
        wall = sum(episode.measured.get("wall_s", 0.0) for episode in self.episodes)
        simulated = sum(episode.steps for episode in self.episodes) / self.protocol["fps"]
        return simulated / wall if wall > 0 else None

    def to_json(self) -> dict[str, Any]:
        """The document of `understudy eval --json`."""
        steps = [episode.steps for episode in self.episodes if episode.success]
        seconds = self.seconds_to_success()
        return {
            "policy": self.who["name"],
            "reference": self.who["name"] if "sees" not in self.who else None,
            "env": self.protocol["task"],
            "successes": self.successes,
            "n": self.n,
            "success_rate": self.successes / self.n,
            "interval": self.interval.to_json(),
            "confidence": self.confidence,
            "method": METHOD,
            "progress_mean": self.progress_mean,
            "steps_to_success": _spread(steps),
            "time_to_success_s": _spread(seconds),
            "reasons": self.reasons(),
            "latency_s": self.latency_s(),
            "real_time_factor": self.real_time_factor(),
            "protocol": self.protocol,
            "who": self.who,
            "version": __version__,
            "path": str(self.path) if self.path else None,
        }

    def text(self) -> str:
        """The whole answer, several lines."""
        first, count = self.protocol["seeds"]["first"], self.protocol["seeds"]["count"]
        rows = [
            ("success", self.rate()),
            ("progress", f"{self.progress_mean:.2f} on average"),
            ("why", "; ".join(f"{reason} {n}" for reason, n in self.reasons().items())),
        ]
        if seconds := self.seconds_to_success():
            rows.append(("time", f"{np.median(seconds):.1f} s to success (median), at most {max(seconds):.1f} s"))
        if latency := self.latency_s():
            rows.append(
                (
                    "latency",
                    f"{1e3 * latency['p50']:.1f} ms a prediction (median), {1e3 * latency['p99']:.1f} ms (99 %)",
                )
            )
        if factor := self.real_time_factor():
            rows.append(("speed", f"{factor:.2g} times real time, one process"))
        rows.append(("protocol", f"{self.protocol['hash'][:12]}  {self._terms()}"))
        seeds = f"{count} episodes, seeds {first} to {first + count - 1}"
        head = f"{self.protocol['task']}: {name_and_task(self.who)}, {seeds}"
        return "\n".join([head, *(f"  {label:<10} {words}" for label, words in rows)])

    def rate(self) -> str:
        """49 of 50 = 98 %, 95 % interval 89.4 to 99.9 % (Clopper-Pearson)."""
        low, high = self.interval.to_json()
        return (
            f"{self.successes} of {self.n} = {self.successes / self.n:.0%}, {100 * self.confidence:g} % interval "
            f"{100 * low:.1f} to {100 * high:.1f} % (exact, {METHOD})"
        )

    def _terms(self) -> str:
        terms = [f"horizon {self.protocol['horizon']} steps at {self.protocol['fps']} Hz"]
        if (executed := self.protocol["n_action_steps"]) is not None:
            terms.append(f"{executed} action{'s' if executed > 1 else ''} executed of each prediction")
        if (coefficient := self.protocol["temporal_ensemble_coeff"]) is not None:
            terms.append(f"temporal ensembling {coefficient:g}")
        if self.protocol["probe"]:
            terms.append(f"probe: {self.protocol['probe']}")
        return ", ".join(terms)


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Mean, median and largest of the episodes that succeeded; None when none did."""
    if not values:
        return None
    return {"mean": float(np.mean(values)), "median": float(np.median(values)), "max": float(max(values))}
