"""A whole evaluation in simulation: check everything, run the episodes in processes, keep records, sum up.

    plan      who, which task, which protocol; every refusal happens here, before anything is written
    execute   the episodes that are not done yet, each kept as it finishes; then videos, pictures, summary

A killed evaluation is gone on with by the same command and --resume=true.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.core import log
from understudy.core.errors import Interrupted
from understudy.core.signals import ended_politely
from understudy.core.stats import check_confidence
from understudy.envs.catalogue import EnvConfig, make_env
from understudy.evaluate.journal import Journal, opened
from understudy.evaluate.protocol import protocol_of
from understudy.evaluate.records import EpisodeRecord, seeds_of
from understudy.rollout.probes import blanked_features
from understudy.rollout.workers import Lost, run_in_workers

from .config import EvalConfig, PolicyOptions, free_folder, output_name
from .result import SimulationResult
from .seeds import check_unseen, datasets_of
from .subject import Subject, subject_of
from .worker import LAST_FRAMES

TARGET = "understudy.evaluate.simulation.worker:serve"


@dataclass(frozen=True)
class Plan:
    """An evaluation that can be run."""

    subject: Subject
    protocol: dict[str, Any]
    setup: dict[str, Any]
    config: EvalConfig
    workers: int

    @property
    def seeds(self) -> list[int]:
        """The seed of each episode."""
        return seeds_of(self.protocol)


def plan(
    policy: PolicyOptions,
    env: EnvConfig,
    config: EvalConfig,
    *,
    seed: int,
    subject: Subject | None = None,
    task: str | None = None,
) -> Plan:
    """Everything that can be known before the first episode.

    Raises ConfigError: unknown task, features that do not match, probes that name nothing, seeds that were trained on;
    CheckpointError.
    """
    subject = subject or subject_of(policy, task)
    env = subject.sighted(env)
    with contextlib.closing(make_env(env)) as world:
        simulated = world.task
        subject.check_fits(simulated)
        blanked_features(simulated, config.blank)
        if subject.setup["type"] == "expert":
            world.begin(seed)
            world.expert()
    protocol = protocol_of(
        simulated,
        env,
        first_seed=seed,
        n=config.n_episodes,
        n_action_steps=subject.n_action_steps,
        temporal_ensemble_coeff=subject.temporal_ensemble_coeff,
        blank=config.blank,
        shuffle=config.shuffle,
    )
    if not config.allow_training_seeds:
        check_unseen(datasets_of(subject.home), simulated.name, seeds_of(protocol))
    setup = {
        "env": env.model_dump(mode="json"),
        "policy": subject.setup,
        "blank": config.blank,
        "shuffle": config.shuffle,
    }
    on_gpu = str(subject.setup.get("device") or "cpu") != "cpu"
    return Plan(subject, protocol, setup, config, config.processes(on_gpu=on_gpu))


def evaluate_in_simulation(
    policy: PolicyOptions,
    env: EnvConfig,
    config: EvalConfig | None = None,
    *,
    seed: int,
    folder: Path | None = None,
    resume: bool = False,
    confidence: float = 0.95,
    task: str | None = None,
) -> SimulationResult:
    """Evaluate `policy` on the episodes seed, seed + 1, ... of `env`, and leave everything in `folder`.

    folder   None: eval/<task>-<step> of the policy's run, outputs/eval/<task>-<name> for a reference
    resume   go on with what is in the folder; it has to be the same policy and protocol
    task     what a policy that reads is told, in words; None: the simulated task's own instruction

    Raises what `plan` raises, DataError for a damaged folder, DiskFull, Interrupted.
    """
    check_confidence(confidence)
    config = config or EvalConfig()
    planned = plan(policy, env, config, seed=seed, task=task)
    target = folder or default_folder(planned, resume=resume)
    with ended_politely():
        found = execute(planned, target, resume=resume, confidence=confidence)
    assert found is not None
    return found


def default_folder(planned: Plan, *, resume: bool) -> Path:
    """Where the result goes when nobody says: no result is overwritten."""
    home = planned.subject.home
    name = output_name(planned.protocol["task"], planned.subject.step)
    return free_folder(home.eval if home else Path("outputs/eval"), name, resume=resume)


def execute(
    planned: Plan,
    folder: Path,
    *,
    resume: bool,
    confidence: float = 0.95,
    quiet: bool = False,
    wanted: Callable[[], bool] = lambda: True,
) -> SimulationResult | None:
    """Run what is missing, and leave the whole evaluation in `folder`; None when `wanted` said no before the end.

    Raises ConfigError when the folder belongs to another evaluation, DataError, DiskFull, Interrupted.
    """
    with opened(folder, planned.subject.who, planned.protocol, resume=resume) as journal:
        setup = planned.setup | {"folder": str(folder.absolute())}
        missing = [seed for seed in planned.seeds if seed not in journal.done]
        try:
            with _progress(planned, len(missing), quiet) as advance:
                _run(planned, setup, missing, journal, advance, wanted)
            if len(journal.done) < planned.protocol["n"]:
                return None
            episodes = [journal.done[seed] for seed in sorted(journal.done)]
            _make_videos(planned, setup, episodes, folder, wanted)
        except KeyboardInterrupt:
            raise _interrupted(journal, planned, 130) from None
        except Interrupted as error:
            raise _interrupted(journal, planned, error.exit_code) from None
        result = SimulationResult(planned.subject.who, planned.protocol, episodes, confidence, folder)
        _make_mosaic(episodes, folder)
        journal.finish(result.to_json())
    return result


def _run(
    planned: Plan,
    setup: dict[str, Any],
    missing: list[int],
    journal: Journal,
    advance: log.Advance,
    wanted: Callable[[], bool],
) -> None:
    items = [{"seed": seed} for seed in missing]
    succeeded = sum(record.success for record in journal.done.values())
    for item, answer in run_in_workers(
        TARGET, setup, items, workers=planned.workers, timeout_s=planned.config.timeout_s, wanted=wanted
    ):
        record = _lost(item["seed"], answer) if isinstance(answer, Lost) else EpisodeRecord(**answer["record"])
        journal.append(record)
        succeeded += record.success
        advance(1, f"{succeeded} of {len(journal.done)} succeeded")


@contextlib.contextmanager
def _progress(planned: Plan, episodes: int, quiet: bool) -> Iterator[log.Advance]:
    """Progress as a person sees it; with `quiet` none, because somebody else draws on the terminal."""
    if quiet or not episodes:
        yield lambda amount=1, note="": None
        return
    with log.progress(f"{planned.protocol['task']}, {planned.subject.name}", episodes, "episodes") as advance:
        yield advance


def _lost(seed: int, lost: Lost) -> EpisodeRecord:
    """The record of an episode that never answered."""
    return EpisodeRecord(seed, "", success=False, progress=0.0, steps=0, reason=lost.reason)


def _interrupted(journal: Journal, planned: Plan, exit_code: int) -> Interrupted:
    return Interrupted(
        f"stopped after {len(journal.done)} of {planned.protocol['n']} episodes, which are kept",
        exit_code=exit_code,
        where=str(journal.folder),
        hint=f"go on with the same command and --resume=true --output_dir={journal.folder}",
    )


def _make_videos(
    planned: Plan, setup: dict[str, Any], episodes: list[EpisodeRecord], folder: Path, wanted: Callable[[], bool]
) -> None:
    """Film the first episodes and as many failures, by running them once more: what was measured drew nothing."""
    count = planned.config.videos
    # one in which the process hung or died has no steps, and would do so again
    answered = [episode for episode in episodes if episode.steps]
    failed = [episode for episode in answered if not episode.success]
    chosen = {episode.seed: episode for episode in [*answered[:count], *failed[:count]]}
    files = {seed: folder / "videos" / f"{seed}-{_end(episode)}.mp4" for seed, episode in chosen.items()}
    items = [{"seed": seed, "video": str(file.absolute())} for seed, file in files.items() if not file.exists()]
    # drawing takes its time too
    timeout_s = 3 * planned.config.timeout_s
    for item, answer in run_in_workers(
        TARGET, setup, items, workers=planned.workers, timeout_s=timeout_s, wanted=wanted
    ):
        seed = item["seed"]
        if isinstance(answer, Lost):
            log.warn(f"the episode of seed {seed} could not be filmed: {answer.reason}")
        elif not _same(EpisodeRecord(**answer["record"]), chosen[seed]):
            log.warn(f"the episode of seed {seed} went otherwise when it was filmed: it is not deterministic")
    if items:
        from .grid import write_grid

        write_grid(folder / "episodes.mp4", list(files.values()), planned.protocol["fps"])


def _end(episode: EpisodeRecord) -> str:
    return "success" if episode.success else "failure"


def _same(one: EpisodeRecord, other: EpisodeRecord) -> bool:
    return (one.success, one.steps, one.progress, one.reason) == (
        other.success,
        other.steps,
        other.progress,
        other.reason,
    )


def _make_mosaic(episodes: list[EpisodeRecord], folder: Path) -> None:
    from .mosaic import write_mosaic

    last_frames = folder / LAST_FRAMES
    if last_frames.exists() or not (folder / "failures.png").exists():
        write_mosaic(folder / "failures.png", [e for e in episodes if not e.success], last_frames)
    shutil.rmtree(last_frames, ignore_errors=True)


@contextlib.contextmanager
def passing_folder() -> Iterator[Path]:
    """A folder for an evaluation of which nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="understudy-eval-") as name:
        yield Path(name) / "evaluation"
