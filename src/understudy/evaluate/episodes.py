"""Which episodes may be called held-out: those the run of the policy put aside, and no others by guess.

The run also tells which episodes were trained on, for the baseline that looks things up in them, and which are there
to choose by.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from understudy.core import log
from understudy.core.errors import ConfigError, DataError
from understudy.core.lineage import Seen, read_lineage
from understudy.core.run_folder import RunFolder
from understudy.core.units import first_of
from understudy.data.episode_digests import episode_digests

from .nearest import Absent
from .trained_on import datasets_of_run

if TYPE_CHECKING:
    from understudy.data.lerobot import Dataset
    from understudy.data.split import Split

ASK = "name them: --dataset.episodes=all, or a list such as --dataset.episodes='[3, 7]'"


def wanted_episodes(
    asked: Sequence[int] | Literal["all"] | None, run: RunFolder | None, repo_id: str, root: Path | None = None
) -> list[int] | None:
    """The episodes to load: those asked for, or the validation and test episodes of the policy's own run; None: all.

    repo_id, root   the dataset as it was named: a run that was trained on several held episodes out of each

    Raises ConfigError when nothing was asked for and no run says what was held out.
    """
    if asked is not None:
        return None if asked == "all" else list(asked)
    if run is None:
        raise ConfigError(
            "which episodes were held out is not known: the policy does not lie in a run folder", hint=ASK
        )
    trained_on = datasets_of_run(run)
    this = trained_on[0] if len(trained_on) == 1 else next((t for t in trained_on if t.is_named(repo_id, root)), None)
    if this is None:
        names = ", ".join(t.repo_id for t in trained_on)
        raise ConfigError(f"the run was trained on {names}, not on this", where=str(root or repo_id), hint=ASK)
    if not this.split.validation + this.split.test:
        raise ConfigError("the run held no episode of it out", where=str(run.split), hint=ASK)
    return sorted(this.split.validation + this.split.test)


def check_held_out(asked: Sequence[int] | Literal["all"] | None, dataset: Dataset, run: RunFolder | None) -> None:
    """Warn when some of the dataset's loaded episodes were trained on.

    Raises ConfigError when the episodes were taken from the run, and the run was trained on other data than this.
    """
    split = _split_of(run, dataset)
    if asked is None and split is None:
        raise ConfigError(
            "which episodes were held out is not known: the run was not trained on exactly this dataset",
            where=f"{run.path if run else None} and {dataset.root}",
            hint=ASK,
        )
    loaded = [episode.index for episode in dataset.episodes]
    seen = set(loaded) & set(split.train) if split is not None else set()
    before = _seen_before(dataset, run)
    if everything := sorted(seen | before.keys()):
        by = {where.run for index, where in before.items() if index not in seen and where.run}
        how = f" (by the run that this one was started from, {', '.join(sorted(by))})" if by else ""
        log.warn(
            f"{len(everything)} of {len(loaded)} episodes were trained on{how}, so this is no held-out error: "
            f"{first_of(everything)}"
        )


def _seen_before(dataset: Dataset, run: RunFolder | None) -> dict[int, Seen]:
    """The loaded episodes that the run, or one it was started from, was trained on, whatever dataset they were in."""
    trained = read_lineage(run).trained()
    if not trained:
        return {}
    return {index: trained[digest] for index, digest in episode_digests(dataset).items() if digest in trained}


def training_episodes(dataset: Dataset, run: RunFolder | None) -> Dataset | Absent:
    """The episodes that the run was trained on, read from the folder of `dataset`; or why they cannot be had.

    Nothing is fetched: what is not on this machine is absent.
    """
    from understudy.data.lerobot import load_dataset

    if run is None:
        return Absent("the policy does not lie in a run folder, so what it was trained on is not known")
    split = _split_of(run, dataset)
    if split is None:
        return Absent("the run was not trained on this dataset")
    train = split.train
    if not train:
        return Absent("the run has no split.json that names its training episodes")
    renamed = {dataset.declared_name(name): name for name in dataset.spec.features}
    renamed = {old: new for old, new in renamed.items() if old != new}
    try:
        # a folder, and no name of a repository: so that nothing is fetched
        return load_dataset(str(dataset.root.resolve()), episodes=train, rename_map=renamed)
    except DataError as error:
        return Absent(f"the training episodes cannot be read here ({error.what})")


def validation_episodes(dataset: Dataset, run: RunFolder | None) -> list[int]:
    """The loaded episodes that the run held out to choose by; none where that is not known."""
    split = _split_of(run, dataset)
    kept = set(split.validation) if split is not None else set()
    return [episode.index for episode in dataset.episodes if episode.index in kept]


def _split_of(run: RunFolder | None, dataset: Dataset) -> Split | None:
    """How the run divided the dataset, by its own numbers; None when it was not trained on it."""
    trained_on = datasets_of_run(run) if run is not None else []
    return next((one.split for one in trained_on if one.fingerprint == dataset.fingerprint), None)
