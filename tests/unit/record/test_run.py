"""A recording is a function of its options: same seeds, same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy_env
from small_recording import config, recorded, told
from understudy.core.errors import ConfigError, DiskFull, UnderstudyError
from understudy.data.lerobot import Dataset, load_dataset
from understudy.policies.fingerprint import fingerprint
from understudy.record import run as module
from understudy.record.attempt import serve
from understudy.record.run import record
from understudy.record.staging import staging_of


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts are made here: starting processes takes longer than all of these tests. test_processes.py does."""

    def run(target: str, setup: dict[str, Any], items: list[int], **how: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        attempt = serve(setup)
        for item in items:
            yield item, json.loads(json.dumps(attempt(item)))

    monkeypatch.setattr(module, "run_in_workers", run)


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
    recorded(tmp_path / "d", 2, dataset={"video": False})
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


def test_a_hopeless_actor_is_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnderstudyError, match="0 of 20 attempts") as caught:
        record(config(tmp_path / "d", policy={"type": "hold"}, env={"horizon": 2}))
    assert "time limit" in str(caught.value.where)
    assert list(tmp_path.iterdir()) == []


def test_a_policy_records_what_it_does(tmp_path: Path) -> None:
    checkpoint = toy_env.toy_policy(tmp_path / "policy")
    policy = {"path": str(checkpoint), "device": "cpu"}
    found = recorded(tmp_path / "d", 1, policy=policy, keep_failures=True, env={"horizon": 6})
    assert found.recording.actor == {"path": str(checkpoint), "fingerprint": fingerprint(checkpoint)}
    assert "torch" in found.recording.packages
    assert load_dataset(str(tmp_path / "d")).num_rows == 6


def test_a_policy_that_knows_the_camera_by_another_name_records(tmp_path: Path) -> None:
    checkpoint = toy_env.toy_policy(tmp_path / "policy", camera="observation.images.top")
    found = recorded(tmp_path / "d", 1, policy={"path": str(checkpoint)}, keep_failures=True, env={"horizon": 6})
    assert found.frames == 6


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


def test_two_recordings_of_one_dataset_do_not_run_at_once(tmp_path: Path) -> None:
    from understudy.record.staging import opened

    with (
        opened(tmp_path / "d", {"a": 1}, resume=False),
        pytest.raises(ConfigError, match="is running"),
        opened(tmp_path / "d", {"a": 1}, resume=True),
    ):
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


def test_what_is_left_of_a_killed_joining_is_removed_and_nothing_of_others(tmp_path: Path) -> None:
    for name in (".tmp-d-17", ".tmp-d-2-17", ".tmp-e-17"):
        (tmp_path / name).mkdir()
    recorded(tmp_path / "d", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".tmp-d-2-17", ".tmp-e-17", "d"]


def test_more_episodes_than_needed_are_left_out_in_the_order_of_seeds(tmp_path: Path) -> None:
    # 3, 13, 23 raise: the first round keeps 18 of 20, the second tries ceil(2 * 20 / 18) = 3 for the two that lack
    found = recorded(tmp_path / "d", 20, env={"type": "toy/raises"}, dataset={"video": False})
    assert found.recording.seeds == tuple(seed for seed in range(22) if seed % 10 != 3)
    assert [attempt.seed for attempt in found.recording.attempts] == list(range(22))


def test_a_camera_may_be_recorded_as_pictures_or_in_av1(tmp_path: Path) -> None:
    recorded(tmp_path / "png", 1, dataset={"video": False})
    recorded(tmp_path / "av1", 1, dataset={"vcodec": "libsvtav1"}, env={"width": 64, "height": 64})
    stored = [load_dataset(str(tmp_path / name)).info["features"][toy_env.CAMERA] for name in ("png", "av1")]
    assert [feature["dtype"] for feature in stored] == ["image", "video"]
    assert stored[1]["info"]["video.codec"] == "av1"


def test_an_environment_that_cannot_be_made_leaves_nothing_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(setup: dict[str, Any]) -> None:
        raise ConfigError("no OpenGL here")

    monkeypatch.setattr(module, "run_in_workers", lambda *given, **how: broken(given[1]))
    with pytest.raises(ConfigError, match="no OpenGL"):
        record(config(tmp_path / "d"))
    assert list(tmp_path.iterdir()) == []
