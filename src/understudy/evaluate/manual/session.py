"""A session at the robot: says what to do, takes down what happened, and at the end tells who was who.

    FOLDER/A/  B/ ...      an evaluation each, as one in simulation leaves it; `understudy compare FOLDER/A FOLDER/B`
    FOLDER/start-A.sh      what starts policy A, if a command was given; else FOLDER/policies/A, a link to it

It drives no robot. A session that was stopped (q, Ctrl-C, a power cut) goes on after the last run that was judged.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.core import log
from understudy.core.errors import ConfigError, Interrupted
from understudy.core.files import link_atomically, write_atomically
from understudy.evaluate.journal import Journal, opened
from understudy.evaluate.protocol import FORMAT, with_hash
from understudy.evaluate.records import EpisodeRecord
from understudy.evaluate.simulation.result import SimulationResult

from .config import MANUAL, ManualConfig
from .keys import ask_key, ask_line
from .trials import Run, labelled, schedule


@dataclass(frozen=True)
class Judged:
    """What the person said of a run."""

    success: bool
    progress: float
    seconds: float
    notes: str
    repeats: int


def run_session(
    policies: list[str],
    config: ManualConfig,
    *,
    trials: int,
    seed: int,
    folder: Path,
    resume: bool,
    confidence: float = 0.95,
) -> list[SimulationResult]:
    """Guide a person through `trials` trials of every policy; the result of each, by label.

    Raises ConfigError, DataError for a folder that belongs to another session or is damaged, DiskFull, Interrupted
    when the person quits before the end (everything judged so far is kept).
    """
    who = labelled(policies, seed)
    check_startable(who, config)
    protocol = trial_protocol(config, trials, seed)
    runs = schedule(list(who), trials, seed)
    with contextlib.ExitStack() as stack:
        journals = {
            label: stack.enter_context(opened(folder / label, _facts(label, policy), protocol, resume=resume))
            for label, policy in who.items()
        }
        _write_starts(folder, who, config)
        left = [run for run in runs if run.trial not in journals[run.label].done]
        log.say(f"{len(runs) - len(left)} of {len(runs)} runs are judged; {len(left)} to go\n")
        for run in left:
            judged = _judged_unless_stopped(run, trials, folder, config)
            if judged is None:
                raise _stopped(journals, len(runs), folder)
            journals[run.label].append(record_of(run, judged, config))
        results = []
        for label, policy in who.items():
            done = journals[label].done
            episodes = [done[trial] for trial in sorted(done)]
            result = SimulationResult(_facts(label, policy), protocol, episodes, confidence, folder / label)
            journals[label].finish(result.to_json())
            results.append(result)
    return results


def trial_protocol(config: ManualConfig, trials: int, seed: int) -> dict[str, Any]:
    """The protocol of a session, the same for all its policies: steps are whole seconds, seeds are trials."""
    return with_hash(
        {
            "format": FORMAT,
            "task": MANUAL,
            "version": 1,
            "settings": {"task": config.task, "order": seed},
            "packages": {},
            "seeds": {"first": 0, "count": trials},
            "n": trials,
            "horizon": config.time_limit_s,
            "fps": 1,
            "n_action_steps": None,
            "temporal_ensemble_coeff": None,
            "noise": None,
            "probe": None,
        }
    )


def record_of(run: Run, judged: Judged, config: ManualConfig) -> EpisodeRecord:
    """The record of a run. Beyond the time limit it has failed, whatever was pressed."""
    late = config.time_limit_s is not None and judged.seconds > config.time_limit_s
    success = judged.success and not late
    return EpisodeRecord(
        seed=run.trial,
        instruction=config.task,
        success=success,
        progress=1.0 if success else min(judged.progress, 0.99),
        steps=round(judged.seconds),
        reason="success" if success else "time limit" if late else (judged.notes or "failure"),
        measured={"wall_s": round(judged.seconds, 3), "notes": judged.notes, "repeats": judged.repeats},
    )


def check_startable(who: Mapping[str, str], config: ManualConfig) -> None:
    """Whoever judges has to start a policy without learning its name. Raises ConfigError where that cannot be."""
    if config.command is not None:
        if "{policy}" not in config.command:
            raise ConfigError("the command does not say where the policy goes: {policy}", where="--manual.command")
        return
    remote = [policy for policy in who.values() if not Path(policy).expanduser().exists()]
    if remote:
        raise ConfigError(
            f"there is no `{remote[0]}` here, so no blinded link to it can be made",
            where="--manual.policies",
            hint="give what starts the robot: --manual.command='... --policy.path={policy}'",
        )


def _facts(label: str, policy: str) -> dict[str, Any]:
    # "sees" tells a trained policy from a reference; what a robot sees is not known here
    return {"name": policy, "type": MANUAL, "fingerprint": policy, "device": None, "label": label, "sees": {}}


def _write_starts(folder: Path, who: Mapping[str, str], config: ManualConfig) -> None:
    for label, policy in who.items():
        if config.command is not None:
            command = config.command.replace("{policy}", shlex.quote(policy))
            write_atomically(folder / f"start-{label}.sh", f"#!/bin/sh\nexec {command}\n")
        else:
            (folder / "policies").mkdir(exist_ok=True)
            link_atomically(folder / "policies" / label, str(Path(policy).expanduser().absolute()))


def _judged_unless_stopped(run: Run, trials: int, folder: Path, config: ManualConfig) -> Judged | None:
    """Ctrl-C at the robot is the same as q."""
    try:
        return _judge(run, trials, folder, config)
    except KeyboardInterrupt:
        return None


def _judge(run: Run, trials: int, folder: Path, config: ManualConfig) -> Judged | None:
    """One run, repeated as often as asked for; None when the person stops."""
    start = f"sh {folder / f'start-{run.label}.sh'}" if config.command else f"policy {folder / 'policies' / run.label}"
    repeats = 0
    while True:
        log.say(f"trial {run.trial + 1} of {trials}, policy {run.label}: {start}")
        log.say(f"  put everything as it is put for trial {run.trial + 1}")
        if ask_line("  Enter when it starts moving") is None:
            return None
        began = time.monotonic()
        key = ask_key("  s success, f failure, r repeat (does not count), q stop here", "sfrq")
        seconds = time.monotonic() - began
        if key in (None, "q"):
            return None
        if key == "r":
            repeats += 1
            continue
        progress = 1.0 if key == "s" else _ask_progress()
        notes = ask_line("  notes (Enter: none)")
        if progress is None or notes is None:
            return None
        return Judged(key == "s", progress, seconds, notes, repeats)


def _ask_progress() -> float | None:
    """0..1, as the person judges it; None when there is no answer any more."""
    while True:
        text = ask_line("  how far did it get, 0 to 1 (Enter: 0)")
        if text is None:
            return None
        with contextlib.suppress(ValueError):
            value = float(text or 0)
            if 0 <= value <= 1:
                return value
        log.say("  a number from 0 to 1, please")


def _stopped(journals: Mapping[str, Journal], total: int, folder: Path) -> Interrupted:
    done = sum(len(journal.done) for journal in journals.values())
    return Interrupted(
        f"stopped after {done} of {total} runs, which are kept",
        where=str(folder),
        hint=f"go on with the same command and --resume=true --output_dir={folder}",
    )
