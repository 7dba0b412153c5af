"""Readers of a run's events: TensorBoard, Weights & Biases, trackio. Each optional, none able to stop a run.

A sink that fails is named once and left out from then on. Those that talk to a network run on a thread of their own, so
a slow answer never delays a step. (The console is in console.py.)
"""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log

from .events import Sink

if TYPE_CHECKING:
    from .config import TrainConfig
    from .tracker_config import TrackioConfig, WandbConfig

_CLOSE_WITHIN_S = 30.0


class Guarded:
    """A sink that cannot hurt: its first failure is said once, after which it is left alone."""

    def __init__(self, name: str, sink: Sink) -> None:
        self._name = name
        self._sink: Sink | None = sink

    def event(self, event: dict[str, Any]) -> None:
        if self._sink is None:
            return
        try:
            self._sink.event(event)
        except Exception as error:  # whatever a tracker raises, training goes on
            self._give_up(error)

    def close(self) -> None:
        if self._sink is None:
            return
        try:
            self._sink.close()
        except Exception as error:  # as above
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._sink = None
        text = str(error).strip().splitlines()
        log.warn(f"{self._name} failed and is left out from here on: {text[0] if text else type(error).__name__}")


class InBackground:
    """Hands events to a sink on a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (event := self._waiting.get()) is not None:
            self._sink.event(event)
        self._sink.close()

    def event(self, event: dict[str, Any]) -> None:
        self._waiting.put(event)

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join(timeout=_CLOSE_WITHIN_S)


_GROUPS = {"step": "train", "validation": "validation", "evaluation": "evaluation", "telemetry": "telemetry"}


def scalars(event: dict[str, Any]) -> dict[str, float]:
    """The numbers of an event by a path-like name: `train/loss`, `validation/action_mae/elbow_flex.pos`."""
    group = _GROUPS.get(event["event"])
    if group is None:
        return {}
    flat: dict[str, float] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, entry in value.items():
                walk(f"{prefix}/{key}", entry)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            flat[prefix] = float(value)

    for key, value in event.items():
        if key not in ("event", "time", "step"):
            walk(f"{group}/{key}", value)
    return flat


class TensorBoard:
    """Scalars into `logs/`, for `tensorboard --logdir RUN/logs`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def event(self, event: dict[str, Any]) -> None:
        values = scalars(event)
        if not values:
            return
        if self._writer is None:
            # imported at the first scalar: it takes longer than everything else before the first step
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder))
        for name, value in values.items():
            self._writer.add_scalar(name, value, event["step"], walltime=event["time"])
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class Wandb:
    """Weights & Biases, with LeRobot's run name, job type and keys (`train/loss`, ...)."""

    def __init__(self, options: WandbConfig, config: TrainConfig, folder: Path) -> None:
        self._options = options
        self._config = config
        self._folder = folder
        self._run: Any = None

    def _start(self) -> None:
        import wandb

        self._run = wandb.init(
            project=self._options.project,
            entity=self._options.entity,
            name=self._config.job_name,
            notes=self._options.notes,
            id=self._options.run_id,
            mode=self._options.mode,
            dir=str(self._folder),
            config=self._config.to_json(),
            job_type="train_eval",
            resume="allow",
        )

    def event(self, event: dict[str, Any]) -> None:
        values = scalars(event)
        if not values:
            return
        if self._run is None:
            self._start()
        self._run.log(values, step=event["step"])

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()


class Trackio:
    """trackio: the same keys, kept locally or in a Space."""

    def __init__(self, options: TrackioConfig, config: TrainConfig) -> None:
        self._options = options
        self._config = config
        self._started = False

    def event(self, event: dict[str, Any]) -> None:
        values = scalars(event)
        if not values:
            return
        import trackio

        if not self._started:
            trackio.init(
                project=self._options.project,
                name=self._config.job_name,
                space_id=self._options.space_id,
                config=self._config.to_json(),
            )
            self._started = True
        trackio.log(values, step=event["step"])

    def close(self) -> None:
        if self._started:
            import trackio

            trackio.finish()


def build_sinks(config: TrainConfig, folder: Path, logs: Path) -> list[Sink]:
    """The sinks that a configuration asks for, each guarded."""
    sinks: list[Sink] = []
    if config.tensorboard:
        sinks.append(InBackground(Guarded("TensorBoard", TensorBoard(logs))))
    if config.wandb.enable:
        sinks.append(InBackground(Guarded("Weights & Biases", Wandb(config.wandb, config, folder))))
    if config.trackio.enable:
        sinks.append(InBackground(Guarded("trackio", Trackio(config.trackio, config))))
    return sinks
