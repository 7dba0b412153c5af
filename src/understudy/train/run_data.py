"""Which data a run has: the dataset it loads, and how its episodes or windows are divided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from understudy.core.errors import ConfigError
from understudy.core.events import read_events
from understudy.core.run_folder import RunFolder
from understudy.data.divided import DividedRows
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.mixture import join
from understudy.data.split import Split, split_episodes, split_of_file, split_windows

if TYPE_CHECKING:
    from .config import TrainConfig
    from .dataset_config import DatasetConfig
    from .mixture_config import MixturePart


def load(config: TrainConfig) -> Dataset:
    """The dataset of a run. Raises DataError, ConfigError as load_dataset does."""
    options = config.dataset
    if options.mixture is not None:
        return _joined(config, options.mixture)
    return _loaded(options, config, rename_map=config.rename_map)


def _loaded(named: DatasetConfig | MixturePart, config: TrainConfig, **renames: dict[str, str]) -> Dataset:
    return load_dataset(
        named.repo_id,
        root=named.root,
        revision=named.revision,
        episodes=named.episodes,
        exclude_episodes=named.exclude_episodes,
        tolerance_s=config.tolerance_s,
        **renames,
    )


def _joined(config: TrainConfig, mixture: Sequence[MixturePart]) -> Dataset:
    datasets = []
    for part in mixture:
        others = {old: new for old, new in config.rename_map.items() if old not in part.rename_map}
        datasets.append(_loaded(part, config, rename_map=part.rename_map, rename_if_there=others))
    for old in config.rename_map:
        if not any(old in dataset.info["features"] for dataset in datasets):
            raise ConfigError(f"`--rename_map` renames `{old}`, which none of the datasets has")
    return join(datasets)


def split_of(config: TrainConfig, dataset: Dataset, folder: RunFolder) -> Split:
    """How the data is divided; a run that goes on keeps to what it began with. Raises ConfigError, DataError."""
    if config.resume and folder.split.exists():
        return Split.from_json(json.loads(folder.split.read_text()))
    options = config.dataset
    seed = config.seed if options.split_seed is None else options.split_seed
    if options.split_file is not None:
        return split_of_file(options.split_file, dataset)
    shares: dict[str, Any] = {"seed": seed, "eval_split": options.eval_split, "test_split": options.test_split}
    if options.split == "window":
        return split_windows(dataset, **shares)
    if options.mixture is None:
        return split_episodes(dataset, **shares, eval_episodes=options.eval_episodes)
    # each by itself, by its own numbers: what is held out of a dataset is held out whatever it is joined with
    split = Split([])
    for part, chosen in zip(dataset.parts, options.mixture, strict=True):
        own = split_episodes(part.dataset, **shares, eval_episodes=chosen.eval_episodes)
        split = split.and_then(own, part.first_episode)
    if split.validation or options.eval_split is not None:
        return split
    # each has too few to spare one, and all together may have enough
    return split_episodes(dataset, **shares, eval_episodes=None)


def check_held_out(config: TrainConfig, rows: DividedRows) -> None:
    """Raises ConfigError when an option goes by held-out episodes, and there are none."""
    if not len(rows.validation) and (reason := config.needs_held_out()):
        raise ConfigError(
            f"`{reason}` goes by the measurement on held-out episodes, and none is held out",
            where="--dataset.eval_split",
            hint="hold some out: --dataset.eval_episodes, --dataset.eval_split, or five episodes and more",
        )


def check_same_dataset(dataset: Dataset, folder: RunFolder) -> None:
    """Going on with a run on other data would be another run. Raises ConfigError."""
    if not folder.events.exists():
        return
    started = next((e for e in read_events(folder.events) if e["event"] == "run_started"), None)
    if started is not None and started["dataset"]["fingerprint"] != dataset.fingerprint:
        raise ConfigError(
            "the dataset has changed since this run was started, so the run cannot go on as if nothing had happened",
            where=", ".join(str(part.dataset.root) for part in dataset.parts),
            hint=f"train on the new data from the weights of this run: --policy.path={folder.path}",
        )
