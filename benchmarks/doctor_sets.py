"""What the doctor is counted on: recordings and trainings that are sound, and some trainings that are not.

Each is made once, with `understudy record`, `train` and `eval`, and kept in the folder that is named.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from contestants import ROOT

SHARED = ROOT.parent / "shared/data"
# recordings that were not made here, and parts of them that are judged as sets of their own: folder -> parts
REAL: dict[str, tuple[slice, ...]] = {
    "cr5_banana_v21": (slice(None), slice(0, 9), slice(9, 18)),
    "cr5_banana_v30": (slice(None),),
    "g1_inspire_bottle_v21": (slice(None), slice(0, 3), slice(3, 6)),
    "gr1_pick_n_place_v20": (slice(None),),
}
_SMALL = "--env.width=64 --env.height=64"
_AV1 = "--dataset.vcodec=libsvtav1"
# name -> options of `understudy record`
RECORDINGS = {
    "pendulum_calm_10": "--env.type=pendulum/calm --dataset.num_episodes=10",
    "pendulum_calm_50": "--env.type=pendulum/calm --dataset.num_episodes=50 --seed=1000",
    "pendulum_noisy_20": "--env.type=pendulum/noisy --dataset.num_episodes=20",
    "pendulum_noisy_40": "--env.type=pendulum/noisy --dataset.num_episodes=40 --seed=5000",
    "pendulum_spread_20": "--env.type=pendulum/calm --env.gain_spread=0.3 --dataset.num_episodes=20 --seed=300",
    "pendulum_noise_30": "--env.type=pendulum/calm --dataset.num_episodes=30 --seed=9500 --noise=0.05",
    "pendulum_failures_20": "--env.type=pendulum/noisy --dataset.num_episodes=20 --seed=9900 --keep_failures=true "
    "--env.gain_spread=0.4",
    "reach_10": "--env.type=so101/reach --dataset.num_episodes=10",
    "reach_30": "--env.type=so101/reach --dataset.num_episodes=30 --seed=700",
    "reach_av1_12": f"--env.type=so101/reach --dataset.num_episodes=12 --seed=6500 {_AV1} --env.width=160 "
    "--env.height=120",
    "reach_noise_20": "--env.type=so101/reach --dataset.num_episodes=20 --seed=8500 --noise=0.005 "
    "--noise_correlation_s=0.2",
    "lift_20": "--env.type=so101/lift --dataset.num_episodes=20",
    "lift_noise_15": "--env.type=so101/lift --dataset.num_episodes=15 --seed=900 --noise=0.003",
    "lift_images_10": f"--env.type=so101/lift --dataset.num_episodes=10 --seed=2500 --dataset.video=false {_SMALL}",
    "lift_failures_20": "--env.type=so101/lift --dataset.num_episodes=20 --seed=5500 --noise=0.05 --keep_failures=true",
    "pick_place_20": "--env.type=so101/pick-place --dataset.num_episodes=20",
    "pick_place_20b": f"--env.type=so101/pick-place --dataset.num_episodes=20 --seed=11000 {_AV1}",
    "pick_place_pushed_15": "--env.type=so101/pick-place --dataset.num_episodes=15 --seed=1500 --pushes_per_s=0.5",
    "pick_place_img_10": "--env.type=so101/pick-place --dataset.num_episodes=10 --seed=7500 --dataset.video=false",
    "stack_10": "--env.type=so101/stack --dataset.num_episodes=10",
    "stack_noise_10": "--env.type=so101/stack --dataset.num_episodes=10 --seed=3500 --noise=0.002 "
    "--noise_correlation_s=0.3",
    "sort_10": "--env.type=so101/sort --dataset.num_episodes=10",
    "sort_pushed_10": "--env.type=so101/sort --dataset.num_episodes=10 --seed=4500 --pushes_per_s=0.3",
}
_ACT = (
    "--policy.type=act --policy.pretrained_backbone_weights=null --policy.dim_model=64 --policy.n_heads=4 "
    "--policy.dim_feedforward=128 --policy.n_encoder_layers=1 --policy.n_vae_encoder_layers=1 --policy.chunk_size=20 "
    "--policy.n_action_steps=10 --policy.optimizer_lr=3e-4 --policy.optimizer_lr_backbone=3e-4"
)
_KEYPOINTS = f"{_ACT} --policy.vision_backbone=keypoints --log_freq=5"
_PI0, _FAST = "--policy.type=tiny_pi0", "--policy.type=tiny_pi0_fast"
# name -> (recording, task it is tried in, options of `understudy train`)
RUNS = {
    "pi0_calm_a": ("pendulum_calm_50", "pendulum/calm", f"{_PI0} --batch_size=64 --steps=1500 --seed=1"),
    "pi0_calm_c": ("pendulum_calm_50", "pendulum/calm", f"{_PI0} --batch_size=256 --steps=500 --seed=8"),
    "pi0_noisy_b": ("pendulum_noisy_40", "pendulum/noisy", f"{_PI0} --batch_size=32 --steps=2500 --seed=2"),
    "pi0_noisy_e": ("pendulum_noisy_20", "pendulum/noisy", f"{_PI0} --batch_size=16 --steps=2000 --seed=12"),
    "pi0_spread_d": ("pendulum_spread_20", "pendulum/calm", f"{_PI0} --batch_size=64 --steps=1000 --seed=9"),
    "fast_calm_a": ("pendulum_calm_50", "pendulum/calm", f"{_FAST} --batch_size=64 --steps=1000 --seed=1"),
    "fast_calm_d": ("pendulum_calm_50", "pendulum/calm", f"{_FAST} --batch_size=128 --steps=600 --seed=11"),
    "fast_noisy_b": ("pendulum_noisy_40", "pendulum/noisy", f"{_FAST} --batch_size=32 --steps=1500 --seed=2"),
    "fast_spread_f": ("pendulum_spread_20", "pendulum/calm", f"{_FAST} --batch_size=16 --steps=1200 --seed=13"),
    "act_reach_a": ("reach_10", "so101/reach", f"{_ACT} --batch_size=8 --steps=400 --log_freq=5 --seed=3"),
    "act_reach_b": ("reach_30", "so101/reach", f"{_KEYPOINTS} --batch_size=8 --steps=200 --seed=10"),
}
_ONE_EPISODE = "--dataset.episodes=[0,1] --dataset.eval_episodes=[1] --seed=4"
_TEN_STEPS = "--steps=10 --log_freq=1 --seed=4"
# trainings with a fault, as in RUNS
FAULTY_RUNS = {
    "ten steps of ACT": ("lift_20", "so101/lift", f"{_KEYPOINTS} --batch_size=8 {_TEN_STEPS}"),
    "ten steps of tiny_pi0": ("pendulum_calm_50", "pendulum/calm", f"{_PI0} --batch_size=64 {_TEN_STEPS}"),
    "learning rate 0.3": (
        "pendulum_calm_50",
        "pendulum/calm",
        f"{_PI0} --batch_size=64 --steps=1000 --seed=4 --policy.optimizer_lr=0.3",
    ),
    "one episode, tiny_pi0": (
        "pendulum_calm_50",
        "pendulum/calm",
        f"{_PI0} --batch_size=64 --steps=2500 {_ONE_EPISODE}",
    ),
    "one episode, ACT": ("lift_20", "so101/lift", f"{_KEYPOINTS} --batch_size=8 --steps=300 {_ONE_EPISODE}"),
}


def make(folder: Path) -> None:
    """Record and train what is not in `folder` yet. Ends the program where a command fails."""
    for name, options in RECORDINGS.items():
        if not (folder / name).exists():
            _understudy("record", f"--dataset.repo_id=made/{name} --dataset.root={folder / name}", options)
    for name, (recording, env, options) in (RUNS | FAULTY_RUNS).items():
        run = folder / "runs" / name.replace(" ", "_")
        data = f"--dataset.repo_id=made/{recording} --dataset.root={folder / recording}"
        every = max(5, int(options.partition("--steps=")[2].split()[0]) // 10)
        if not run.exists():
            where = f"--output_dir={run} --report=false --policy.device=cpu --eval_steps={every}"
            _understudy("train", data, where, options)
        if not (run / "eval").exists():
            _understudy("eval", data, f"--policy.path={run}")
            _understudy("eval", f"--policy.path={run} --env.type={env} --eval.n_episodes=10 --beside=10")


def _understudy(verb: str, *options: str) -> None:
    words = [sys.executable, "-m", "understudy", verb, *" ".join(options).split()]
    done = subprocess.run(words, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    if done.returncode not in (0, 1):
        # the counts would be those of fewer sets, and nobody would see it
        sys.exit(f"{shlex.join(words)} ended with {done.returncode}; remove what it left before you try again")
