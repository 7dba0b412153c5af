"""What the person at the robot answers: a single key where there is a keyboard, a typed line everywhere else."""

from __future__ import annotations

import sys

from understudy.core import log


def ask_key(question: str, keys: str) -> str | None:
    """One of the letters `keys`; None when nobody answers any more (end of input)."""
    while True:
        log.say(question)
        answer = _key() if sys.stdin.isatty() else _line()
        if answer is None:
            return None
        if answer[:1].lower() in keys and answer:
            return answer[:1].lower()
        log.say(f"  {' or '.join(keys)}, please")


def ask_line(question: str) -> str | None:
    """A line, without spaces around it; None at the end of input."""
    log.say(question)
    return _line()


def _line() -> str | None:
    line = sys.stdin.readline()
    return line.strip() if line else None


def _key() -> str | None:
    """A key as it is pressed. Ctrl-C stays Ctrl-C."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        return sys.stdin.read(1) or None
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
