"""A run that is killed at any instant and resumed ends with the same weights, bit for bit, as one that was not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, run, start, train_command

STEPS = 24
OPTIONS = [f"--steps={STEPS}", "--save_freq=8", "--log_freq=4", "--eval_steps=9", "--dataset.eval_episodes=[2]"]
FILES = [
    "pretrained_model/model.safetensors",
    "training_state/optimizer_state.safetensors",
    "pretrained_model/policy_preprocessor_step_3_normalizer_processor.safetensors",
]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """A dataset, the run that nobody killed, and the seconds it took."""
    folder = tmp_path_factory.mktemp("reference")
    dataset = make_dataset(folder / "dataset", episodes=3, frames=20)
    began = time.monotonic()
    done = run(train_command(dataset, folder / "run", *OPTIONS), UNDERSTUDY_CACHE=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    return dataset, folder / "run", time.monotonic() - began


def assert_equal_in_the_end(run_folder: Path, reference: Path) -> None:
    for name in FILES:
        path = f"checkpoints/{STEPS:06d}/{name}"
        assert (run_folder / path).read_bytes() == (reference / path).read_bytes(), f"{name} differs"


def kill_at_random_until_done(dataset: Path, folder: Path, duration: float, seed: int, kills: int) -> None:
    """Start a run, SIGKILL it `kills` times at random instants, resume it each time, and let the last one finish."""
    chance = random.Random(seed)
    output, environment = folder / "run", {"UNDERSTUDY_CACHE": str(folder / "cache")}
    for _ in range(kills):
        started = (output / "train_config.json").exists()
        arguments = command("train", "--resume", str(output)) if started else train_command(dataset, output, *OPTIONS)
        process = start(arguments, **environment)
        time.sleep(chance.uniform(0.2, duration))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not (output / "train_config.json").exists():
            shutil.rmtree(output, ignore_errors=True)
    done = run(
        command("train", "--resume", str(output)) if output.exists() else train_command(dataset, output, *OPTIONS),
        **environment,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("trial", range(3))
def test_killed_at_a_random_instant_and_resumed_the_weights_are_bit_equal(
    trial: int, reference: tuple[Path, Path, float], tmp_path: Path
) -> None:
    dataset, unbroken, duration = reference
    kill_at_random_until_done(dataset, tmp_path, duration, seed=trial, kills=1)
    assert_equal_in_the_end(tmp_path / "run", unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(30))
def test_killed_again_and_again_the_weights_are_bit_equal(
    trial: int, reference: tuple[Path, Path, float], tmp_path: Path
) -> None:
    dataset, unbroken, duration = reference
    kill_at_random_until_done(dataset, tmp_path, duration, seed=1000 + trial, kills=2)
    assert_equal_in_the_end(tmp_path / "run", unbroken)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_checkpoint_and_the_resumed_run_is_bit_equal(
    number: signal.Signals, exit_code: int, reference: tuple[Path, Path, float], tmp_path: Path
) -> None:
    dataset, unbroken, _ = reference
    output, environment = tmp_path / "run", {"UNDERSTUDY_CACHE": str(tmp_path / "cache")}
    process = start(train_command(dataset, output, *OPTIONS, "--save_freq=0", "--log_freq=1"), **environment)
    assert process.stdout is not None
    for line in process.stdout:
        if "step:3 " in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == exit_code, err
    assert "understudy train --resume" in out + err
    assert (output / "checkpoints" / "last" / "pretrained_model" / "model.safetensors").exists()
    done = run(command("train", "--resume", str(output)), **environment)
    assert done.returncode == 0, done.stderr
    assert_equal_in_the_end(output, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        ["--precision=bf16"],
        ["--grad_accumulation_steps=2", "--dataset.frames=decode", "--dataset.image_transforms.enable=true"],
        ["--dataset.frames=ram", "--scheduler.type=diffuser", "--scheduler.num_warmup_steps=5"],
        ["--scheduler.type=reduce_on_plateau", "--scheduler.patience=0", "--policy.optimizer_lr=0.05", "--best=loss"],
    ],
    ids=[
        "bf16",
        "accumulated, decoded on the fly, pictures changed",
        "in memory, with a schedule",
        "with a rate that follows the held-out loss",
    ],
)
def test_in_every_setting_a_stopped_and_resumed_run_is_bit_equal(
    setting: list[str], reference: tuple[Path, Path, float], tmp_path: Path
) -> None:
    dataset, _, _ = reference
    environment = {"UNDERSTUDY_CACHE": str(tmp_path / "cache")}
    unbroken, output = tmp_path / "unbroken", tmp_path / "run"
    options = [*OPTIONS, *setting]
    assert run(train_command(dataset, unbroken, *options), **environment).returncode == 0
    process = start(train_command(dataset, output, *options, "--log_freq=1"), **environment)
    assert process.stdout is not None
    for line in process.stdout:
        if "step:13 " in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = run(command("train", "--resume", str(output)), **environment)
    assert done.returncode == 0, done.stderr
    assert "from step 9 " in done.stdout
    assert_equal_in_the_end(output, unbroken)


def test_a_half_written_checkpoint_is_named_and_the_one_before_it_taken(
    reference: tuple[Path, Path, float], tmp_path: Path
) -> None:
    _, unbroken, _ = reference
    shutil.copytree(unbroken, tmp_path / "run", symlinks=True)
    checkpoints = tmp_path / "run" / "checkpoints"
    torn = checkpoints / f"{STEPS:06d}" / "pretrained_model" / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    done = run(command("train", "--resume", str(tmp_path / "run")))
    assert done.returncode == 0, done.stderr
    assert f"checkpoint {STEPS:06d} is damaged (pretrained_model/model.safetensors" in done.stderr
    assert_equal_in_the_end(tmp_path / "run", unbroken)


def test_going_on_for_more_steps_is_what_a_longer_run_would_have_been(
    reference: tuple[Path, Path, float], tmp_path: Path
) -> None:
    dataset, unbroken, _ = reference
    output, environment = tmp_path / "run", {"UNDERSTUDY_CACHE": str(tmp_path / "cache")}
    assert run(train_command(dataset, output, *OPTIONS, "--steps=15"), **environment).returncode == 0
    done = run(command("train", "--resume", str(output), f"--steps={STEPS}"), **environment)
    assert done.returncode == 0, done.stderr
    assert_equal_in_the_end(output, unbroken)
