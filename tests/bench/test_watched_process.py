"""A watched command: its lines as they come, its end, and the memory of everything it starts."""

from __future__ import annotations

import sys
import time

import psutil

from watched_process import Watched, watch

HOLD = "import sys, time; held = bytearray(b'x' * 60_000_000); time.sleep(2)"


def python(program: str, limit_s: float = 60.0, memory: bool = False) -> Watched:
    return watch([sys.executable, "-c", program], environment={}, limit_s=limit_s, memory=memory)


def has_ended(process_id: int) -> bool:
    """Whether the process is gone, or soon is: the system takes a moment to clear a killed one away."""
    for _ in range(100):
        try:
            if psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def test_lines_are_split_at_redraws_of_a_bar_and_come_in_order() -> None:
    program = "import sys; print('a', flush=True); sys.stderr.write('bar\\rb\\nend')"
    watched = python(program)
    assert [line.text for line in watched.lines] == ["a", "bar", "b", "end"]
    times = [line.at_s for line in watched.lines]
    assert times == sorted(times)
    assert times[0] > 0


def test_the_exit_code_and_the_last_words_are_kept() -> None:
    watched = python("print('why'); raise SystemExit(3)")
    assert (watched.exit_code, watched.last_words()) == (3, "why")


def test_a_program_that_is_not_there_is_a_failed_run_like_any_other() -> None:
    watched = watch(["/nowhere/lerobot-train"], environment={}, limit_s=1.0, memory=False)
    assert watched.exit_code == 127
    assert "/nowhere/lerobot-train" in watched.last_words()


def test_a_command_that_does_not_end_is_stopped_with_its_children() -> None:
    program = "import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    watched = python(f"{program}; print(c.pid, flush=True); c.wait()", limit_s=2.0)
    assert watched.exit_code is None
    assert has_ended(int(watched.lines[0].text))


def test_memory_of_child_processes_is_counted() -> None:
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"
    watched = python(program, memory=True)
    assert watched.memory.rss > 60_000_000
    assert watched.memory.without_files is None or watched.memory.without_files > 60_000_000


def test_the_environment_is_added_to_ours() -> None:
    command = [sys.executable, "-c", "import os; print(os.environ['ADDED'], 'PATH' in os.environ)"]
    watched = watch(command, environment={"ADDED": "yes"}, limit_s=60.0, memory=False)
    assert watched.lines[0].text == "yes True"
