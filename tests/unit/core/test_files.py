"""Writing is all or nothing; a full disk is said plainly; a lock dies with its process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.core.errors import ConfigError, DiskFull
from understudy.core.files import (
    append_whole,
    cache_folder,
    check_new,
    check_place,
    cut_torn_line,
    existing_parent,
    folder_written_atomically,
    free_bytes,
    full_disk_reported,
    link_atomically,
    locked,
    remove_leftovers,
    write_atomically,
)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull) as caught:
        write_atomically(path, "new")
    assert caught.value.where == str(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_really_full_disk_leaves_the_old_file(small_disk: Callable[[int], Path]) -> None:
    path = small_disk(64 * 1024) / "a.bin"
    write_atomically(path, b"old")
    with pytest.raises(DiskFull, match=r"a\.bin could not be written"):
        write_atomically(path, os.urandom(256 * 1024))
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]


def test_a_device_without_room_is_a_full_disk() -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("NOT RUN: needs /dev/full")
    with pytest.raises(DiskFull), full_disk_reported(device, "everything"), device.open("w") as file:
        file.write("x" * 100_000)


def test_a_library_s_own_error_about_a_full_disk_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="weights could not be written"), full_disk_reported(tmp_path, "weights"):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), full_disk_reported(tmp_path, "x"):
        raise PermissionError(errno.EACCES, "no")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with folder_written_atomically(target) as inside:
        (inside / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    with pytest.raises(ValueError, match="half"), folder_written_atomically(tmp_path / "other") as inside:
        (inside / "a").write_text("1")
        raise ValueError("half")
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(FileExistsError), folder_written_atomically(tmp_path / "new"):
        pytest.fail("must not get here")


def test_a_link_is_replaced_in_one_step_and_is_relative(tmp_path: Path) -> None:
    link = tmp_path / "last"
    for name in ("000001", "000002"):
        (tmp_path / name).mkdir()
        link_atomically(link, name)
    assert str(link.readlink()) == "000002"


def test_what_an_interrupted_write_left_is_removed_and_named(tmp_path: Path) -> None:
    (tmp_path / ".tmp-a-1").write_text("torn")
    (tmp_path / ".tmp-folder-1").mkdir()
    (tmp_path / "kept").write_text("whole")
    assert sorted(remove_leftovers(tmp_path)) == [".tmp-a-1", ".tmp-folder-1"]
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


_HOLD = """
import sys
from pathlib import Path
from understudy.core.files import locked
with locked(Path(sys.argv[1]), wait=False) as got:
    print(got, flush=True)
    sys.stdin.read()
"""


def test_a_lock_excludes_other_processes_and_ends_with_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with locked(path, wait=False) as got:
        assert not got
    holder.kill()
    holder.communicate()
    with locked(path, wait=False) as got:
        assert got


def test_free_space_is_asked_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert existing_parent(tmp_path / "a" / "b" / "c") == tmp_path
    assert free_bytes(tmp_path / "a" / "b") > 0


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("UNDERSTUDY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "understudy"


def test_a_place_below_a_file_or_without_the_right_to_write_is_refused_in_the_caller_s_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    check_place(tmp_path / "a" / "b", "--output_dir")
    with pytest.raises(ConfigError, match="is a file, not a folder") as below_a_file:
        check_place(tmp_path / "file" / "a", "--output_dir")
    assert below_a_file.value.where == "--output_dir"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=f"nothing may be written to `{tmp_path}`"):
        check_place(tmp_path / "a" / "b", "--output_dir")


def test_a_line_that_does_not_fit_leaves_nothing_of_itself(small_disk: Callable[[int], Path]) -> None:
    path = small_disk(64 * 1024) / "lines"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        append_whole(descriptor, b"one\n")
        with pytest.raises(OSError, match="No space left"):
            append_whole(descriptor, os.urandom(256 * 1024) + b"\n")
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"one\n"


def test_a_line_that_does_not_reach_the_disk_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with (tmp_path / "lines").open("ab", buffering=0) as file:
        append_whole(file.fileno(), b"one\n")
        with pytest.raises(OSError, match="Input/output"):
            append_whole(file.fileno(), b"two\n", durable=True)
    assert (tmp_path / "lines").read_bytes() == b"one\n"


@pytest.mark.parametrize(
    ("before", "after"), [(b"one\ntw", b"one\n"), (b"one\n", b"one\n"), (b"on", b""), (b"", b""), (None, None)]
)
def test_half_a_line_at_the_end_is_cut_off_and_nothing_else(
    tmp_path: Path, before: bytes | None, after: bytes | None
) -> None:
    path = tmp_path / "lines"
    if before is not None:
        path.write_bytes(before)
    cut_torn_line(path)
    assert (path.read_bytes() if path.exists() else None) == after


def test_a_folder_that_is_to_be_made_must_not_be_there(tmp_path: Path) -> None:
    check_new(tmp_path / "a")
    with pytest.raises(ConfigError, match="the report is there already") as caught:
        check_new(tmp_path, "report")
    assert (caught.value.where, caught.value.hint) == (str(tmp_path), "name a new one")
