"""How many cores a process may use: what the system allows it, not what the machine has."""

from __future__ import annotations

import os

import pytest

from understudy.core.cores import usable_cores


def test_cores_that_this_process_may_not_use_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert usable_cores() == 2


@pytest.mark.parametrize(("cores", "expected"), [(6, 6), (None, 1)])
def test_without_an_affinity_all_cores_count_and_one_if_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, expected: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert usable_cores() == expected
