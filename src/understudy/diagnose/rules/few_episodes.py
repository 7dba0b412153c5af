"""So few episodes, seen so often, that the curve says nothing about anything new."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding
from ..rule import Looks, Rule
from ..run_view import RunView

# with fewer than this nobody has shown a policy that works from pictures; the epochs make sure that it was meant
_FEWEST, _EPOCHS = 10, 200


def check(run: RunView) -> Iterator[Finding]:
    episodes = run.fact("episodes")
    _, epochs = run.series("epochs")
    seen = float(epochs[-1]) if len(epochs) else None
    if seen is None and (frames := run.fact("frames")) and (batch := run.fact("batch_size")):
        seen = run.last_step * batch / frames
    if episodes is None or episodes >= _FEWEST or seen is None or seen < _EPOCHS:
        return
    yield Finding(
        "error",
        f"trained on {episodes:.0f} episode{'s' if episodes > 1 else ''}, each seen {seen:,.0f} times: the loss shows "
        "how well they are remembered, not what the policy can do",
        "record more: 20 to 50 episodes for one task with small variation, more for more; hold some out",
        {"episodes": int(episodes), "epochs": round(seen, 1), "frames": run.fact("frames")},
    )


RULE = Rule(
    "few_episodes",
    Looks.RUN,
    check,
    source="a LeRobot run of 94,000 steps on one episode whose curve looks healthy; ALOHA's tasks have 50 episodes",
    live=True,
)
