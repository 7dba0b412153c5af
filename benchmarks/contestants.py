"""The two trainers, the command lines that make them do the same work, and the settings in which they do it.

Both get the same flags, `lerobot-train`'s own: ACT with default sizes, no pretrained backbone (so nothing is
downloaded), the same batch, seed and data, no checkpoint, a log line per step. They differ in what only one of them
has: LeRobot's loader processes, and Understudy's held-out episodes, switched off because LeRobot 0.4 has none.

A setting is a name, with flags. LeRobot's are `fp32`, `bf16` and `compiled`: mixed precision, and that with
torch.compile, of the accelerate library that its loop runs in, which takes them from the environment; `lerobot-train`
has no flag for them. Understudy's are `fp32`, `default` (no flag of this kind: what a user gets) and whatever a command
line spells out, "plain --precision=fp32".
"""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from understudy.core.cores import usable_cores

ROOT = Path(__file__).resolve().parents[1]
LEROBOT_FOLDER = ROOT / ".venv-lerobot"
LEROBOT_SCRIPT = ROOT / "tests/parity/lerobot_env.sh"
WORK = ROOT / "outputs/bench"  # recordings, caches and the runs themselves
FRAME_CACHE = WORK / "cache"
BATCH = 8
CHUNK = 100


FP32, BF16, DEFAULT = "fp32", "bf16", "default"
_MIXED = {"ACCELERATE_MIXED_PRECISION": "bf16"}
LEROBOT_SETTINGS = {FP32: {}, BF16: _MIXED, "compiled": {**_MIXED, "ACCELERATE_DYNAMO_BACKEND": "inductor"}}


@dataclass(frozen=True)
class Variant:
    """One way of training: which program, and what about it is varied."""

    side: Literal["lerobot", "understudy"]
    setting: str = FP32
    flags: tuple[str, ...] = ()  # Understudy only: what the setting adds to the command line
    workers: int = 0  # loader processes, LeRobot only
    first_time: bool = False  # Understudy only: the frame store is empty, every frame is decoded before step 1

    @property
    def name(self) -> str:
        if self.side == "lerobot":
            return f"LeRobot {self.setting}, {self.workers} workers"
        return f"Understudy {self.setting}" + (", new dataset" if self.first_time else "")


def understudy_setting(text: str) -> Variant:
    """A setting of Understudy as it is typed: a name, then flags. `fp32` alone means `fp32 --precision=fp32`."""
    name, *flags = text.split()
    if name == FP32 and not flags:
        flags = ["--precision=fp32"]
    return Variant("understudy", name, tuple(flags))


def train_command(variant: Variant, dataset: Path, output: Path, steps: int) -> list[str]:
    """The command line. `output` must not exist."""
    flags = [
        f"--dataset.repo_id=local/{dataset.name}",
        f"--dataset.root={dataset}",
        "--dataset.video_backend=pyav",
        "--policy.type=act",
        "--policy.device=cpu",
        "--policy.pretrained_backbone_weights=null",
        f"--policy.chunk_size={CHUNK}",
        f"--policy.n_action_steps={CHUNK}",
        "--policy.push_to_hub=false",
        "--wandb.enable=false",
        f"--output_dir={output}",
        f"--batch_size={BATCH}",
        f"--steps={steps}",
        "--log_freq=1",
        "--save_checkpoint=false",
        "--seed=1000",
    ]
    if variant.side == "lerobot":
        return [str(lerobot_program("lerobot-train")), *flags, f"--num_workers={variant.workers}"]
    return [sys.executable, "-m", "understudy", "train", *flags, "--dataset.eval_split=0", *variant.flags]


def environment(threads: int, variant: Variant | None = None) -> dict[str, str]:
    """What both run under: equal threads that sleep when idle, caches of their own, no network.

    variant   whose setting is added, where it is one of the environment
    """
    return {
        **(LEROBOT_SETTINGS[variant.setting] if variant and variant.side == "lerobot" else {}),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        # threads that spin while they wait disturb whatever runs beside them, loader processes first of all
        "OMP_WAIT_POLICY": "passive",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(WORK / "huggingface"),
        "UNDERSTUDY_CACHE": str(FRAME_CACHE),
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": "",
    }


def forget_frames() -> None:
    """Make every dataset new to Understudy."""
    shutil.rmtree(FRAME_CACHE, ignore_errors=True)


def default_threads() -> int:
    """One thread for each physical core that this process may use."""
    usable = usable_cores()
    return min(usable, psutil.cpu_count(logical=False) or usable)


def lerobot_program(name: str) -> Path:
    """A program of LeRobot's environment."""
    return LEROBOT_FOLDER / "bin" / name


def lerobot_is_there() -> bool:
    """Whether LeRobot's environment has been made, to its end."""
    return (LEROBOT_FOLDER / "complete").exists()


def run_to_end(main: Callable[[], int]) -> int:
    """Exit code of `main`; Ctrl-C and SIGTERM also end the program being measured, and lose only its run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return main()
    except KeyboardInterrupt:
        say("interrupted: the same command goes on from here")
        return 130


def say(text: str) -> None:
    """Progress goes to stderr; stdout is for the tables."""
    print(text, file=sys.stderr, flush=True)
