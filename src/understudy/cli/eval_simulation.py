"""The half of `understudy eval` that acts: episodes of a simulated task, or trials on a real arm, and their success."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.errors import ConfigError

if TYPE_CHECKING:
    from understudy.envs.catalogue import EnvConfig

    from .eval import EvalOptions


def run_simulation(options: EvalOptions, env: EnvConfig) -> int:
    """Success in `env`; the exit code."""
    if options.seed + options.eval.n_episodes > 2**31:
        raise ConfigError("seeds end at 2147483647", where="--seed", hint="begin lower")
    from understudy.evaluate.simulation.beside import evaluate_beside
    from understudy.evaluate.simulation.run import evaluate_in_simulation

    result = evaluate_in_simulation(
        options.policy,
        env,
        options.eval,
        seed=options.seed,
        folder=options.output_dir,
        resume=options.resume,
        confidence=options.confidence,
        task=options.task,
    )
    beside = evaluate_beside(result, options.policy, env, options.eval, episodes=options.beside)
    if options.as_json:
        assert result.path is not None
        print((result.path / "summary.json").read_text(), end="")
    else:
        log.say(result.text())
        for name, other in beside.items():
            log.say(f"  {name:<16} {other.rate()}")
        log.say(f"\nresult in {result.path}")
    return 0


# options that say nothing about trials by hand
_NOT_MANUAL = ("batch_size", "workers", "videos", "blank", "shuffle", "timeout_s", "allow_training_seeds")


def run_manual(options: EvalOptions, env: EnvConfig) -> int:
    """Trials on a real arm, judged by a person; the exit code."""
    from understudy.evaluate.manual.session import run_session

    refuse_foreign_to_trials(options, env)
    results = run_session(
        policies_on_trial(options),
        options.manual,
        trials=options.eval.n_episodes,
        seed=options.seed,
        folder=folder_of_trials(options),
        resume=options.resume,
        confidence=options.confidence,
    )
    if options.as_json:
        print(json.dumps({"evaluations": [result.to_json() for result in results]}, indent=2))
        return 0
    for result in results:
        log.say(f"\n{result.who['label']} was {result.text()}")
    if len(results) > 1:
        log.say(f"\ncompare them: understudy compare {' '.join(str(result.path) for result in results)}")
    return 0


def refuse_foreign_to_trials(options: EvalOptions, env: EnvConfig) -> None:
    """Raises ConfigError for options that say something about simulation alone."""
    given = [f"--eval.{name}" for name in _NOT_MANUAL if name in options.eval.model_fields_set]
    given += [f"--env.{name}" for name in sorted(env.model_fields_set - {"type"})]
    given += ["--task"] if options.task is not None else []
    given += ["--beside"] if "beside" in options.model_fields_set else []
    given += [f"--policy.{name}" for name in sorted(options.policy.model_fields_set - {"path"})]
    if given:
        raise ConfigError(f"{', '.join(given)}: not for trials by hand")


def policies_on_trial(options: EvalOptions) -> list[str]:
    """The policies that were named, by one option of two. Raises ConfigError."""
    several, one = options.manual.policies, options.policy.path
    if several and not one:
        return several
    if one and not several:
        return [one]
    raise ConfigError("which policies?", hint="--manual.policies='[outputs/a, outputs/b]', or --policy.path for one")


def folder_of_trials(options: EvalOptions) -> Path:
    """Where the session is kept: a new folder with the time in its name when none is named. Raises ConfigError."""
    if options.output_dir is not None:
        return options.output_dir
    if options.resume:
        raise ConfigError("which session?", hint="--output_dir names the folder to go on with")
    return Path("outputs/eval") / f"manual-{datetime.datetime.now():%Y-%m-%d_%H-%M-%S}"
