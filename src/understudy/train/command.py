"""A command line -> a TrainConfig: flags on top of a file, of a checkpoint's policy, or of the run that goes on.

    understudy train --dataset.repo_id=u/n --policy.type=act
    understudy train --config_path=train_config.json --batch_size=16
    understudy train --policy.path=outputs/train/x --dataset.repo_id=u/n
    understudy train --resume outputs/train/x --steps=200000

Every fault is found before anything heavy is imported, and all of them are told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from understudy.core.arguments import Settings, Text, get, has, merge, parse_flow, read_words, remove
from understudy.core.config import Options, check, known_options
from understudy.core.describe import written
from understudy.core.errors import ConfigError, nearest
from understudy.core.faults import as_error, unknown
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.policies.config import PolicyConfig
from understudy.policies.kinds import unusable_type

from .config import RESUMABLE, TrainConfig
from .lerobot_flags import flag_names, take_foreign
from .place import batch_fault, place_of_this_process
from .starting_point import policy_settings, run_to_resume, settings_from, settings_of_run

HINT = "`understudy train --help` lists the options"
# options that need no value
SWITCHES = ("json", "dry_run")
_TRUE, _FALSE, _NULL = ("true", "yes", "on"), ("false", "no", "off"), ("null", "None", "~")
# what LeRobot's optimisers are made of when the policy's preset is off
_OPTIMIZERS = {"adam": {"lr": 1e-3, "weight_decay": 0.0}, "adamw": {"lr": 1e-3, "weight_decay": 0.01}}
_OPTIMIZERS["sgd"] = _OPTIMIZERS["adam"]


class CommandOptions(Options):
    """Trains a policy from a LeRobot dataset."""

    config_path: str | None = Field(
        None,
        description="take the configuration from a JSON or YAML file, a run folder or a checkpoint; flags override it",
    )
    resume: str | None = Field(
        None, description="go on with the run in this folder (or: true, with --config_path or --output_dir)"
    )
    dry_run: bool = Field(False, description="check everything, print the plan, and stop")


@dataclass(frozen=True)
class Command:
    """What a command line asks for."""

    config: TrainConfig
    dry_run: bool
    as_json: bool


def read_command(arguments: Sequence[str]) -> Command:
    """The command that `arguments` make. Raises ConfigError naming every fault."""
    return command_of(read_words(arguments, switches=SWITCHES, known=known_names(None)))


def command_of(typed: Settings) -> Command:
    """The command that typed settings make. Raises ConfigError naming every fault."""
    options, faults = _command_options(typed)
    if options is None:
        raise as_error(faults, hint=HINT)
    resume = options.resume if options.resume not in _FALSE else None
    if resume is None:
        config = new_config(typed, options.config_path)
    else:
        config = resumed_config(typed, None if resume in _TRUE else resume, options.config_path)
    return Command(config, options.dry_run, options.as_json)


def _command_options(typed: Settings) -> tuple[CommandOptions | None, list[str]]:
    """Take the options of the command itself out of `typed`."""
    names = [name for name in known_options(CommandOptions) if name in typed.values]
    own = Settings({name: typed.values.pop(name) for name in names}, dict(typed.flags))
    given = own.values.get("resume")
    if isinstance(given, Text) and given.bare:
        own.values["resume"] = "true"
    return check(CommandOptions, own)


def new_config(typed: Settings, config_path: str | None = None) -> TrainConfig:
    """The configuration of a new run: `typed` on top of the file at `config_path`. Raises ConfigError."""
    base = settings_from(config_path) if config_path else Settings()
    faults, base = _start_policy(typed, base)
    return build(typed.over(_without_contradiction(base, typed)), faults)


def resumed_config(typed: Settings, resume: str | None, config_path: str | None) -> TrainConfig:
    """The configuration of the run that goes on, with the changes that leave its mathematics alone.

    Raises ConfigError when there is no such run, or a change would make it another run.
    """
    given_dir = typed.values.get("output_dir")
    run = run_to_resume(resume, config_path, str(given_dir) if given_dir else None)
    if has(typed.values, ("policy", "path")):
        raise ConfigError("`--policy.path` starts a new run, `--resume` goes on with one; give one of them")
    typed.values.pop("output_dir", None)
    before = build(settings_of_run(run), [])
    after = build(typed.over(_without_contradiction(settings_of_run(run), typed)), [])
    faults = [
        f"{typed.spelled(path)}: got `{written(new)}`, but the run has `{written(old)}`"
        for path, old, new in differences(before.to_json(), after.to_json())
        if not _may_change(path, old, new, after) and path != ("batch_size",)
    ]
    fault = batch_fault(run, after.batch_size, before.batch_size, place_of_this_process().world)
    faults += [fault] if fault else []
    if faults:
        raise ConfigError(
            "a run that goes on keeps what shapes its updates:" + "".join(f"\n  {fault}" for fault in faults),
            where=str(run.path),
            hint=f"to start another run from its weights: --policy.path={run.path}",
        )
    return after.model_copy(update={"resume": True, "output_dir": run.path})


def build(settings: Settings, faults: list[str]) -> TrainConfig:
    """The configuration that `settings` describe. Raises ConfigError for all faults, those already found first."""
    faults = faults + take_foreign(settings)
    policy_class, fault = _policy_class(settings)
    faults += [fault] if fault else []
    known = known_names(policy_class, settings)
    policy: PolicyConfig | None = None
    if policy_class is None and not has(settings.values, ("policy", "type")):
        faults += _unknown_to_all(settings, known)
    elif policy_class is not None:
        policy, found = check(policy_class, settings, prefix=("policy",), known=known)
        faults += found
    if policy is not None:
        faults += _complete_optimizer(settings, policy)
    # a stand-in lets the other options be checked all the same
    settings.values["policy"] = policy or PolicyConfig(type="unknown")
    config, found = check(TrainConfig, settings, known=known)
    faults += found
    if config is None or faults:
        raise as_error(faults, hint=HINT, files=settings.files.values())
    return config


def known_names(policy_class: type[PolicyConfig] | None, settings: Settings | None = None) -> list[str]:
    """Every option of `understudy train`, for suggestions; LeRobot's others only of groups that the settings name."""
    names = [*known_options(TrainConfig), *known_options(CommandOptions), "policy.path"]
    names += [name for name in flag_names() if settings and name.partition(".")[0] in settings.values]
    for kind in [policy_class] if policy_class else [load(POLICY_CONFIGS, name, "policy") for name in POLICY_CONFIGS]:
        names += known_options(kind, ("policy",))
    return list(dict.fromkeys(names))


def _policy_class(settings: Settings) -> tuple[type[PolicyConfig] | None, str | None]:
    """(class, fault) of the policy that the settings name."""
    known = ", ".join(sorted(POLICY_CONFIGS))
    if isinstance(policy := settings.values.get("policy"), Text):
        settings.values["policy"] = parse_flow(policy)
        if not isinstance(settings.values["policy"], Mapping):
            return None, f"`--policy`: unknown option; did you mean `--policy.type={policy}`?"
    path = ("policy", "type")
    kind = get(settings.values, path)
    if kind is None:
        return None, f"`--policy.type` or `--policy.path` is required: which policy is trained? ({known})"
    if kind in POLICY_CONFIGS:
        return load(POLICY_CONFIGS, str(kind), "policy"), None
    guess = nearest(str(kind), POLICY_CONFIGS)
    reason = f"unknown policy `{kind}`; did you mean `{guess}`?" if guess else unusable_type({"type": str(kind)})
    return None, f"{settings.spelled(path)}: {reason}"


def _unknown_to_all(settings: Settings, known: Sequence[str]) -> list[str]:
    """Faults of policy options that no policy has: what can be said while it is open which policy is meant."""
    options = get(settings.values, ("policy",), {})
    paths = [("policy", name) for name in options] if isinstance(options, Mapping) else []
    return [unknown(settings, path, known) for path in paths if ".".join(path) not in known]


def _start_policy(typed: Settings, base: Settings) -> tuple[list[str], Settings]:
    """Lay the policy that a `path` names under the other options, from flags or a file; (faults, settings)."""
    path, kind = ("policy", "path"), ("policy", "type")
    in_file, typed_kind = get(base.values, path), get(typed.values, kind)
    source = get(typed.values, path)
    remove(typed.values, path)
    remove(base.values, path)
    if source is None and typed_kind is None and in_file is not None:
        started = policy_settings(str(in_file), flag="policy.path")
        faults = ["`policy.path` and `policy.type` in one file: give one of them"] if has(base.values, kind) else []
        return faults, base.over(started)
    if source is None:
        if typed_kind is not None and typed_kind != get(base.values, kind, typed_kind):
            remove(base.values, ("policy",))  # options of another policy say nothing about this one
        return [], base
    if typed_kind is not None:
        return ["`--policy.path` and `--policy.type` both say which policy is trained; give one of them"], base
    if has(typed.values, ("policy", "pretrained_path")):
        return ["`--policy.path` and `--policy.pretrained_path` both name weights; give one of them"], base
    remove(base.values, ("policy",))
    return [], policy_settings(str(source)).over(base)


def _without_contradiction(base: Settings, typed: Settings) -> Settings:
    """Of `steps` and `num_epochs` a flag takes the place of what the file says."""
    for given, other in (("steps", "num_epochs"), ("num_epochs", "steps")):
        if typed.values.get(given, "null") not in _NULL and other not in typed.values:
            base.values.pop(other, None)
    return base


def _complete_optimizer(settings: Settings, policy: PolicyConfig) -> list[str]:
    """Fill a partly given optimiser up: from the policy's preset or, with the preset off, with LeRobot's defaults."""
    given = settings.values.get("optimizer")
    if isinstance(given, Text) and given not in _NULL:
        given = parse_flow(given)
    if not isinstance(given, Mapping):
        return []
    if str(settings.values.get("use_policy_training_preset", "true")).lower() not in _FALSE:
        below: Mapping[str, Any] = policy.optimizer_preset().model_dump(mode="json")
    else:
        below = _OPTIMIZERS.get(str(given.get("type")), {})
        if not given.get("type"):
            return ["`--optimizer.type` is required with --use_policy_training_preset=false (adam, adamw, sgd)"]
    settings.values["optimizer"] = merge(below, given)
    return []


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterable[tuple[tuple[str, ...], Any, Any]]:
    """Where two configurations differ: (path, old value, new value)."""
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, (*path, key))
        elif before != after:
            yield (*path, key), before, after


def _may_change(path: tuple[str, ...], old: Any, new: Any, config: TrainConfig) -> bool:
    if path == ("dataset", "mixture"):
        return bool(_without_roots(old) == _without_roots(new))
    schedule = config.schedule()
    if path == ("eval_steps",) and schedule is not None and schedule.type == "reduce_on_plateau":
        return False  # the rate depends on when it is looked at
    return any(".".join(path[:end]) in RESUMABLE for end in range(1, len(path) + 1))


def _without_roots(mixture: Any) -> Any:
    """A mixture without where its datasets lie, which a run that goes on may change."""
    return [{**part, "root": None} for part in mixture] if isinstance(mixture, list) else mixture
