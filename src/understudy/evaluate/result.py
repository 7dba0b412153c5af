"""HeldOutResult: what an evaluation on held-out episodes found, and the files it leaves.

eval/<name>/summary.json       the numbers, as `understudy eval --json` prints them
eval/<name>/predictions.npz    demonstrated and predicted actions of each episode, aligned in time
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy import __version__
from understudy.core.files import folder_written_atomically
from understudy.policies.action_error import ActionError, in_deviations

from .horizon_choice import HorizonChoice
from .probed import Probed
from .seams import Seams

# from this ratio of errors on one policy is called better than another
BETTER = 1.05
BASELINES = {
    "hold": "holding the last action",
    "mean": "the mean action",
    "nearest": "what was done in the most similar training state",
}


@dataclass(frozen=True)
class Replay:
    """An episode beside what the policy predicted for it: chunk after chunk, each from a true observation.

    demonstrated, predicted   (T, A) in the dataset's units
    starts                    frames at which a prediction was made
    """

    episode: int
    demonstrated: np.ndarray
    predicted: np.ndarray
    starts: np.ndarray


@dataclass(frozen=True)
class HeldOutResult:
    """Action errors of a policy and of the baselines on the same windows.

    errors          "policy", "hold", "mean" if the policy knows the mean action, "nearest" if there was where to look
    deviation       (A,) standard deviation of each joint in the training data, None if the policy does not know it
    frames          how many windows were measured (n)
    probed          None: not asked for
    seams           None: no episode has two chunks
    horizon_choice  None: no validation episode to choose by, or nothing to choose
    task            what the policy was told instead of each episode's own task; None: nothing else
    absent          what of "nearest" and "horizon_choice" could not be measured -> why
    """

    policy: str
    dataset: str
    fps: float
    episodes: list[int]
    frames: int
    joints: list[str]
    errors: dict[str, ActionError]
    deviation: np.ndarray | None
    replays: list[Replay]
    probed: Probed | None = None
    seams: Seams | None = None
    horizon_choice: HorizonChoice | None = None
    task: str | None = None
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """How many steps ahead were compared."""
        return len(self.errors["policy"].count)

    def mae(self, who: str = "policy") -> dict[str, float]:
        """joint -> mean absolute error over all steps ahead, in the dataset's units."""
        return dict(zip(self.joints, self.errors[who].per_joint().tolist(), strict=True))

    def mae_mean(self, who: str = "policy") -> float:
        """Its plain mean over the joints; joints of different units are added all the same."""
        return float(self.errors[who].per_joint().mean())

    def error(self, who: str = "policy") -> float | None:
        """Mean over the joints that move of error divided by standard deviation: the criterion of `best`."""
        if self.deviation is None:
            return None
        return in_deviations(self.errors[who], torch.from_numpy(self.deviation))

    def times_better(self, baseline: str) -> float:
        """Error of the baseline divided by that of the policy, in standard deviations where they are known."""
        if self.deviation is not None:
            return (self.error(baseline) or 0.0) / max(self.error() or 0.0, 1e-12)
        return self.mae_mean(baseline) / max(self.mae_mean(), 1e-12)

    def verdicts(self) -> list[str]:
        """What a person needs to know, a line each: baselines, what it looks at, seams, how to execute it."""
        against = "; ".join(
            f"{compared(self.times_better(name))} {words}" for name, words in BASELINES.items() if name in self.errors
        )
        others = [part for part in (self.probed, self.seams, self.horizon_choice) if part is not None]
        said = [against, *(sentence for part in others for sentence in part.verdict())]
        if self.probed is not None and "mean" in self.errors and self.times_better("mean") < BETTER:
            said.append("a policy that does not beat the mean action has learnt too little for its probes to say much")
        return said

    def verdict(self) -> str:
        """The same in one line, which may follow "It is"."""
        first, *others = self.verdicts()
        return ". ".join([first, *(sentence[0].upper() + sentence[1:] for sentence in others)])

    def to_json(self) -> dict[str, Any]:
        """The document of `understudy eval --json`."""
        others = [name for name in self.errors if name != "policy"]
        document: dict[str, Any] = {
            "policy": self.policy,
            "dataset": self.dataset,
            "episodes": self.episodes,
            "frames": self.frames,
            **({} if self.task is None else {"task": self.task}),
            "action_mae": self.mae(),
            "action_mae_mean": self.mae_mean(),
            "action_error": self.error(),
            "baselines": {name: self.mae(name) for name in others},
            "baselines_mae_mean": {name: self.mae_mean(name) for name in others},
            "baselines_action_error": {name: self.error(name) for name in others},
            "times_better": {name: self.times_better(name) for name in others},
            "verdict": self.verdict(),
            "probes": self.probed.to_json(self.joints) if self.probed else {},
            "probe_frames": self.probed.frames if self.probed else 0,
            "seams": self.seams.to_json(self.joints) if self.seams else None,
            "horizon_choice": self.horizon_choice.to_json() if self.horizon_choice else None,
            "absent": self.absent,
            "by_step": {
                "seconds_ahead": [step / self.fps for step in range(self.steps)],
                "frames": [int(count) for count in self.errors["policy"].count],
                **{name: self._by_step(name) for name in self.errors},
            },
            "version": __version__,
        }
        return document

    def _by_step(self, who: str) -> dict[str, list[float | None]]:
        """joint -> error at each step ahead; null where no episode is long enough."""
        table = self.errors[who].per_step().numpy().T
        return {
            joint: [None if np.isnan(value) else float(value) for value in row]
            for joint, row in zip(self.joints, table, strict=True)
        }

    def save(self, folder: Path) -> None:
        """Write summary.json and predictions.npz into a new `folder`. Raises FileExistsError, DiskFull."""
        arrays: dict[str, np.ndarray] = {
            "joints": np.array(self.joints),
            "fps": np.array(self.fps),
            "episodes": np.array([replay.episode for replay in self.replays]),
        }
        for replay in self.replays:
            arrays[f"demonstrated_{replay.episode}"] = replay.demonstrated
            arrays[f"predicted_{replay.episode}"] = replay.predicted
            arrays[f"starts_{replay.episode}"] = replay.starts
        packed = BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **arrays)
        with folder_written_atomically(folder) as temporary:
            (temporary / "summary.json").write_text(json.dumps(self.to_json() | {"path": str(folder)}, indent=2) + "\n")
            (temporary / "predictions.npz").write_bytes(packed.getvalue())


def compared(ratio: float) -> str:
    """1.84 -> '1.8 times better than'; 0.5 -> '2.0 times worse than'; 1.01 -> 'no better than'."""
    if ratio >= BETTER:
        return f"{ratio:.1f} times better than" if ratio >= 1.095 else f"{ratio:.2f} times better than"
    if ratio > 0.95:
        return "no better than"
    return f"{1 / ratio:.1f} times worse than" if ratio > 0 else "worse than"
