"""Which cameras of a task a user asked for."""

from __future__ import annotations

from collections.abc import Collection

from understudy.core.errors import ConfigError, nearest


def chosen_cameras(task: str, asked: Collection[str], known: Collection[str], more: str = "") -> list[str]:
    """The short names ("front") of the cameras in `asked`, in the order of `known` whatever order they were asked in.

    asked   short names, or whole ones (observation.images.front)
    more    what else the hint says

    Raises ConfigError for a camera that the task does not have, naming the nearest.
    """
    wanted = {name.removeprefix("observation.").removeprefix("images.") for name in asked}
    for name in sorted(wanted - set(known)):
        guess = nearest(name, known)
        raise ConfigError(
            f"{task} has no camera `{name}`" + (f"; did you mean `{guess}`?" if guess else ""),
            where="--env.cameras",
            hint="its cameras: " + ", ".join(known) + more,
        )
    return [name for name in known if name in wanted]
