"""How much of each chunk to execute, and whether to average overlapping ones: tried on recorded validation episodes.

From chunks predicted at every frame it is worked out what each setting would have executed there (execution.py), how
far that is from what was demonstrated, and how rough a motion it is beside the demonstrated one.

    action_error   mean over the joints of |executed - demonstrated| / standard deviation
    roughness      |change of the step from one control step to the next|, divided by the demonstrated one: the median
                   over the joints, because one that only trembles would decide a mean

The rule: of the settings whose error is within 5 % of the smallest, those no rougher than the demonstrations (or, where
all are, than the smoothest); of these the configured one, else the one with the smallest error. Nothing is executed
here, so errors do not build up, and predicting often looks better than it is on a robot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from understudy.policies.action_error import is_moving
from understudy.policies.config import Horizon

from .execution import ensembled, open_loop

# differences below this share say nothing: frames of one episode are no independent measurements
TOO_SMALL = 1.05
LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200)
# positive ones lean on older predictions, negative ones on newer; 0.01 is the ACT paper's
COEFFICIENTS = (0.1, 0.01, 0.0, -0.1)
CAVEAT = (
    "on recordings errors do not build up, so predicting often looks better here than it is; on a robot, or simulated, "
    "try the recommended setting beside the configured one"
)


@dataclass(frozen=True)
class Setting:
    """One way of executing chunks: `n_action_steps` of each, or the weighted mean of all there are."""

    n_action_steps: int
    temporal_ensemble_coeff: float | None = None

    def execute(self, chunks: np.ndarray) -> np.ndarray:
        """(T, A): what is executed at each frame of an episode, from `chunks` (T, S, A) predicted at each."""
        if self.temporal_ensemble_coeff is None:
            return open_loop(chunks, self.n_action_steps)
        return ensembled(chunks, self.temporal_ensemble_coeff)

    def __str__(self) -> str:
        if self.temporal_ensemble_coeff is None:
            return f"n_action_steps={self.n_action_steps}"
        return f"temporal_ensemble_coeff={self.temporal_ensemble_coeff:g}"


def configured(horizon: Horizon) -> Setting:
    """The setting that the policy's configuration asks for."""
    return Setting(horizon.executed, horizon.ensemble_coefficient)


def settings_to_try(horizon: Horizon) -> list[Setting]:
    """The configured one among others that the policy can be set to; none when a chunk is a single action."""
    if horizon.predicted < 2:
        return []
    own = configured(horizon)
    lengths = {n for n in LENGTHS if n < horizon.predicted} | {horizon.predicted}
    coefficients = list(COEFFICIENTS) if horizon.can_ensemble else []
    if own.temporal_ensemble_coeff is None:
        lengths.add(own.n_action_steps)
    elif own.temporal_ensemble_coeff not in coefficients:
        coefficients.append(own.temporal_ensemble_coeff)
    return [*map(Setting, sorted(lengths)), *(Setting(1, c) for c in sorted(coefficients, reverse=True))]


@dataclass(frozen=True)
class Trial:
    """What a setting would have done: error in standard deviations, roughness in the demonstrator's."""

    setting: Setting
    error: float
    roughness: float

    def to_json(self) -> dict[str, Any]:
        """The setting by the names of its options, the error and the roughness."""
        return {
            "n_action_steps": self.setting.n_action_steps,
            "temporal_ensemble_coeff": self.setting.temporal_ensemble_coeff,
            "action_error": self.error,
            "roughness": self.roughness,
        }


@dataclass(frozen=True)
class HorizonChoice:
    """The settings that were tried, and the one to take."""

    episodes: list[int]
    frames: int
    trials: list[Trial]
    configured: Trial

    @property
    def recommended(self) -> Trial:
        """By the rule above: the configured setting wherever nothing speaks against it."""
        smallest = min(trial.error for trial in self.trials)
        near = [trial for trial in self.trials if trial.error <= TOO_SMALL * smallest]
        smooth = max(1.0, min(trial.roughness for trial in near))
        good = [trial for trial in near if trial.roughness <= TOO_SMALL * smooth]
        return self.configured if self.configured in good else min(good, key=lambda trial: trial.error)

    def verdict(self) -> list[str]:
        """One sentence."""
        best, own = self.recommended, self.configured
        errors = [trial.error for trial in self.trials]
        alike = max(errors) <= TOO_SMALL * min(errors)
        if alike and max(trial.roughness for trial in self.trials) <= TOO_SMALL:
            return ["how much of each chunk is executed makes no difference here: errors within 5 %, none too rough"]
        if best is own:
            return [f"on validation episodes no setting serves better than {own.setting}, as configured"]
        gain = f"error {best.error:.3f} instead of {own.error:.3f}"
        if own.error <= TOO_SMALL * best.error:
            gain = f"no larger an error, and {own.roughness / max(best.roughness, 1e-12):.1f} times as smooth"
        return [f"on validation episodes {best.setting} serves better than {own.setting}, as configured: {gain}"]

    def to_json(self) -> dict[str, Any]:
        """Every trial, the configured and the recommended one, and the caveat."""
        return {
            "episodes": self.episodes,
            "frames": self.frames,
            "settings": [trial.to_json() for trial in self.trials],
            "configured": self.configured.to_json(),
            "recommended": self.recommended.to_json(),
            "verdict": " ".join(self.verdict()),
            "caveat": CAVEAT,
        }


@dataclass
class _Sums:
    """Over frames, per joint: distances to the demonstrated action, and changes of the step."""

    error: np.ndarray = field(default_factory=lambda: np.zeros(1))
    bend: np.ndarray = field(default_factory=lambda: np.zeros(1))
    frames: int = 0

    def add(self, executed: np.ndarray, demonstrated: np.ndarray) -> None:
        self.error = self.error + np.abs(executed - demonstrated).sum(0)
        self.bend = self.bend + np.abs(np.diff(executed, n=2, axis=0)).sum(0)
        self.frames += len(executed)


@dataclass
class Trials:
    """Collects, episode by episode, what each setting would have executed.

    spread   (A,) standard deviation of each joint's actions in the training data
    """

    horizon: Horizon
    spread: np.ndarray
    episodes: list[int] = field(default_factory=list)
    _sums: dict[Setting, _Sums] = field(default_factory=dict)
    _demonstrated: _Sums = field(default_factory=_Sums)

    def add(self, episode: int, chunks: np.ndarray, demonstrated: np.ndarray) -> None:
        """An episode: `chunks` (T, S, A) predicted at every frame, `demonstrated` (T, A)."""
        truth = demonstrated.astype(np.float64)
        for setting in settings_to_try(self.horizon):
            self._sums.setdefault(setting, _Sums()).add(setting.execute(chunks).astype(np.float64), truth)
        self._demonstrated.add(truth, truth)
        self.episodes.append(episode)

    def result(self) -> HorizonChoice | None:
        """The choice; None when there was nothing to choose from, or the demonstrator never changed a step."""
        if not self._sums or not np.any(self._usual[self._moving] > 0):
            return None
        trials = [
            Trial(setting, self._error(sums.error / sums.frames), self._roughness(sums.bend))
            for setting, sums in self._sums.items()
        ]
        own = next(trial for trial in trials if trial.setting == configured(self.horizon))
        return HorizonChoice(self.episodes, self._demonstrated.frames, trials, own)

    @property
    def _moving(self) -> np.ndarray:
        """(A,) bool: the joints that count."""
        return is_moving(self.spread)

    @property
    def _usual(self) -> np.ndarray:
        """(A,) how much the demonstrator's step changes, summed."""
        return np.broadcast_to(self._demonstrated.bend, self.spread.shape)

    def _error(self, per_joint: np.ndarray) -> float:
        return float((per_joint[self._moving] / self.spread[self._moving]).mean())

    def _roughness(self, bend: np.ndarray) -> float:
        counted = self._moving & (self._usual > 0)
        return float(np.median(bend[counted] / self._usual[counted]))
