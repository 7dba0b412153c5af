"""A run of SmolVLA that goes on from a checkpoint ends as one that was never stopped, tokenizer and all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, finished_and_gone_on, run
from understudy.core.run_folder import RunFolder

SMALL = [
    "--policy.type=smolvla",
    "--policy.preset=tiny",
    "--policy.from_scratch=true",
    "--policy.chunk_size=5",
    "--policy.n_action_steps=5",
    "--policy.num_steps=2",
    "--policy.device=cpu",
    "--batch_size=4",
    "--precision=fp32",
    "--tensorboard=false",
    "--report=false",
    "--dataset.eval_episodes=[2]",
]
FILES = [
    "pretrained_model/model.safetensors",
    "pretrained_model/tokenizer/tokenizer.json",
    "training_state/optimizer_state.safetensors",
]
TASKS = ("move the block", "put the block into the box")


@pytest.mark.parametrize(
    ("whole", "cache"),
    [(False, "features"), (False, "memory"), (False, "off"), (True, "auto")],
    ids=["features kept", "memory kept", "nothing kept", "whole model"],
)
def test_going_on_from_a_checkpoint_gives_the_same_weights_bit_for_bit(whole: bool, cache: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d", episodes=3, frames=12, cameras=("front", "wrist"), tasks=TASKS)
    frozen = [f"--policy.{name}={str(not whole).lower()}" for name in ("train_expert_only", "freeze_vision_encoder")]
    train = command("train", f"--dataset.repo_id={dataset}", *SMALL, *frozen, f"--prefix_cache={cache}")
    first, again, told = finished_and_gone_on(train, tmp_path)
    assert "trained" in told
    assert ("looked at 72 frames" in told, "looked at 36 frames" in told) == (cache == "features", cache == "memory")
    assert ("the vision tower and the connector are trained" in told) == whole
    for name in FILES:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name


def test_features_that_were_lost_are_computed_again_and_give_the_same_weights(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d", episodes=3, frames=12, cameras=("front", "wrist"), tasks=TASKS)
    lasts = []
    for name in ("run", "again"):
        frozen = ["--policy.train_expert_only=true", "--policy.freeze_vision_encoder=true", "--prefix_cache=features"]
        where = [f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / name}", "--steps=4"]
        done = run(command("train", *where, *SMALL, *frozen), UNDERSTUDY_CACHE=str(tmp_path / f"cache of {name}"))
        assert done.returncode == 0 and "looked at 72 frames" in done.stdout, done.stderr
        lasts.append(tmp_path / name / "checkpoints/000004")
    for name in FILES:
        assert (lasts[0] / name).read_bytes() == (lasts[1] / name).read_bytes(), name


def test_a_disk_without_room_for_features_that_were_asked_for_ends_the_run_before_it_begins(
    tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    dataset = make_dataset(tmp_path / "d", episodes=3, frames=12, cameras=("front", "wrist"), tasks=TASKS)
    # decoded frames take 166 kB, features 442 kB
    cache = small_disk(500_000)
    frozen = ["--policy.train_expert_only=true", "--policy.freeze_vision_encoder=true", "--prefix_cache=features"]
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", "--steps=4"]
    done = run(command("train", *where, *SMALL, *frozen), UNDERSTUDY_CACHE=str(cache))
    assert done.returncode == 5, done.stderr
    assert "what is to be kept does not fit the disk: 442.4 kB" in done.stderr and "--prefix_cache=off" in done.stderr
    assert not (cache / "seen").exists() and not (tmp_path / "run/checkpoints").exists()


def test_from_scratch_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d", episodes=2, frames=6)
    options = [option for option in SMALL if "from_scratch" not in option and "eval_episodes" not in option]
    done = run(command("train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", *options))
    assert done.returncode == 2
    for words in ("from scratch", "--policy.path=lerobot/smolvla_base", "--policy.from_scratch=true"):
        assert words in done.stderr
    assert not (tmp_path / "run").exists()


def test_recordings_that_do_not_say_their_task_are_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d", episodes=3, frames=12, tasks=("move the block", " "))
    done = run(command("train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", *SMALL))
    assert done.returncode == 3
    assert "the task of some episodes is empty" in done.stderr
    assert not RunFolder(tmp_path / "run").events.exists()


def test_a_pretrained_policy_takes_to_another_dataset(tmp_path: Path) -> None:
    first = make_dataset(tmp_path / "a", episodes=3, frames=12, cameras=("front", "wrist"), tasks=TASKS)
    other = make_dataset(tmp_path / "b", episodes=3, frames=12, cameras=("top",), state_dim=4, action_dim=4)
    short = ["--steps=1", "--save_freq=0"]
    done = run(command("train", f"--dataset.repo_id={first}", f"--output_dir={tmp_path / 'base'}", *SMALL, *short))
    assert done.returncode == 0, done.stderr
    tuning = [f"--policy.path={tmp_path / 'base'}", f"--dataset.repo_id={other}", *SMALL[6:], *short]
    done = run(command("train", f"--output_dir={tmp_path / 'refused'}", *tuning))
    assert done.returncode == 2
    assert """--rename_map='{"observation.images.top": "observation.images.front"}'""" in done.stderr
    renamed = '--rename_map={"observation.images.top": "observation.images.front"}'
    done = run(command("train", f"--output_dir={tmp_path / 'tuned'}", renamed, *tuning))
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert "observation.images.wrist: the dataset does not have it" in told
    assert "observation.state: 4 numbers, where the policy had 6" in told
    assert "action: 4 numbers, where the policy had 6" in told


def test_pretrained_weights_without_their_tokenizer_are_refused_before_any_work(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d", episodes=3, frames=12, cameras=("front",))
    short = ["--steps=1", "--save_freq=0"]
    done = run(command("train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'base'}", *SMALL, *short))
    assert done.returncode == 0, done.stderr
    checkpoint = tmp_path / "base/checkpoints/last/pretrained_model"
    shutil.rmtree(checkpoint / "tokenizer")
    tuning = [f"--policy.path={checkpoint}", "--policy.vlm_model_name=nobody/nothing", *SMALL[6:], *short]
    done = run(
        command("train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'tuned'}", *tuning),
        UNDERSTUDY_CACHE=str(tmp_path / "cache"),
    )
    assert done.returncode == 3
    assert "put tokenizer.json and tokenizer_config.json of https://huggingface.co/nobody/nothing" in done.stderr
    assert str(checkpoint.resolve() / "tokenizer") in done.stderr
    assert not (tmp_path / "tuned").exists()
    assert not (tmp_path / "cache/frames").exists()
