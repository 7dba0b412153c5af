"""Lists of episodes and joints in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 8


def listed(episodes: Sequence[int]) -> str:
    """`episode 3`, or `episodes 3, 5, 8 and 12 more`."""
    if len(episodes) == 1:
        return f"episode {episodes[0]}"
    shown = ", ".join(str(index) for index in episodes[:_SHOWN])
    more = f" and {len(episodes) - _SHOWN} more" if len(episodes) > _SHOWN else ""
    return f"episodes {shown}{more}"


def of_all(found: Sequence[int], all_of_them: int) -> str:
    """`all 12 episodes`, or `3 of 12 episodes`."""
    if len(found) == all_of_them:
        return f"all {all_of_them} episodes" if all_of_them > 1 else "the only episode"
    return f"{len(found)} of {all_of_them} episodes"


def joints(names: Sequence[str], which: Sequence[int]) -> str:
    """The names of some joints."""
    shown = ", ".join(names[i] if i < len(names) else f"number {i}" for i in which[:_SHOWN])
    return shown + (f" and {len(which) - _SHOWN} more" if len(which) > _SHOWN else "")


def is_hand(name: str) -> bool:
    """Whether a joint of this name opens and shuts: it rests at an end, and is commanded beyond what it holds."""
    return any(part in name.lower() for part in ("grip", "jaw", "hand", "finger", "thumb"))
