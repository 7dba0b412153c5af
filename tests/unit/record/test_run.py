"""A recording is a function of its options: same seeds, same bytes, whoever worked on it and however often it was killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy_env
from understudy.core.errors import ConfigError, DiskFull, UnderstudyError
from understudy.data.lerobot import Dataset, load_dataset
from understudy.data.recording import Recording, read_recording
from understudy.record import run as module
from understudy.record.config import RecordConfig
from understudy.record.run import Recorded, record
from understudy.record.staging import staging_of

SMALL = {"width": 32, "height": 32, "type": "toy/reach"}


def config(
    root: Path, n: int = 4, *, env: dict[str, Any] | None = None, video: bool = True, **options: Any
) -> RecordConfig:
    target = {"root": root, "num_episodes": n, "video": video}
    return RecordConfig.model_validate({"env": SMALL | (env or {}), "dataset": target, "workers": 1} | options)


def recorded(root: Path, n: int = 4, *, resume: bool = False, **options: Any) -> Recorded:
    found = record(config(root, n, **options), resume=resume)
    assert found is not None
    return found


def told(root: Path) -> Recording:
    found = read_recording(root)
    assert found is not None
    return found


def hashes(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()
    }


def test_a_recording_is_a_dataset_with_the_seeds_it_was_made_from(tmp_path: Path) -> None:
    found = recorded(tmp_path / "d", seed=5)
    dataset = load_dataset(str(tmp_path / "d"))
    assert (dataset.warnings, len(dataset.episodes), dataset.num_rows) == ([], 4, found.frames)
    assert dataset.tasks == ["go to the square"]
    assert dataset.info["robot_type"] == "toy"
    recording = told(tmp_path / "d")
    assert recording == found.recording
    assert recording.seeds == (5, 6, 7, 8)
    assert [attempt.steps for attempt in recording.attempts] == [episode.length for episode in dataset.episodes]
    assert (recording.task["name"], recording.task["version"], recording.actor) == ("toy/reach", 1, {"type": "expert"})
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_frames_show_what_was_before_their_action(tmp_path: Path) -> None:
    recorded(tmp_path / "d", 2, video=False)
    dataset = load_dataset(str(tmp_path / "d"))
    for number, episode in enumerate(dataset.episodes):
        env = toy_env.ToyEnvironment("toy/reach", config(tmp_path).env)
        env.begin(number)
        pictures = list(dataset.read_frames(toy_env.CAMERA, number))
        for row, picture in zip(range(episode.start, episode.start + episode.length), pictures, strict=True):
            seen = env.look()
            assert np.array_equal(dataset.columns["observation.state"][row], seen["observation.state"])
            assert np.array_equal(picture, seen[toy_env.CAMERA])
            action = env.expert().act()
            assert np.array_equal(dataset.columns["action"][row], action.astype(np.float32))
            env.advance(action)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_many_workers_write_the_bytes_of_one(noise: float, tmp_path: Path) -> None:
    recorded(tmp_path / "one", 7, noise=noise)
    recorded(tmp_path / "many", 7, noise=noise, workers=3)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "many")


def test_the_clean_action_is_stored_and_the_noisy_one_executed(tmp_path: Path) -> None:
    recorded(tmp_path / "d", 1, noise=0.05, env={"horizon": 60})
    dataset: Dataset = load_dataset(str(tmp_path / "d"))
    action, state = dataset.columns["action"], dataset.columns["observation.state"]
    assert (action == action[0]).all()
    steps = np.diff(state, axis=0)
    undisturbed = np.clip(action[:-1] - state[:-1], -toy_env.STEP, toy_env.STEP)
    assert np.abs(steps - undisturbed).max() > 0.01


def test_an_episode_that_fails_is_replaced_by_the_next_seed(tmp_path: Path) -> None:
    found = recorded(tmp_path / "d", 5, env={"type": "toy/raises"}, workers=2)
    assert found.recording.seeds == (0, 1, 2, 4, 5)
    reasons = [attempt.reason for attempt in found.recording.attempts]
    assert "the gears are stuck" in reasons[3]
    assert (found.recording.successes, len(reasons)) == (5, 6)


def test_failures_are_kept_when_asked_but_not_what_broke(tmp_path: Path) -> None:
    found = recorded(tmp_path / "d", 5, env={"type": "toy/raises", "horizon": 12}, keep_failures=True)
    assert found.recording.seeds == (0, 1, 2, 4, 5)
    assert 0 < found.recording.successes < 5
    assert load_dataset(str(tmp_path / "d")).episodes[0].length <= 12


def test_a_process_that_dies_costs_its_episode_only(tmp_path: Path) -> None:
    found = recorded(tmp_path / "d", 4, env={"type": "toy/dies"})
    assert found.recording.seeds == (0, 1, 2, 4)
    assert "exit code 9" in found.recording.attempts[3].reason


def test_an_episode_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START_S", 2.0)
    monkeypatch.setattr(module, "_STEP_S", 0.0)
    found = recorded(tmp_path / "d", 1, seed=3, env={"type": "toy/hangs"})
    assert found.recording.seeds == (4,)
    assert "no answer within 2 s" in found.recording.attempts[0].reason


def test_a_hopeless_actor_is_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnderstudyError, match="0 of 20 attempts") as caught:
        record(config(tmp_path / "d", policy={"type": "hold"}, env={"horizon": 2}))
    assert "time limit" in str(caught.value.where)
    assert list(tmp_path.iterdir()) == []


def test_a_policy_records_what_it_does(tmp_path: Path) -> None:
    checkpoint = toy_env.toy_policy(tmp_path / "policy")
    policy = {"path": str(checkpoint), "device": "cpu"}
    found = recorded(tmp_path / "d", 1, policy=policy, keep_failures=True, env={"horizon": 6})
    assert found.recording.actor["path"] == str(checkpoint)
    assert len(found.recording.actor["fingerprint"]) == 32
    assert load_dataset(str(tmp_path / "d")).num_rows == 6


def test_a_policy_for_other_pictures_is_refused_with_both_in_a_table(tmp_path: Path) -> None:
    checkpoint = toy_env.toy_policy(tmp_path / "policy")
    with pytest.raises(ConfigError, match="features of the policy are not those of the task") as caught:
        record(config(tmp_path / "d", policy={"path": str(checkpoint)}, env={"width": 48}))
    assert "3x32x32" in str(caught.value)
    assert "3x32x48" in str(caught.value)
    assert "--env.width" in str(caught.value)


def test_a_target_that_is_there_or_cannot_be_is_refused_before_anything_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="there already"):
        record(config(tmp_path))
    with pytest.raises(ConfigError, match="no right to write"):
        record(config(tmp_path / "file" / "d"))
    with pytest.raises(ConfigError, match="even numbers"):
        record(config(tmp_path / "d", env={"width": 33}))
    with pytest.raises(ConfigError, match="did you mean `toy/reach`"):
        record(config(tmp_path / "d", env={"type": "toy/rech"}))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"noise": 0.02, "noise_correlation_s": 0.5, "pushes_per_s": 0.1}
    assert record(config(tmp_path / "d", 9, **options), dry_run=True) is None
    said = capsys.readouterr().out
    assert "seeds 0 to 8" in said
    assert "noise of 2.0% of each joint's range, fading over 0.5 s" in said
    assert "front 32x32 as h264 video" in said
    assert list(tmp_path.iterdir()) == []


PROGRAM = f"""
import sys; sys.path.insert(0, {str(Path(toy_env.__file__).parent)!r})
import toy_env; toy_env.register()
from understudy.rollout import workers
workers.PROGRAM = ("-c", "import sys; sys.path.insert(0, " + repr(sys.path[0]) + "); import toy_env; "
                   "toy_env.register()\\nfrom understudy.rollout.worker import main; main()")
from understudy.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def killed_recording(root: Path, signal_number: int) -> tuple[int, str]:
    """A long recording that gets a signal when three episodes are there; (exit code, what it said)."""
    options = ["--env.type=toy/reach", "--env.width=32", "--env.height=32", f"--dataset.root={root}"]
    command = [sys.executable, "-c", PROGRAM, "record", *options, "--dataset.num_episodes=3000", "--workers=1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while process.poll() is None and len(list(staging_of(root).glob("seed-*"))) < 3:
        time.sleep(0.01)
    os.kill(process.pid, signal_number)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_recording_that_was_stopped_goes_on_to_the_same_bytes(signal_number: int, code: int, tmp_path: Path) -> None:
    root = tmp_path / "d"
    found, said = killed_recording(root, signal_number)
    assert found == code
    assert ("--resume=true" in said) == (code > 0)
    with pytest.raises(ConfigError, match="begun and not finished"):
        recorded(root)
    assert recorded(root, 6, resume=True).episodes == 6
    recorded(tmp_path / "whole", 6)
    assert hashes(root) == hashes(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "whole"]


def test_a_recording_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    root = tmp_path / "d"
    killed_recording(root, signal.SIGKILL)
    with pytest.raises(ConfigError, match="disturbance") as caught:
        recorded(root, resume=True, noise=0.1)
    assert "0.1" in str(caught.value)
    with pytest.raises(ConfigError, match="no recording to go on with"):
        recorded(tmp_path / "other", resume=True)


def test_two_recordings_of_one_dataset_do_not_run_at_once(tmp_path: Path) -> None:
    from understudy.record.staging import opened

    with opened(tmp_path / "d", {"a": 1}, resume=False), pytest.raises(ConfigError, match="is running"):
        with opened(tmp_path / "d", {"a": 1}, resume=True):
            pass


def test_a_full_disk_keeps_what_is_finished(small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(600_000)
    (disk / "filler").write_bytes(bytes(400_000))
    with pytest.raises(DiskFull, match="disk is full") as caught:
        recorded(disk / "d", 60)
    assert "--resume=true" in str(caught.value.hint)
    done = len(list(staging_of(disk / "d").glob("seed-*/attempt.json")))
    assert done > 0
    (disk / "filler").unlink()
    assert recorded(disk / "d", 3, resume=True).recording.seeds == (0, 1, 2)
    assert sorted(path.name for path in disk.iterdir()) == ["d"]


def test_what_was_recorded_can_be_counted_from_its_file_alone(tmp_path: Path) -> None:
    recorded(tmp_path / "d", 2)
    raw = json.loads((tmp_path / "d/meta/recording.json").read_text())
    assert raw["seeds"] == [0, 1]
    assert set(raw["packages"]) == {"understudy", "numpy"}
