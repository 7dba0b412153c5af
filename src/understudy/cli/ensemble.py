"""`understudy ensemble`: one configuration over many training seeds. It takes every option of `understudy train`."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from understudy.core.arguments import Settings, Text, read_words
from understudy.core.config import Options, check, known_options
from understudy.core.errors import ConfigError
from understudy.core.faults import as_error, nearest_option, unknown

if TYPE_CHECKING:
    from understudy.studies.ensemble_config import EnsembleConfig

HINT = "`understudy ensemble --help` and `understudy train --help` list the options"


class EnsembleOptions(Options):
    """Trains one configuration with many seeds, each with a run folder of its own, and tells how the results
    spread. Called again with the same folder it goes on."""

    seeds: int | list[int] | None = Field(
        None, description="how many, from --seed on (10: seed, seed + 1, ...), or which, as [1, 5, 9]"
    )
    splits: Literal["same", "own"] = Field(
        "same",
        description="same: all seeds hold out the same episodes, drawn from --seed, and the spread is that of "
        "training alone; own: each draws its own, as `understudy train` does",
    )
    jobs: int | None = Field(
        None, ge=1, description="runs at a time; null: one, or with --ray as many as it has room for"
    )
    threads: int | None = Field(
        None, ge=1, description="of each run; null: this machine's, divided by the runs at a time"
    )
    ray: str = Field(
        "off", min_length=1, description="off; local: Ray on this machine; or the address of a Ray cluster"
    )
    together: Literal["auto", "on", "off"] = Field(
        "auto",
        description="train all seeds as one computation: auto: where trying shows that this is clearly sooner, and "
        "from then on as the ensemble was begun; off: a process for each",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    resume: Path | None = Field(None, description="go on with the ensemble in this folder, as it was configured")


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code is not 0 when a seed failed."""
    if any(word in ("-h", "--help") for word in arguments):
        from understudy.core.option_help import options_help

        sys.stdout.write(options_help(EnsembleOptions, (), "ensemble"))
        sys.stdout.write("\nAnd every option of `understudy train`: understudy train --help lists them.\n")
        return 0
    config, dry_run, as_json = read_ensemble(arguments)
    from understudy.studies.ensemble import check_ensemble, run_ensemble

    if dry_run:
        check_ensemble(config)
        return 0
    result = run_ensemble(config)
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
    return result.exit_code


def read_ensemble(arguments: Sequence[str]) -> tuple[EnsembleConfig, bool, bool]:
    """(what is asked for, whether only to check it, whether to print JSON). Raises ConfigError naming every fault."""
    from understudy.studies.ensemble_config import EnsembleConfig
    from understudy.train.command import SWITCHES, command_of, known_names

    own_names = [name for name in known_options(EnsembleOptions) if name != "json"]
    known = list(dict.fromkeys([*own_names, *known_names(None)]))
    typed = read_words(arguments, switches=SWITCHES, known=known)
    _refuse_misspelled(typed, own_names, known)
    own = Settings({name: typed.values.pop(name) for name in own_names if name in typed.values}, dict(typed.flags))
    options, faults = check(EnsembleOptions, own)
    if options is None:
        raise as_error(faults, hint=HINT)
    folder = options.resume.expanduser() if options.resume else None
    if folder is not None:
        typed.values["config_path"] = Text(_config_of(folder, typed))
    command = command_of(typed)
    train = command.config
    config = EnsembleConfig(
        train=train,
        seeds=_seeds(options.seeds, train.seed, folder),
        folder=folder or train.output_dir or default_folder(train.job_name or train.policy.type),
        # what the ensemble that goes on was begun with says how its episodes are held out
        splits="own" if folder is not None else options.splits,
        **options.model_dump(include={"jobs", "threads", "ray", "together", "confidence"}),
    )
    return config, command.dry_run, command.as_json


def default_folder(name: str) -> Path:
    """outputs/ensemble/2026-01-31/12-59-00_act."""
    now = datetime.datetime.now()
    return Path("outputs/ensemble") / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}_{name}"


def _refuse_misspelled(typed: Settings, own_names: Sequence[str], known: Sequence[str]) -> None:
    """`--job=2` is meant for us: the options of the trainer alone would suggest --job_name."""
    groups = {name.partition(".")[0] for name in known}
    faults = [
        unknown(typed, (name,), known)
        for name in typed.values
        if name not in groups and nearest_option(name, known) in own_names
    ]
    if faults:
        raise as_error(faults, hint=HINT)


def _config_of(folder: Path, typed: Settings) -> str:
    """The configuration of the ensemble that goes on. Raises ConfigError when there is none, or it is named twice."""
    from understudy.studies.ensemble_folder import EnsembleFolder

    for name in ("config_path", "output_dir", "splits"):
        if (name,) in typed.flags:
            raise ConfigError(f"`--resume` names an ensemble that goes on as it was begun; leave out --{name}")
    config = EnsembleFolder(folder).config
    if not config.is_file():
        raise ConfigError(
            "there is no ensemble to go on with",
            where=str(folder),
            hint="begin one: understudy ensemble --seeds=10 --output_dir=FOLDER and the options of `understudy train`",
        )
    return str(config)


def _seeds(given: int | list[int] | None, first: int, folder: Path | None) -> tuple[int, ...]:
    """The seeds that are asked for. Raises ConfigError when it is open which."""
    if isinstance(given, list):
        return tuple(given)
    if given is not None:
        return tuple(range(first, first + given))
    from understudy.studies.ensemble_folder import EnsembleFolder, read_facts

    facts = read_facts(EnsembleFolder(folder)) if folder is not None else None
    if facts is None:
        raise ConfigError("`--seeds` is required: how many, or which", hint="--seeds=10, or --seeds='[1, 5, 9]'")
    return tuple(facts.seeds)
