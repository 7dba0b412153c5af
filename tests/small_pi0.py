"""A tiny pi0 of some hundred parameters on a recorded pendulum: whole runs in a second, without pictures."""

from __future__ import annotations

from pathlib import Path

from understudy.envs.catalogue import EnvConfig
from understudy.record.config import DatasetTarget, RecordConfig
from understudy.record.run import record

NETWORK = ["--policy.type=tiny_pi0", "--policy.dim_model=8", "--policy.n_heads=2", "--policy.dim_feedforward=8"]
NETWORK += ["--policy.n_layers=1", "--policy.dim_state=8"]
# of a run, whatever its policy
SMALL_RUN = ["--policy.device=cpu", "--batch_size=8", "--precision=fp32", "--compile=off", "--tensorboard=false"]
SMALL_RUN += ["--report=false", "--steps=4", "--eval_steps=2", "--max_eval_samples=0"]
SMALL = [*NETWORK, *SMALL_RUN]


def recorded_pendulum(root: Path, *, seed: int, episodes: int) -> Path:
    """Demonstrations of 30 frames each."""
    env = EnvConfig(type="pendulum/noisy", horizon=30)
    record(RecordConfig(env=env, dataset=DatasetTarget(root=root, num_episodes=episodes), seed=seed))
    return root
