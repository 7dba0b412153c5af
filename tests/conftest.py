"""What all tests share: the folder of real datasets (or a loud skip), one thread for torch, a cache of their own."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

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
