"""The toy tasks, here and in worker processes."""

from __future__ import annotations

import pytest

import toy_env


@pytest.fixture(autouse=True)
def toy_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_env.in_workers(monkeypatch)
