"""Small training runs as a user starts them: `python -m understudy train ...` in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TINY_ACT = [
    "--policy.type=act",
    "--policy.device=cpu",
    "--policy.pretrained_backbone_weights=null",
    "--policy.dim_model=16",
    "--policy.n_heads=2",
    "--policy.dim_feedforward=32",
    "--policy.n_encoder_layers=1",
    "--policy.n_vae_encoder_layers=1",
    "--policy.latent_dim=4",
    "--policy.chunk_size=5",
    "--policy.n_action_steps=5",
    "--batch_size=4",
    "--precision=fp32",  # what is faster here and now may differ between two runs that are compared
    "--tensorboard=false",
    "--report=false",
]


def command(*arguments: str) -> list[str]:
    """The command line of `understudy ...` in this interpreter."""
    return [sys.executable, "-m", "understudy", *arguments]


def train_command(dataset: Path, output: Path, *arguments: str) -> list[str]:
    """A tiny ACT training of `dataset` into `output`."""
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={output}"]
    return command("train", *where, *TINY_ACT, *arguments)


def run(arguments: list[str], *, timeout: float = 240, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; output and exit code."""
    return subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment})


def finished_and_gone_on(train: list[str], folder: Path) -> tuple[Path, Path, str]:
    """The last checkpoints of two runs, and what the first one printed: one of 8 steps that was never stopped, and one
    that went on from its checkpoint after 4 in a process of its own.

    train   the command without --output_dir, --steps and --save_freq
    """
    cache = {"UNDERSTUDY_CACHE": str(folder / "cache")}
    done = run([*train, f"--output_dir={folder / 'run'}", "--steps=8", "--save_freq=4", "--eval_steps=4"], **cache)
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder / "run", folder / "cut", symlinks=True)
    shutil.rmtree(folder / "cut/checkpoints/000008")
    for name in ("last", "best"):
        link = folder / "cut/checkpoints" / name
        link.unlink(missing_ok=True)
        link.symlink_to("000004")
    again = run(command("train", "--resume", str(folder / "cut")), **cache)
    assert again.returncode == 0, again.stderr
    first, second = (folder / name / "checkpoints/000008" for name in ("run", "cut"))
    return first, second, done.stdout + done.stderr


def start(arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    """Start in the background, in a process group of its own."""
    return subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
