"""What can go wrong with a run itself: its folder, its numbers, its disk, its memory, its neighbours."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import TINY_ACT, command, run, start, train_command
from understudy.cli.main import main
from understudy.core.events import read_events
from understudy.train.checkpoint import damage


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "dataset", episodes=3, frames=20)


def arguments(dataset: Path, output: Path, *more: str) -> list[str]:
    return ["train", f"--dataset.repo_id={dataset}", f"--output_dir={output}", *TINY_ACT, "--steps=4", *more]


def test_a_folder_that_holds_another_run_is_refused_and_left_alone(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(dataset, tmp_path / "run")) == 0
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    capsys.readouterr()
    assert main(arguments(dataset, tmp_path / "run")) == 2
    said = capsys.readouterr().err
    assert "holds another run" in said
    assert f"--resume {tmp_path / 'run'}" in said
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_a_folder_with_other_files_or_below_a_file_is_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(arguments(dataset, tmp_path)) == 2
    assert "not empty (notes.txt" in capsys.readouterr().err
    assert main(arguments(dataset, tmp_path / "notes.txt" / "run")) == 2
    assert "notes.txt` is a file" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_disk_without_room_for_one_checkpoint_is_named_before_the_first_step(
    dataset: Path, small_disk: Callable[[int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    output = small_disk(100_000_000) / "run"
    assert main(arguments(dataset, output)) == 5
    said = capsys.readouterr()
    assert "a checkpoint takes 134" in said.err
    assert "step:1 " not in said.out
    assert not (output / "train_config.json").exists()


def test_a_loss_that_is_not_finite_stops_with_code_4_naming_batch_episodes_and_the_last_good_checkpoint(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ["--policy.optimizer_lr=1e30", "--policy.optimizer_lr_backbone=1e30", "--save_freq=1", "--steps=10"]
    code = main(arguments(dataset, tmp_path / "run", *wild, "--eval_steps=0"))
    said = capsys.readouterr().err
    assert code == 4, said
    assert "not finite at step" in said
    assert "episode" in said
    assert "frames" in said
    last = (tmp_path / "run/checkpoints/last").resolve()
    assert str(last) in said
    assert damage(last) is None
    events = read_events(tmp_path / "run/events.jsonl")
    assert events[-1]["event"] == "run_failed"


def test_a_device_that_is_not_there_is_an_error_not_a_switch(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(dataset, tmp_path / "run", "--policy.device=cuda:7")) == 2
    assert "cuda:7" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(dataset, tmp_path / "run", "--dry_run=true")) == 0
    said = capsys.readouterr().out
    assert "dataset" in said
    assert "frames" in said
    assert not (tmp_path / "run").exists()


def test_a_second_run_on_the_same_folder_is_refused_while_the_first_goes_on(dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    first = start(train_command(dataset, output, "--steps=100000", "--log_freq=1", "--eval_steps=0"))
    try:
        assert first.stdout is not None
        for line in first.stdout:
            if "step:1 " in line:
                break
        second = run(command("train", "--resume", str(output)))
        assert second.returncode == 2
        assert "another process is training in this folder" in second.stderr
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=120)


def test_ctrl_c_twice_stops_at_once_and_leaves_a_whole_checkpoint_or_none(dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    process = start(train_command(dataset, output, "--steps=100000", "--log_freq=1", "--save_freq=5"))
    assert process.stdout is not None
    for line in process.stdout:
        if "step:7 " in line:
            break
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in out + err
    for checkpoint in (output / "checkpoints").glob("[0-9]*"):
        assert damage(checkpoint) is None
    assert run(command("train", "--resume", str(output), "--steps=12")).returncode == 0


def test_ctrl_c_before_the_first_step_ends_with_130_and_no_traceback(dataset: Path, tmp_path: Path) -> None:
    process = start(train_command(dataset, tmp_path / "run", "--steps=100000"))
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in out + err


def test_a_disk_that_fills_up_in_a_checkpoint_ends_with_code_5_and_keeps_the_one_before(
    dataset: Path, small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    # a checkpoint of a tiny ACT takes some 135 MB, so there is room for one and a half
    disk = small_disk(200_000_000)
    output, cache = disk / "run", str(tmp_path)
    full = run(train_command(dataset, output, "--steps=4", "--save_freq=2", "--eval_steps=0"), UNDERSTUDY_CACHE=cache)
    assert full.returncode == 5, full.stderr
    assert "disk is full" in full.stderr
    assert "Traceback" not in full.stderr
    assert [p.name for p in (output / "checkpoints").iterdir() if not p.is_symlink()] == ["000002"]
    assert damage(output / "checkpoints/000002") is None
    roomy = shutil.copytree(output, tmp_path / "run", symlinks=True)
    again = run(command("train", "--resume", str(roomy)), UNDERSTUDY_CACHE=cache)
    assert again.returncode == 0, again.stderr


def test_a_disk_that_fills_up_in_the_event_log_ends_with_code_5_and_whole_lines(
    dataset: Path, small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    output = small_disk(24_000) / "run"
    options = ["--steps=1000", "--log_freq=1", "--save_checkpoint=false", "--eval_steps=0"]
    full = run(train_command(dataset, output, *options), UNDERSTUDY_CACHE=str(tmp_path))
    assert full.returncode == 5, full.stderr
    assert "disk is full" in full.stderr
    assert "events.jsonl" in full.stderr
    assert (output / "events.jsonl").read_bytes().endswith(b"\n")


def test_a_frame_store_that_does_not_fit_is_said_before_anything_starts(
    dataset: Path, small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    output, cache = tmp_path / "run", small_disk(40_000)
    full = run(train_command(dataset, output, "--steps=1", "--dataset.frames=disk"), UNDERSTUDY_CACHE=str(cache))
    assert full.returncode == 5, full.stderr
    assert "Traceback" not in full.stderr
    assert not output.exists()


def test_too_little_memory_ends_with_code_5_and_names_the_knob(dataset: Path, tmp_path: Path) -> None:
    big = train_command(dataset, tmp_path / "run", "--steps=1", "--batch_size=100000", "--eval_steps=0")

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

    done = subprocess.run(big, capture_output=True, text=True, timeout=200, preexec_fn=little_memory)
    assert done.returncode == 5, done.stderr
    assert "--batch_size" in done.stderr
    assert "Traceback" not in done.stderr


def test_statistics_that_were_asked_for_and_the_dataset_lacks_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = make_dataset(tmp_path / "bare", version="v2.0")
    (bare / "meta/stats.json").unlink()
    assert main(arguments(bare, tmp_path / "run", "--dataset.statistics=dataset")) == 3
    assert "statistics" in capsys.readouterr().err
    assert main(arguments(bare, tmp_path / "run")) == 0
