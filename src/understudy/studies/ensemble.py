"""One configuration over many training seeds: a run folder for each, and one summary of what they say together.

    result = run_ensemble(EnsembleConfig(train=config, seeds=tuple(range(1000, 1010)), folder=Path("outputs/x")))
    result.measures["action_error"].mean, result.success, result.runs[1003].best

Each run is a process of its own, `understudy train --config_path=OUT/config.json --seed=S`, and equal bit for bit to
one that was started so by hand; or all are trained as one computation, where that is sooner (ensemble_together.py). A
second call goes on: finished seeds are kept, interrupted ones resumed, seeds added.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.errors import ConfigError, Interrupted
from understudy.core.files import write_atomically

from .ensemble_config import EnsembleConfig
from .ensemble_folder import (
    EnsembleFolder,
    Facts,
    as_begun,
    check_folder,
    check_not_training,
    held_alone,
    is_finished,
    is_started,
)
from .ensemble_page import page, table
from .ensemble_precision import settle_precision
from .ensemble_processes import Here, Place, Task, fan_out
from .ensemble_progress import Board
from .ensemble_summary import EnsembleResult, summarize
from .ensemble_together import choose_together, threads_of_all, train_at_once

if TYPE_CHECKING:
    from understudy.core.run_folder import RunFolder
    from understudy.train.config import TrainConfig

PROGRAM = (sys.executable, "-m", "understudy")


def run_ensemble(config: EnsembleConfig) -> EnsembleResult:
    """Train every seed that is not finished, then summarise all.

    A seed that fails stops no other: it is in the result with its reason, and `result.exit_code` is not 0.

    Raises ConfigError, DataError, ResourceError before anything is written, and Interrupted once all runs that were
    going on have saved; the summary of what there is has been written by then.
    """
    folder, work = EnsembleFolder(config.folder), check_ensemble(config)
    folder.path.mkdir(parents=True, exist_ok=True)
    with held_alone(folder):
        if work.is_new:
            write_atomically(folder.config, json.dumps(work.shared.to_json(), indent=2) + "\n")
        Facts(work.seeds, work.threads, work.together).save(folder.facts)
        codes, stopped = _train(config, folder, work)
        result = summarize(
            folder,
            work.seeds,
            codes,
            finished=work.finished,
            config=work.shared.to_json(),
            threads=work.threads,
            confidence=config.confidence,
        )
        _write(result, folder)
    if stopped is not None:
        raise Interrupted(
            f"stopped: {len(result.finished)} of {len(work.seeds)} seeds are finished, what was running has saved",
            exit_code=stopped,
            hint=f"go on with: understudy ensemble --resume {folder.path}",
        )
    log.say(f"\n{table(result)}\n\n{folder.page}")
    return result


@dataclass(frozen=True)
class Work:
    """What is to be done in a folder.

    seeds      all of the ensemble, those of earlier calls first
    finished   of which these are done
    at_once    how many run at a time; None: as many as Ray has room for
    together   threads of the one computation that all are trained with; 0: a process for each
    """

    shared: TrainConfig
    seeds: list[int]
    finished: list[int]
    threads: int
    at_once: int | None
    is_new: bool
    together: int = 0

    @property
    def left(self) -> list[int]:
        """The seeds still to be trained."""
        return [seed for seed in self.seeds if seed not in self.finished]

    def line(self) -> str:
        """The plan in words."""
        counted = f"{len(self.seeds)} seeds" + (f", {len(self.finished)} of them finished" if self.finished else "")
        if self.together:
            return (
                f"{'ensemble':<10} {counted}; all at once, as one computation with {_threads_in_words(self.together)}"
            )
        at_once = "all at once" if self.at_once is None else f"{min(self.at_once, max(1, len(self.left)))} at a time"
        return f"{'ensemble':<10} {counted}; {at_once}, each with {_threads_in_words(self.threads)}"


def check_ensemble(config: EnsembleConfig) -> Work:
    """Check everything that can be checked without training, and print the plan. Writes nothing.

    Raises ConfigError, DataError, ResourceError.
    """
    folder = EnsembleFolder(config.folder)
    shared = as_begun(folder, config.shared())
    facts = check_folder(folder, shared)
    seeds = list(dict.fromkeys([*(facts.seeds if facts else []), *config.seeds]))
    finished = [seed for seed in seeds if is_finished(folder.run(seed))]
    at_once = config.jobs if config.jobs or config.ray != "off" else 1
    left = len(seeds) - len(finished)
    threads = _threads(config, facts, min(at_once or left, left))
    work = Work(shared, seeds, finished, threads, at_once, facts is None)
    check_not_training(folder, work.left)
    if fresh := [seed for seed in work.left if not is_started(folder.run(seed))]:
        _rehearse(shared, fresh[0], folder.run(fresh[0]))
    if shared.precision == "auto":
        work = replace(work, shared=settle_precision(shared, threads))
    work = replace(work, together=_together(config, facts, work))
    log.say(work.line())
    return work


def _together(config: EnsembleConfig, facts: Facts | None, work: Work) -> int:
    """Threads of the one computation; 0: a process for each seed. An ensemble goes on as it was begun."""
    if not work.left:
        return facts.together if facts is not None else 0
    if facts is not None and config.together == "auto":
        return facts.together
    chosen, why = choose_together(config, work.shared, len(work.left), work.threads)
    if why:
        log.say(f"{'together' if chosen else 'apart':<10} {why}")
    return threads_of_all(config, work.threads) if chosen else 0


def _rehearse(shared: TrainConfig, seed: int, run: RunFolder) -> None:
    """Let the trainer check everything once, here: what is wrong with one seed is wrong with all."""
    from understudy.train.run import train

    log.say(f"checking the configuration with seed {seed}, without training")
    train(shared.model_copy(update={"seed": seed, "output_dir": run.path}), dry_run=True)


def _train(config: EnsembleConfig, folder: EnsembleFolder, work: Work) -> tuple[dict[int, int], int | None]:
    """Exit codes by seed, and that of the signal that stopped everything if one did."""
    if not work.left:
        return {}, None
    board = Board(folder, work.seeds, work.finished)
    if work.together:
        with contextlib.closing(board):
            return train_at_once(folder, work.left, work.together, board)
    tasks = [Task(seed, [*PROGRAM, "train", *folder.options(seed)], folder.log(seed)) for seed in work.left]
    place = _place(config, folder, work.threads)
    with contextlib.closing(board):
        return fan_out(tasks, place, board, at_once=work.at_once)


def _place(config: EnsembleConfig, folder: EnsembleFolder, threads: int) -> Place:
    device = config.train.policy.device
    if config.ray == "off":
        return Here(threads, _gpus() if device in (None, "cuda") else ())
    from .ensemble_ray import OnRay

    return OnRay(config.ray, threads=threads, gpu=device in (None, "cuda"), stop_request=folder.stop_request.absolute())


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _threads(config: EnsembleConfig, facts: Facts | None, at_once: int) -> int:
    """How many each run computes with. Raises ConfigError when the ensemble was begun with another number."""
    if facts is not None:
        if config.threads not in (None, facts.threads):
            raise ConfigError(
                f"the ensemble was begun with {facts.threads} threads for each run, not {config.threads}",
                where="--threads",
                hint="another number rounds differently, and no run would be what it would have been; leave it out",
            )
        return facts.threads
    if config.threads is not None:
        return config.threads
    import torch

    return max(1, torch.get_num_threads() // max(1, at_once))


def _threads_in_words(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _write(result: EnsembleResult, folder: EnsembleFolder) -> None:
    """summary.json, the pictures, ensemble.md and the same as one HTML file."""
    write_atomically(folder.summary, json.dumps(result.to_json(), indent=2) + "\n")
    from understudy.report.ensemble import write_ensemble_plots
    from understudy.report.html import html_page

    name = f"{result.config['policy']['type']} on {Path(result.config['dataset']['repo_id']).name}"
    plots = write_ensemble_plots(result.runs, folder.plots, name) if result.finished else []
    text = page(result, plots)
    write_atomically(folder.page, text)
    write_atomically(folder.page.with_suffix(".html"), html_page(text, folder.path))
