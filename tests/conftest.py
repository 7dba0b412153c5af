"""What all tests share: the folder of real datasets (or a loud skip), one thread for torch, a cache of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import settings

# how long an example takes is no promise of ours, and a busy machine would break it
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of real datasets, logs and checkpoint configurations beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"NOT RUN: needs the real datasets in {SHARED.name}/ beside the checkout")
    return SHARED / "data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test decodes into a cache of its own, and never sees the user's."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(cache))
    return cache


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Path]]:
    """Call it with a number of bytes to get an empty file system of that size, of which a disk full is a real one."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path_factory.mktemp("small_disk")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("NOT RUN: needs the program `mount` to make a small file system")
        if done.returncode:
            pytest.skip(f"NOT RUN: mounting a small file system is not permitted here ({done.stderr.strip()})")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        # lazily: an array may still be mapped from a file on it
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is said once per process, and --json sends all else to stderr: every test is a process of its own."""
    monkeypatch.setattr("understudy.core.log._warned", set())
    monkeypatch.setattr("understudy.core.log._to_stderr", False)
