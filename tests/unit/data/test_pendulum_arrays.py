"""Arrays of the pendulum become a dataset; everything else becomes an error in words, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.cli.data import run
from understudy.core.errors import ConfigError, DataError
from understudy.data.lerobot import load_dataset
from understudy.data.pendulum_arrays import import_arrays
from understudy.data.split import Split, split_of_file

RANDOM = np.random.default_rng(0)


def arrays(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "observation": RANDOM.normal(size=(5, 7, 4)).astype(np.float32),
        "action": RANDOM.normal(size=(5, 7, 1)).astype(np.float32),
        "applied_action": RANDOM.normal(size=(5, 7, 1)).astype(np.float32),
        "gains": RANDOM.normal(size=(5, 6)).astype(np.float32),
        "split": np.array([0, 0, 1, 2, 0], np.uint8),
        "calm_from": np.arange(5),
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


def npz(path: Path, **changes: Any) -> Path:
    np.savez_compressed(path, **arrays(**changes))
    return path


def test_every_number_of_an_npz_is_in_the_dataset_and_its_split_in_a_file(tmp_path: Path) -> None:
    given = arrays()
    np.savez(tmp_path / "a.npz", **given)
    made = import_arrays(tmp_path / "a.npz", tmp_path / "d")
    dataset = load_dataset(str(tmp_path / "d"))
    assert (made.episodes, made.frames, dataset.fps, dataset.warnings) == (5, 35, 25, [])
    assert np.array_equal(dataset.columns["observation.state"], given["observation"].reshape(35, 4))
    assert np.array_equal(dataset.columns["action"], given["action"].reshape(35, 1))
    assert np.array_equal(dataset.columns["applied_action"], given["applied_action"].reshape(35, 1))
    assert list(dataset.spec.features) == ["observation.state", "action"]
    assert made.split_file == tmp_path / "d/meta/split.json"
    assert split_of_file(tmp_path / "d/meta/split.json", dataset) == Split([0, 1, 4], [2], [3])
    assert np.allclose(json.loads((tmp_path / "d/meta/gains.json").read_text()), given["gains"], atol=1e-8)


def test_what_an_npz_may_leave_out_it_may_leave_out(tmp_path: Path) -> None:
    source = npz(tmp_path / "a.npz", applied_action=None, gains=None, split=None)
    made = import_arrays(source, tmp_path / "d")
    assert made.split_file is None
    assert not (tmp_path / "d/meta/split.json").exists()
    assert "applied_action" not in load_dataset(str(tmp_path / "d")).columns


@pytest.mark.parametrize("inner", ["", "trajs"])
def test_a_folder_of_episodes_is_read_in_the_order_of_their_numbers(tmp_path: Path, inner: str) -> None:
    folder = tmp_path / "data" / inner
    folder.mkdir(parents=True)
    episodes = {number: RANDOM.normal(size=(6 + number % 3, 5)) for number in (2, 10, 1)}
    for number, values in episodes.items():
        np.save(folder / f"{number:04d}.npy", values)
    (folder / "notes.txt").write_text("not an episode")
    made = import_arrays(tmp_path / "data", tmp_path / "d")
    dataset = load_dataset(str(tmp_path / "d"))
    whole = np.concatenate([episodes[number] for number in (1, 2, 10)]).astype(np.float32)
    assert (made.episodes, made.split_file) == (3, None)
    assert np.array_equal(dataset.columns["observation.state"], whole[:, :4])
    assert np.array_equal(dataset.columns["action"], whole[:, 4:])


def _npy(content: bytes | np.ndarray, name: str = "0000.npy") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        place = folder / "trajs"
        place.mkdir()
        if isinstance(content, bytes):
            (place / name).write_bytes(content)
        else:
            np.save(place / name, content, allow_pickle=True)
        return folder

    return make


def _truncated(folder: Path) -> Path:
    whole = npz(folder / "whole.npz").read_bytes()
    (folder / "a.npz").write_bytes(whole[: len(whole) // 2])
    return folder / "a.npz"


def _header(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: f / "absent.npz", "no such file"),
        (lambda f: f, "no episode"),
        (_truncated, "cannot be read"),
        (lambda f: npz(f / "a.npz", action=None), "`action` is missing"),
        (lambda f: npz(f / "a.npz", observation=np.zeros((5, 7, 3))), r"shape \(5, 7, 3\)"),
        (lambda f: npz(f / "a.npz", action=np.zeros((5, 6, 1))), r"`action` has the shape \(5, 6, 1\)"),
        (lambda f: npz(f / "a.npz", action=np.zeros(5)), r"`action` has the shape \(5,\)"),
        (lambda f: npz(f / "a.npz", observation=np.zeros((0, 7, 4)), action=np.zeros((0, 7, 1))), "shape"),
        (lambda f: npz(f / "a.npz", split=np.array([0, 1, 2])), "of 3 episodes"),
        (lambda f: npz(f / "a.npz", split=np.array([0, 1, 2, 3, 0])), r"0 \(train\), 1 \(validation\) or 2"),
        (lambda f: npz(f / "a.npz", action=np.full((5, 7, 1), "x")), "no numbers"),
        (lambda f: npz(f / "a.npz", action=np.full((5, 7, 1), None)), "cannot be read"),
        (lambda f: npz(f / "a.npz", action=np.full((5, 7, 1), 1e300)), "not a finite number"),
        (_npy(np.full((4, 5), np.nan)), "not a finite number"),
        (_npy(np.zeros((4, 6))), r"shape \(4, 6\)"),
        (_npy(np.zeros((0, 5))), r"shape \(0, 5\)"),
        (_npy(np.zeros(5)), r"shape \(5,\)"),
        (_npy(np.array([{"a": 1}], object)), "cannot be read"),
        (_npy(b"not an array"), "it is not an npy file"),
        (_npy(b""), "it is not an npy file"),
        (_npy(_header("(4, 5)") + b"\0" * 8), "cannot be read"),
        (_npy(_header("(10**15, 5)")), "cannot be read"),
        (_npy(_header("(1000000000000000, 5)")), "cannot be read"),
    ],
)
def test_bad_input_is_told_in_words_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    with pytest.raises(DataError, match=words):
        import_arrays(make(folder), tmp_path / "d")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_an_episode_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    for name in ("1.npy", "001.npy"):
        np.save(tmp_path / name, np.zeros((4, 5)))
    with pytest.raises(DataError, match="episode 1 is there twice"):
        import_arrays(tmp_path, tmp_path / "d")


def test_one_array_is_not_taken_for_several(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 5)))
    with pytest.raises(DataError, match="this is one array"):
        import_arrays(tmp_path / "a.npy", tmp_path / "d")


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/mine").write_text("x")
    with pytest.raises(ConfigError, match="there already"):
        import_arrays(npz(tmp_path / "a.npz"), tmp_path / "d")
    assert (tmp_path / "d/mine").read_text() == "x"


def test_the_command_says_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.core.log._to_stderr", False)
    assert run(["import", str(npz(tmp_path / "a.npz")), str(tmp_path / "d"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "path": str(tmp_path / "d"),
        "episodes": 5,
        "frames": 35,
        "split_file": str(tmp_path / "d/meta/split.json"),
    }


@pytest.mark.shared
@pytest.mark.slow
def test_the_recordings_beside_the_checkout_are_imported_with_their_split(shared: Path, tmp_path: Path) -> None:
    source = shared / "inverted_pendulum_pid/pid_4000x100.npz"
    made = import_arrays(source, tmp_path / "d")
    dataset = load_dataset(str(tmp_path / "d"))
    split = split_of_file(tmp_path / "d/meta/split.json", dataset)
    assert (made.episodes, made.frames) == (4000, 400_000)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [3200, 400, 400]
    with np.load(source, allow_pickle=False) as file:
        assert np.array_equal(dataset.columns["action"].reshape(4000, 100, 1), file["action"])
