"""Episodes that begin or end with the robot standing still: they teach to stand still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dataset_view import DatasetView, EpisodeView
from ..finding import Finding
from ..rule import Looks, Rule
from ..words import listed, of_all

_STILL = 0.02  # of the joint's range, how far it may wander while it counts as standing
_LONG_S = 1.0


def check(data: DatasetView) -> Iterator[Finding]:
    episodes = [e for e in data.episodes if (e.state is not None or e.action is not None) and e.length > 2]
    if not episodes:
        return
    spans = np.ptp(np.concatenate([_joints(e) for e in episodes]), axis=0)
    heads, tails = (np.array([_idle(_joints(e)[::sign], spans) for e in episodes]) for sign in (1, -1))
    for where, idle in (("begin", heads), ("end", tails)):
        long = np.flatnonzero(idle > _LONG_S * data.fps)
        if not len(long):
            continue
        found = [episodes[i].index for i in long]
        seconds = idle[long] / data.fps
        share = idle[long].sum() / sum(e.length for e in episodes)
        frames = [_span(episodes[i], int(idle[i]), where) for i in long[:50]]
        yield Finding(
            "warning" if share > 0.05 and where == "begin" else "note",
            f"{of_all(found, len(episodes))} {where} with more than {_LONG_S:g} s of standing still (median "
            f"{np.median(seconds):.1f} s, {share:.0%} of all frames): {listed(found)}",
            "a policy learns to wait from them; cut them off, or start and stop recording with the movement"
            + ("" if where == "begin" else ". At the end it does less harm: a policy should stay where it is done"),
            {"where": where, "median_s": round(float(np.median(seconds)), 2), "share": round(float(share), 4)},
            tuple(found),
            tuple(frames),
        )


def _joints(episode: EpisodeView) -> np.ndarray:
    return np.asarray(episode.state if episode.state is not None else episode.action)


def _idle(joints: np.ndarray, spans: np.ndarray) -> int:
    """Frames at the begin during which no joint leaves the surroundings of where it started."""
    away = (np.abs(joints - joints[0]) > _STILL * np.maximum(spans, 1e-9)).any(axis=1)
    return int(np.argmax(away)) if away.any() else len(joints)


def _span(episode: EpisodeView, idle: int, where: str) -> tuple[int, int, int]:
    if where == "begin":
        return episode.index, 0, idle - 1
    return episode.index, episode.length - idle, episode.length - 1


RULE = Rule(
    "idle_ends", Looks.DATASET, check, source="Isaac-GR00T thread 137, dot_policy thread 4, huggingface/lerobot 3429"
)
