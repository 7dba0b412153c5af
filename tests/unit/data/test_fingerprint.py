"""The fingerprint names content, nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_damage import edit_info, edit_rows, only_data, set_value
from make_dataset import make_dataset
from understudy.data import fingerprint as module
from understudy.data.lerobot import load_dataset
from understudy.data.tree import list_tree


def of(folder: Path, **options: object) -> str:
    return load_dataset(str(folder), **options).fingerprint  # type: ignore[arg-type]


def test_it_is_the_same_elsewhere_later_and_for_some_of_the_episodes(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)
    copy = tmp_path / "somewhere/else"
    shutil.copytree(folder, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    assert of(folder) == of(copy) == of(copy, episodes=[1])
    assert len(of(folder)) == 32
    int(of(folder), 16)


def flip_byte(folder: Path, pattern: str, at: float) -> None:
    path = next(folder.glob(pattern))
    content = bytearray(path.read_bytes())
    content[int((len(content) - 1) * at)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: edit_info(folder, lambda info: info.update(robot_type="other")),
        lambda folder: edit_rows(only_data(folder), set_value("timestamp", 3, 0.11)),
        lambda folder: flip_byte(folder, "videos/**/*.mp4", 0),
        lambda folder: flip_byte(folder, "videos/**/*.mp4", 1),
        lambda folder: next(folder.glob("videos/**/*.mp4")).open("ab").write(b"x"),
        lambda folder: (folder / "meta/modality.json").write_text("{}"),
    ],
    ids=["info", "a number", "start of a video", "end of a video", "length of a video", "a new file in meta"],
)
def test_it_changes_with_the_content(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)
    before = module.fingerprint(list_tree(folder))
    change(folder)
    assert module.fingerprint(list_tree(folder)) != before


def test_files_beside_the_dataset_do_not_count(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=5)
    before = module.fingerprint(list_tree(folder))
    (folder / "README.md").write_text("x")
    (folder / "data/.DS_Store").write_text("x")
    (folder / "videos/notes.txt").write_text("x")
    assert module.fingerprint(list_tree(folder)) == before


def test_large_tables_are_sampled_at_both_ends_and_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WHOLE_BELOW", 100)
    monkeypatch.setattr(module, "_BLOCK", 10)
    (tmp_path / "data").mkdir()
    content = bytearray(os.urandom(5000))
    path = tmp_path / "data/a.parquet"

    def changed_at(position: int) -> bool:
        path.write_bytes(content)
        before = module.fingerprint(list_tree(tmp_path))
        other = bytearray(content)
        other[position] ^= 1
        path.write_bytes(other)
        return module.fingerprint(list_tree(tmp_path)) != before

    assert changed_at(0)
    assert changed_at(4999)
    assert changed_at(16 * 4990 // 31)
    assert not changed_at(12)
