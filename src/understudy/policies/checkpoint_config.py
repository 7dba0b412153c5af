"""`config.json` of a checkpoint -> a policy's configuration: what other versions wrote is read, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from understudy.core import log
from understudy.core.errors import CheckpointError
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.policies.config import PolicyConfig
from understudy.policies.kinds import OWN_FILE, refuse_without_config, unusable_type
from understudy.policies.places import find_checkpoint
from understudy.policies.processors import Processors, read_json, read_processors

OWN_FORMAT = 1
# options of other versions that change where or how fast a policy runs, never what it computes
_HARMLESS = {
    "pretrained_revision",
    "gradient_checkpointing",
    "compile_model",
    "compile_mode",
    "action_feature_names",
    "relative_exclude_joints",
    "use_flash_attention",
}


def read_policy_config(path: str | Path) -> PolicyConfig:
    """The configuration of the policy at `path` (see `find_checkpoint`) as its processors run it; no weight is read.

    Raises CheckpointError when there is none, it belongs to no policy known here, or its processors are not understood.
    """
    folder = find_checkpoint(path)
    config, processors = parse_config(read_config_json(folder), read_own_json(folder), folder), read_processors(folder)
    return config if processors is None else with_processors(config, processors, folder)


def read_config_json(folder: Path) -> dict[str, Any]:
    """`config.json` as it is. Raises CheckpointError, saying what the folder is when it is no checkpoint."""
    if not (folder / "config.json").is_file():
        raise refuse_without_config(folder)
    return read_json(folder / "config.json")


def read_own_json(folder: Path) -> dict[str, Any]:
    """`understudy.json`, {} when another program wrote the checkpoint. Raises CheckpointError for a newer format."""
    if not (folder / OWN_FILE).exists():
        return {}
    own = read_json(folder / OWN_FILE)
    if not isinstance(own.get("format"), int) or own["format"] > OWN_FORMAT:
        raise CheckpointError(
            f"this checkpoint was written by a newer version ({own.get('writer')}, format {own.get('format')})",
            where=str(folder / OWN_FILE),
            hint="update understudy",
        )
    return own


def parse_config(raw: Mapping[str, Any], own: Mapping[str, Any], folder: Path) -> PolicyConfig:
    """The configuration from both files. Unknown options without effect are warned about; others are refused."""
    reason = unusable_type(dict(raw))
    if reason is not None:
        raise CheckpointError(reason, where=str(folder))
    cls: type[PolicyConfig] = load(POLICY_CONFIGS, raw["type"], "policy")
    values = {key: value for key, value in raw.items() if key in cls.model_fields}
    _judge_unknown({k: v for k, v in raw.items() if k not in cls.model_fields}, folder)
    options = own.get("policy") or {}
    values |= {key: value for key, value in options.items() if key in cls.own_fields()}
    _judge_unknown({k: v for k, v in options.items() if k not in cls.own_fields()}, folder)
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'together'}: {_words(e)}" for e in error.errors()[:5])
        raise CheckpointError(
            f"config.json cannot be understood: {faults}", where=str(folder / "config.json")
        ) from error


def _words(details: Any) -> str:
    cause = details.get("ctx", {}).get("error")
    return str(cause) if cause else str(details["msg"])


def _judge_unknown(unknown: dict[str, Any], folder: Path) -> None:
    """An unknown option that is off, empty or harmless can be ignored; any other might change what is computed."""
    risky = {key: value for key, value in unknown.items() if key not in _HARMLESS and value}
    if risky:
        shown = ", ".join(f"{key}={value!r}" for key, value in list(risky.items())[:4])
        raise CheckpointError(
            f"config.json has options that are not known here and may change what the policy computes: {shown}",
            where=str(folder / "config.json"),
            hint="if they are of no consequence for this policy, take them out of a copy of the folder",
        )
    if unknown:
        log.warn(f"{folder.name}/config.json: ignored the unknown options {', '.join(unknown)}")


def with_processors(config: PolicyConfig, processors: Processors, folder: Path) -> PolicyConfig:
    """The configuration as the checkpoint's processors run it: in LeRobot they decide, not `config.json`.

    Raises CheckpointError for steps unknown here and for a feature that the processors leave out.
    """
    if processors.unknown:
        raise CheckpointError(
            f"the checkpoint's processors have steps that are not known here: {', '.join(processors.unknown)}",
            where=str(folder),
            hint="they could change what the numbers mean, so this policy is not run without them",
        )
    try:
        config = config.with_language_steps(processors.language)
    except CheckpointError as error:
        error.where = error.where or str(folder)
        raise
    modes: dict[str, str] = getattr(config, "normalization_mapping", {})
    if processors.modes and {**modes, **processors.modes} != modes:
        log.warn(
            f"{folder.name}: config.json and the processors disagree on normalisation; the processors' is used, "
            f"as in LeRobot: {processors.modes}"
        )
        config = config.model_copy(update={"normalization_mapping": dict(processors.modes)})
        modes = processors.modes
    features = {**config.input_features, **config.output_features}
    left_out = [
        name
        for name, feature in features.items()
        if name not in processors.scaled and modes.get(feature.type, "IDENTITY") != "IDENTITY"
    ]
    if left_out:
        raise CheckpointError(
            f"the processors do not list {', '.join(left_out)}, which config.json says is normalised",
            where=str(folder),
        )
    return config.with_statistics(processors.statistics)
