"""Where a configuration starts from: a file, a run folder, a checkpoint, or a repository on the Hub.

Everything found becomes Settings, so that flags can be laid on top and errors name the file that a value came from.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from understudy.core import log
from understudy.core.arguments import Settings, read_file
from understudy.core.errors import CheckpointError, ConfigError
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.core.run_folder import PRETRAINED, RunFolder, run_of_checkpoint
from understudy.policies.config import OptimizerPreset, PolicyConfig
from understudy.policies.kinds import OWN_FILE, refuse_without_config, unusable_type
from understudy.policies.places import find_checkpoint

from .lerobot_flags import FLAGS

TRAIN_CONFIG = "train_config.json"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# keys of the YAML files that LeRobot used until January 2025
_HYDRA_KEYS = {"training", "hydra", "defaults", "dataset_repo_id", "override_dataset_stats"}
# options that only we write: a file with one of them is a record of ours, or was written for us
_OUR_KEYS = {
    "precision",
    "fast_paths",
    "grad_accumulation_steps",
    "save_minutes",
    "num_epochs",
    "tensorboard",
    "trackio",
}
# what in a policy's config.json belongs to that policy's machine and publication, not to the policies made from it
_NOT_INHERITED = ("device", "push_to_hub", "repo_id", "private", "tags", "license", "pretrained_path")


# -- a whole configuration ------------------------------------------------------------------------------------------


def settings_from(config_path: str) -> Settings:
    """The settings behind `--config_path`. Raises ConfigError when there are none, or they are of another kind."""
    path = _config_file(config_path)
    values = read_file(path)
    if _HYDRA_KEYS & values.keys():
        raise ConfigError(
            "this is a configuration from before January 2025, when LeRobot used Hydra; its options had other names",
            where=str(path),
            hint="write the options as flags; `understudy train --help` lists them",
        )
    # `resume` in a file records how that run was started; going on with a run is asked for by flag alone
    values.pop("resume", None)
    if _is_record_of_run(path, values):
        values.pop("output_dir", None)
        if isinstance(values.get("wandb"), dict):
            values["wandb"].pop("run_id", None)
    if not _OUR_KEYS & values.keys():
        _forget_preset(values)
        if isinstance(values.get("policy"), dict):
            values["policy"] |= own_options(path.parent)
    return Settings(values, files={(): str(path)})


def _config_file(config_path: str) -> Path:
    """The file that `--config_path` means; of a checkpoint in a run of ours the run's own, which is complete."""
    path = Path(config_path).expanduser()
    if path.is_dir():
        run = RunFolder(path)
        for candidate in (run.config, path / PRETRAINED / TRAIN_CONFIG, run.last / PRETRAINED / TRAIN_CONFIG):
            if candidate.is_file():
                path = candidate
                break
        else:
            raise ConfigError(f"there is no {TRAIN_CONFIG} in this folder", where=str(path))
    if not path.exists():
        return _from_hub(config_path, TRAIN_CONFIG, "--config_path")
    run_around = run_of_checkpoint(path.resolve())
    if path.name == TRAIN_CONFIG and run_around is not None and run_around.config.is_file():
        return run_around.config
    return path


def _is_record_of_run(path: Path, values: Mapping[str, Any]) -> bool:
    """Whether the file lies in the run folder that it describes: repeating that run needs a folder of its own."""
    folder = values.get("output_dir")
    beside = RunFolder(path.parent)
    in_run = run_of_checkpoint(path.resolve()) is not None or beside.events.exists() or beside.checkpoints.is_dir()
    named = isinstance(folder, str) and Path(folder).expanduser().resolve() in path.resolve().parents
    return in_run or named


def _forget_preset(values: dict[str, Any]) -> None:
    """Drop an `optimizer` and a `scheduler` that repeat the policy's preset, as LeRobot notes them: the options they
    come from, such as --policy.optimizer_lr, still count."""
    policy, optimizer = values.get("policy"), values.get("optimizer")
    if not isinstance(policy, dict) or policy.get("type") not in POLICY_CONFIGS:
        return
    if values.get("use_policy_training_preset", True) is not True:
        return
    kind: type[PolicyConfig] = load(POLICY_CONFIGS, policy["type"], "policy")
    known = {name: value for name, value in policy.items() if name in kind.model_fields}
    try:
        config = kind.model_validate(known)
        if optimizer is not None and OptimizerPreset.model_validate(optimizer) == config.optimizer_preset():
            del values["optimizer"]
        if values.get("scheduler") is not None and values["scheduler"] == config.scheduler_preset():
            del values["scheduler"]
    except (ValidationError, ConfigError):
        return  # whatever is wrong with the file is told when the whole of it is checked


# -- a policy to start from -----------------------------------------------------------------------------------------


def policy_settings(source: str, *, flag: str = "--policy.path") -> Settings:
    """The settings under `policy` that `--policy.path=SOURCE` starts from, `pretrained_path` among them.

    source   a pretrained_model folder, the checkpoint or run folder around it, or a repository on the Hub

    Raises ConfigError when there is no such place, CheckpointError when there is no policy in it.
    """
    if Path(source).expanduser().exists():
        folder = find_checkpoint(source).resolve()
        file, place = folder / "config.json", str(folder)
    else:
        # of a repository the options alone, for now: the weights wait until everything else is known to be right
        file, place = _from_hub(source, "config.json", flag), source
    if not file.is_file():
        raise refuse_without_config(file.parent)
    values = read_file(file)
    kind = values.get("type")
    if not isinstance(kind, str):
        raise CheckpointError(unusable_type(values) or "", where=str(file))
    if kind in POLICY_CONFIGS:
        _drop_unknown(values, load(POLICY_CONFIGS, kind, "policy"), file)
    for name in _NOT_INHERITED:
        values.pop(name, None)
    values |= own_options(file.parent) | {"pretrained_path": place}
    return Settings({"policy": values}, files={("policy",): str(file)})


def own_options(folder: Path) -> dict[str, Any]:
    """The policy options in `folder` that LeRobot's config.json has no place for."""
    file = folder / OWN_FILE
    options = read_file(file).get("policy") if file.is_file() else None
    return options if isinstance(options, dict) else {}


def _drop_unknown(values: dict[str, Any], config_class: type[PolicyConfig], file: Path) -> None:
    """Options of other versions that are off or empty are left out, with a warning; others will be told as unknown."""
    accepted = {flag.path.removeprefix("policy.") for flag in FLAGS if flag.path.startswith("policy.")}
    unknown = [
        n for n, value in values.items() if n not in config_class.model_fields and n not in accepted and not value
    ]
    for name in unknown:
        del values[name]
    if unknown:
        log.warn(f"{file}: left out {', '.join(unknown)}, which {values.get('type')} does not have here")


def _from_hub(repo_id: str, name: str, flag: str) -> Path:
    """The file `name` of a repository on the Hub, downloaded or from the Hub's cache."""
    if not _HUB_ID.fullmatch(repo_id) or Path(repo_id).parent.is_dir():
        raise ConfigError(f"`{flag}`: there is no such file or folder", where=repo_id)
    from huggingface_hub import hf_hub_download

    # the client tells of every retry; the user wants to know how they end
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return Path(hf_hub_download(repo_id, name))
    except (OSError, ValueError) as error:
        # every error of the Hub's client is one of these: no network, no such repository, no access
        raise ConfigError(
            f"`{flag}`: there is no such folder, and the Hub did not give {name} ({type(error).__name__})",
            where=repo_id,
            hint="check the name, the network, and for a private repository `hf auth login`; without a network, "
            f"download the files of https://huggingface.co/{repo_id}/tree/main elsewhere and name their folder: "
            f"{flag}=FOLDER",
        ) from error


# -- a run to go on with --------------------------------------------------------------------------------------------


def run_to_resume(resume: str | None, config_path: str | None, output_dir: str | None) -> RunFolder:
    """The run folder that --resume means, however it was named. Raises ConfigError when there is no run."""
    named = resume or config_path or output_dir
    if named is None:
        raise ConfigError(
            "`--resume`: which run?",
            hint="understudy train --resume RUN, or --resume=true with --config_path or --output_dir",
        )
    path = Path(named).expanduser()
    if not path.exists():
        raise ConfigError("there is no run to go on with", where=str(path), hint="leave out --resume to start one")
    around = run_of_checkpoint(path.resolve())
    run = around or RunFolder(path if path.is_dir() else path.parent)
    if not run.config.is_file() and not run.saved_checkpoints():
        raise ConfigError(
            "there is no run to go on with: neither a configuration nor a checkpoint",
            where=str(run.path),
            hint="leave out --resume to start one",
        )
    return run


def settings_of_run(run: RunFolder) -> Settings:
    """The configuration a run was started with; of a run of LeRobot's, its newest checkpoint's."""
    path = run.config if run.config.is_file() else run.saved_checkpoints()[-1] / PRETRAINED / TRAIN_CONFIG
    values = read_file(path)
    if not _OUR_KEYS & values.keys() and isinstance(values.get("dataset"), dict):
        # LeRobot 0.4 trains on every episode; its run goes on as it began
        values["dataset"].setdefault("eval_split", 0.0)
    return Settings(values, files={(): str(path)})
