"""The half of `understudy eval` that acts: episodes of a simulated task, and what they say about success."""

from __future__ import annotations

import json
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
    from understudy.evaluate.simulation.run import evaluate_in_simulation

    result = evaluate_in_simulation(
        options.policy,
        env,
        options.eval,
        seed=options.seed,
        folder=options.output_dir,
        resume=options.resume,
        confidence=options.confidence,
    )
    if options.as_json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        log.say(result.text())
        log.say(f"\nresult in {result.path}")
    return 0
