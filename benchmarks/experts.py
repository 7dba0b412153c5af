"""How often the experts of the simulated arm succeed, with what they tell the servos and with noise on it.

python benchmarks/experts.py --episodes 1000 --noise 0 0.01 0.02

Noise: normal, independent for each joint and control step, its standard deviation in radians, added to what is
executed. Prints a table in Markdown. One process; seeds 0, 1, 2, ...
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from understudy.core.rng import Rng
from understudy.core.stats import clopper_pearson
from understudy.envs.catalogue import ENVIRONMENTS, EnvConfig, make_env
from understudy.envs.so101.arm import to_radians, to_units
from understudy.rollout.actors import ExpertActor
from understudy.rollout.episode import run_episode

TASKS = [name for name in ENVIRONMENTS if name.startswith("so101/")]


def disturbance(noise: float, seed: int) -> Callable[[np.ndarray], np.ndarray] | None:
    """What happens to the actions of the episode `seed`; None for no noise."""
    if noise == 0:
        return None
    random = Rng(seed).numpy("noise on executed actions")

    def disturb(action: np.ndarray) -> np.ndarray:
        return to_units(to_radians(action) + noise * random.standard_normal(action.shape))

    return disturb


def measure(task: str, noise: float, episodes: int) -> str:
    """One row of the table."""
    env = make_env(EnvConfig(type=task))
    began = time.process_time()
    ran = [run_episode(env, ExpertActor(), seed, disturb=disturbance(noise, seed)) for seed in range(episodes)]
    seconds = (time.process_time() - began) / episodes
    successes = sum(episode.success for episode in ran)
    interval = clopper_pearson(successes, episodes)
    steps = [episode.steps for episode in ran if episode.success]
    return (
        f"| {task} | {noise:g} | {successes} of {episodes} | {100 * interval.low:.2f} .. {100 * interval.high:.2f} %"
        f" | {np.mean(steps):.0f} | {max(steps)} | {seconds:.3f} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How often the experts of the simulated arm succeed.")
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0], help="standard deviations, rad")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    options = parser.parse_args()
    print("| task | noise, rad | successes | 95 % interval | mean steps | most steps | CPU s an episode |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for noise in options.noise:
        for task in options.tasks:
            print(measure(task, noise, options.episodes), flush=True)


if __name__ == "__main__":
    main()
