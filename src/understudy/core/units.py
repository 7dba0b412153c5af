"""Numbers as people read them: bytes, durations, counts."""

from __future__ import annotations

from collections.abc import Sequence


def readable_bytes(n: float) -> str:
    """1536 -> '1.5 kB'. Decimal prefixes, as disks and data plans count."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(n) < 1000 or unit == "TB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    raise AssertionError


def readable_duration(seconds: float) -> str:
    """3725 -> '1 h 02 min'; 65 -> '1 min 05 s'; 3.2 -> '3.2 s'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def counted(n: int, what: str) -> str:
    """(1, "episode") -> '1 episode'; (1234, "episode") -> '1,234 episodes'."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def short_number(n: float) -> str:
    """12345 -> '12K', the way LeRobot's training line prints counts."""
    for suffix in ("", "K", "M", "B", "T"):
        if abs(n) < 1000:
            return f"{n:.0f}{suffix}"
        n /= 1000
    return f"{n:.0f}Q"


def first_of(numbers: Sequence[int], most: int = 8) -> str:
    """'3, 5, 8', or of more than `most` the first ones and '...'."""
    return ", ".join(map(str, numbers[:most])) + (", ..." if len(numbers) > most else "")
