"""Small training runs as a user starts them: `python -m understudy train ...` in a process of its own."""

from __future__ import annotations

import os
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
