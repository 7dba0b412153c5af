"""Memory that a process keeps: what is freed and taken again touches no new page."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
# PR_SET_THP_DISABLE: pages of one size, however many large ones the system has left
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)
from understudy.core.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
import torch
def use():
    torch.ones(16 << 20).add(1)  # two blocks of 64 MiB
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc is what is told")
def test_memory_that_is_kept_is_touched_again_at_most_half_as_often() -> None:
    # all of it is kept in some processes, one of the two blocks in others: it depends on where the heap begins
    assert faults("keep") * 1.9 < faults("give back")
