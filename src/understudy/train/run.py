"""A whole training run: check everything, prepare, print the plan, train, leave a run folder.

`understudy.train(config)` is this file's `train`. A new run needs a folder of its own; with `config.resume` it goes on
from the newest undamaged checkpoint of `config.output_dir`, bit for bit as if it had never stopped.

Of several ranks (distributed.py) all prepare and train, and rank 0 alone writes, validates and speaks.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import files, log
from understudy.core.errors import ConfigError, DiskFull
from understudy.core.events import read_events
from understudy.core.files import check_place, free_bytes, write_atomically
from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.core.units import readable_bytes

from .announce import announce
from .checkpoint import Checkpoints, Resumed, newest_good, restore
from .config import TrainConfig
from .console import Console
from .distributed import Ranks, joined
from .ending import ending, nothing_to_do
from .events import EventLog, Sink
from .hub import check_credentials, push, wants_push
from .lineage import earlier_folders, write_lineage
from .loop import Training, train_loop
from .optim import state_bytes, weight_bytes
from .place import batch_fault
from .plan import print_training_plan
from .prepare import PolicyParts, Prepared, prepare, prepare_policy
from .report import leave_report
from .signals import StopRequest
from .simulation import Simulation, simulation_of
from .sinks import build_sinks
from .start_up import StartUp
from .study_names import leave_study_files
from .telemetry import Telemetry
from .watch import Watch

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Run:
    """A run on disk."""

    path: Path

    def events(self) -> list[dict[str, Any]]:
        """Everything that happened, in order."""
        return read_events(RunFolder(self.path).events)

    @property
    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint's `pretrained_model` folder."""
        last = RunFolder(self.path).last
        return last.resolve() / PRETRAINED if last.exists() else None


def train(config: TrainConfig, *, dry_run: bool = False, launched: float | None = None) -> Run:
    """Train as `config` says; `dry_run` stops after the plan, having written nothing.

    launched   time.time() when the command was started, for the account of the start; None: now

    Raises ConfigError, DataError, HealthStop (exit code 4), ResourceError, Interrupted (after saving).
    """
    with StopRequest() as stop, joined() as ranks:
        stop.forwarded = ranks.world > 1
        folder = RunFolder(Path(ranks.of_leader(str(config.output_dir or config.default_output_dir()))))
        with opened(config, folder, stop, ranks, StartUp(launched), dry_run=dry_run) as training:
            if training is not None:
                train_loop(training)
    return Run(folder.path)


@contextlib.contextmanager
def opened(
    config: TrainConfig,
    folder: RunFolder,
    stop: StopRequest,
    ranks: Ranks,
    start_up: StartUp,
    *,
    dry_run: bool = False,
    beside: Prepared | None = None,
) -> Iterator[Training | None]:
    """A run that only has to be trained; how the block ends is how the run ends. None: there is nothing to train.

    beside   another run on the same dataset, which is then loaded and decoded once for both
    """
    with contextlib.ExitStack() as closing:
        if ranks.leads:
            check_folder(folder, resume=config.resume)
            if config.naming_dir is not None:
                check_place(config.naming_dir, "--naming_dir")
            if config.resume:
                closing.enter_context(held_alone(folder))
            check_credentials(config)
        with start_up.phase("dataset"):
            prepared = _prepared_together(config, folder, ranks, start_up, beside)
        recorded = [part.dataset.root for part in prepared.dataset.parts] + earlier_folders(prepared.config)
        simulation = simulation_of(prepared.config, recorded, folder) if ranks.leads else None
        if dry_run:
            prepared.print_forecast()
            yield None
            return
        checkpoint = _agreed_checkpoint(folder, ranks) if config.resume else None
        with start_up.phase("policy"):
            parts = prepare_policy(prepared, checkpoint)
        if not config.resume and ranks.leads:
            # only now is it certain that the run can start, so that a refused one leaves no folder behind
            folder.path.mkdir(parents=True, exist_ok=True)
            closing.enter_context(held_alone(folder))
            check_folder(folder, resume=False)
        with _begun(prepared, parts, checkpoint, folder, stop, simulation) as training:
            yield training


def _prepared_together(
    config: TrainConfig, folder: RunFolder, ranks: Ranks, start_up: StartUp, beside: Prepared | None
) -> Prepared:
    """The same preparation on every rank; what has to be fetched, rank 0 fetches first."""
    if config.resume and (fault := batch_fault(folder, config.batch_size, config.batch_size, ranks.world)):
        raise ConfigError(fault, where=str(folder.path))
    policy = config.policy.model_copy(update={"device": str(ranks.device(config.policy.device))})
    with ranks.leader_first():
        config = config.model_copy(update={"output_dir": folder.path, "policy": policy})
        prepared = prepare(config, folder, ranks, start_up, beside)
    ranks.check_same("configuration", prepared.config.hash(ranks.world))
    ranks.check_same("dataset", prepared.dataset.fingerprint)
    return prepared


def _agreed_checkpoint(folder: RunFolder, ranks: Ranks) -> Path | None:
    """The checkpoint that rank 0 goes on from. Raises CheckpointError when there is none that is whole."""
    found = ranks.of_leader(str(newest_good(folder) or "") if ranks.leads else "")
    if found and not Path(found).is_dir():
        raise ConfigError(
            "rank 0 goes on from a checkpoint that this rank cannot see",
            where=found,
            hint="keep the run on a disk that every machine has",
        )
    return Path(found) if found else None


def held_alone(folder: RunFolder) -> contextlib.AbstractContextManager[None]:
    """Keep every other process from training in this folder. Raises ConfigError when one is at it."""
    hint = "wait for it, or choose another --output_dir"
    refusal = ConfigError("another process is training in this folder", where=str(folder.path), hint=hint)
    return files.held_alone(folder.lock, refusal)


def check_folder(folder: RunFolder, *, resume: bool) -> None:
    """A new run must not touch what an older one left; a resumed one must find it. Raises ConfigError."""
    check_place(folder.path, "--output_dir")
    content = [p for p in folder.path.glob("*") if not p.name.startswith(".")]
    if resume and not folder.config.exists() and not folder.saved_checkpoints():
        raise ConfigError(
            "there is no run to go on with", where=str(folder.path), hint="leave out --resume to start one"
        )
    if resume or not content:
        return
    if folder.config.exists() or folder.checkpoints.exists():
        hint = f"go on with it: understudy train --resume {folder.path}, or choose another --output_dir"
        raise ConfigError("the output folder holds another run", where=str(folder.path), hint=hint)
    names = ", ".join(sorted(p.name for p in content)[:3])
    raise ConfigError(
        f"the output folder is not empty ({names})", where=str(folder.path), hint="choose another --output_dir"
    )


def check_room(folder: RunFolder, bytes_needed: int) -> None:
    """A disk without room for one checkpoint is named before the first step, not at the first save. Raises DiskFull."""
    free = free_bytes(folder.path)
    if free < bytes_needed:
        raise DiskFull(
            f"a checkpoint takes {readable_bytes(bytes_needed)}, but only {readable_bytes(free)} are free",
            where=str(folder.path),
            hint="free some space, or choose an --output_dir on another disk",
        )


@contextlib.contextmanager
def _begun(
    prepared: Prepared,
    parts: PolicyParts,
    checkpoint: Path | None,
    folder: RunFolder,
    stop: StopRequest,
    simulation: Simulation | None,
) -> Iterator[Training | None]:
    config, ranks = prepared.config, prepared.ranks
    start = Resumed(0, None)
    if checkpoint:
        start = restore(checkpoint, parts.policy, parts.optimizer, parts.schedule, config.steps_before)
    ranks.spread(parts.policy)
    print_training_plan(prepared, parts.policy, parts.optimizer)
    for warning in parts.policy.warnings():
        log.warn(warning)
    if config.resume:
        log.say(f"{'resumed':<10} from step {start.step:,} of {config.steps:,}")
    if over := nothing_to_do(config, start):
        log.say(over)
        yield None
        return
    console = Console(config.steps, start.step)
    watch, events = None, EventLog(Path(os.devnull))
    if ranks.leads:
        if config.save_checkpoint:
            check_room(folder, weight_bytes(parts.policy) + state_bytes(parts.optimizer))
        watch = Watch.of_run(folder.events, config.to_json())
        events = _written_down(prepared, folder, [console, watch])
    saves = config.save_checkpoint and ranks.leads
    training = Training(
        config=config,
        run=folder,
        prepared=prepared,
        update=parts.update,
        source=prepared.source(),
        held_out=prepared.held_out(parts.device) if ranks.leads else None,
        events=events,
        console=console,
        checkpoints=Checkpoints(folder, config.lerobot_json(), config.steps) if saves else None,
        stop=stop,
        ranks=ranks,
        group_names=parts.group_names,
        frames=prepared.train_frames,
        episodes=len(prepared.split.train),
        watch=watch,
        validates=prepared.validates,
        simulation=simulation,
        step=start.step,
        best=start.best,
        patience=start.patience,
    )
    with contextlib.closing(training.source), contextlib.closing(events):
        started_before = start.step > 0 or any(e["event"] == "run_started" for e in read_events(folder.events))
        announce(training, prepared, parts.device, resumed=started_before)
        with ending(training), Telemetry(events, folder.path, lambda: training.step):
            yield training
    if ranks.leads:
        _leave(prepared, folder, parts.device)


def _leave(prepared: Prepared, folder: RunFolder, device: torch.device) -> None:
    """What a finished run leaves beside its checkpoints: the study's files, the report, the policy on the Hub."""
    config = prepared.config
    if config.naming == "study":
        leave_study_files(prepared, folder, device)
    if config.report:
        leave_report(folder)
    if wants_push(config):
        push(config, folder.last.resolve() / PRETRAINED, prepared.ranks.world)


def _written_down(prepared: Prepared, folder: RunFolder, sinks: list[Sink]) -> EventLog:
    """The run's configuration and split, and its log of events, shown to `sinks` and those that were asked for."""
    write_atomically(folder.config, json.dumps(prepared.config.to_json(), indent=2))
    write_atomically(folder.split, json.dumps(prepared.split.to_json(), indent=2))
    write_lineage(prepared, folder)
    return EventLog(folder.events, [*sinks, *build_sinks(prepared.config, folder.path, folder.logs)])
