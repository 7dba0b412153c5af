"""Faults of recordings, put into sound ones: `FAULTS`, each at several strengths.

They are put into what the rules look at (numbers, time stamps, small pictures), not into files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from understudy.diagnose.dataset_view import DatasetView, EpisodeView, Pictures

_VICTIM = 2  # the episode that is damaged


@dataclass(frozen=True)
class Fault:
    """A fault.

    rule        that has to find it
    strengths   what `put` is given, in words of `unit`
    put         (view, strength) -> the damaged one, None where it cannot be put into this one
    one         whether it is in one episode, which has to be named
    """

    rule: str
    unit: str
    strengths: tuple[float, ...]
    put: Callable[[Any, float], Any]
    one: bool = False


def _one(change: Callable[[EpisodeView, float, DatasetView], EpisodeView | None], *, cameras: bool = False) -> Any:
    """A change of one episode, as a change of a view."""

    def put(view: DatasetView, strength: float) -> DatasetView | None:
        if len(view.episodes) <= _VICTIM or (cameras and not view.episodes[_VICTIM].pictures):
            return None
        changed = change(view.episodes[_VICTIM], strength, view)
        episodes = [*view.episodes[:_VICTIM], changed, *view.episodes[_VICTIM + 1 :]]
        return None if changed is None else replace(view, episodes=tuple(e for e in episodes if e is not None))

    return put


def _all(change: Callable[[EpisodeView, float, DatasetView], EpisodeView | None]) -> Any:
    """A change of every episode, as a change of a view."""

    def put(view: DatasetView, strength: float) -> DatasetView | None:
        changed = [change(episode, strength, view) for episode in view.episodes]
        return None if None in changed else replace(view, episodes=tuple(e for e in changed if e is not None))

    return put


def _seen(change: Callable[[Pictures, float], Pictures]) -> Any:
    """A change of what the first camera saw in one episode."""

    def put(episode: EpisodeView, strength: float, view: DatasetView) -> EpisodeView:
        camera = view.cameras[0]
        return replace(episode, pictures=episode.pictures | {camera: change(episode.pictures[camera], strength)})

    return _one(put, cameras=True)


def _levels(seen: Pictures, by: float) -> Pictures:
    return replace(seen, small=np.clip(seen.small * 1.0 + by, 0, 255).astype(np.uint8))


def _frozen(seen: Pictures, share: float) -> Pictures:
    small, first = seen.small.copy(), round(len(seen.small) * (1 - share))
    small[first:] = small[first]
    return replace(seen, small=small)


def _doubled(view: DatasetView, every: float) -> DatasetView | None:
    if not view.cameras:
        return None
    camera = view.cameras[0]
    episodes = [
        replace(e, pictures=e.pictures | {camera: replace(p, same=p.same | (p.frames % int(every) == int(every) - 1))})
        if (p := e.pictures.get(camera))
        else e
        for e in view.episodes
    ]
    return replace(view, episodes=tuple(episodes))


def _joint(view: DatasetView) -> int:
    """The joint that moves most, by what it does in a frame, hands left out."""
    state = np.concatenate([np.asarray(e.state) for e in view.episodes])
    return int(np.argmax(np.abs(np.diff(state, axis=0)).mean(axis=0)[: 5 if state.shape[1] > 5 else None]))


def _span(view: DatasetView) -> float:
    return float(np.ptp(np.concatenate([np.asarray(e.state)[:, _joint(view)] for e in view.episodes])))


def _state(change: Callable[[np.ndarray, int, float, float], None]) -> Any:
    """A change of one joint's states: (its states, frame in the middle, strength, range of the joint)."""

    def put(e: EpisodeView, strength: float, view: DatasetView) -> EpisodeView:
        state = np.asarray(e.state).copy()
        change(state[:, _joint(view)], e.length // 2, strength, _span(view))
        return replace(e, state=state)

    return put


def _stuck(values: np.ndarray, middle: int, share: float, span: float) -> None:
    values[int(len(values) * (1 - share)) :] = values[int(len(values) * (1 - share))]


def _spike(values: np.ndarray, middle: int, share: float, span: float) -> None:
    values[middle] += share * span


def _swapped(e: EpisodeView, strength: float, view: DatasetView) -> EpisodeView | None:
    if e.state is None or e.action is None or e.state.shape != e.action.shape:
        return None
    return replace(e, state=e.action, action=e.state)


def _lagging(e: EpisodeView, frames: float, view: DatasetView) -> EpisodeView | None:
    if e.state is None or e.action is None or e.state.shape != e.action.shape:
        return None
    late = np.concatenate([np.repeat(e.state[:1], int(frames), axis=0), e.state])[: e.length]
    spread = 0.003 * np.ptp(e.state, axis=0) if frames else 0.0
    noise = np.random.default_rng(e.index).normal(0, 1, late.shape) * spread
    return replace(e, action=late + noise)


def _offset(e: EpisodeView, share: float, view: DatasetView) -> EpisodeView | None:
    if e.state is None or e.action is None or e.state.shape != e.action.shape:
        return None
    action = e.action.copy()
    action[:, _joint(view)] += share * _span(view)
    return replace(e, action=action)


def _dropped(e: EpisodeView, frames: float, view: DatasetView) -> EpisodeView | None:
    if e.seconds is None or e.state is None or e.action is None or e.length < 3 * frames:
        return None
    kept = np.delete(np.arange(e.length), np.arange(e.length // 2, e.length // 2 + int(frames)))
    seconds = e.seconds[kept]
    return replace(e, length=len(kept), state=e.state[kept], action=e.action[kept], seconds=seconds, pictures={})


def _dropped_unseen(e: EpisodeView, frames: float, view: DatasetView) -> EpisodeView | None:
    cut = _dropped(e, frames, view)
    return None if cut is None else replace(cut, seconds=np.arange(cut.length) / view.fps)


def _jitter(e: EpisodeView, share: float, view: DatasetView) -> EpisodeView | None:
    noise = np.random.default_rng(e.index).normal(0, share / view.fps / np.sqrt(2), e.length)
    return None if e.seconds is None else replace(e, seconds=e.seconds + noise)


def _waits(e: EpisodeView, seconds: float, view: DatasetView) -> EpisodeView:
    rows = np.concatenate([np.zeros(int(seconds * view.fps), dtype=int), np.arange(e.length)])
    state, action = (None if x is None else x[rows] for x in (e.state, e.action))
    return replace(
        e, length=len(rows), state=state, action=action, seconds=np.arange(len(rows)) / view.fps, pictures={}
    )


def _cut(e: EpisodeView, share: float, view: DatasetView) -> EpisodeView:
    rows = slice(0, max(2, int(share * e.length)))
    state, action, seconds = (None if x is None else x[rows] for x in (e.state, e.action, e.seconds))
    return replace(e, length=rows.stop, state=state, action=action, seconds=seconds, pictures={})


def _copied(e: EpisodeView, noise: float, view: DatasetView) -> EpisodeView | None:
    other = view.episodes[0]
    if other.action is None:
        return None
    spread = noise * other.action.std(axis=0)
    action = other.action + np.random.default_rng(0).normal(0, 1, other.action.shape) * spread
    return replace(other, index=e.index, action=action)


def _stale(view: DatasetView, off: float) -> DatasetView | None:
    if not view.with_action():
        return None
    action = np.concatenate([np.asarray(e.action) for e in view.episodes])
    mean, std = action.mean(axis=0), action.std(axis=0)
    return replace(view, stored={"action": {"mean": mean + off * std, "std": std}})


def _half(view: DatasetView, strength: float) -> DatasetView | None:
    """Statistics of the first half of the episodes alone, as after a merge."""
    if not view.with_action():
        return None
    action = np.concatenate([np.asarray(e.action) for e in view.episodes[: len(view.episodes) // 2]])
    return replace(view, stored={"action": {"mean": action.mean(axis=0), "std": action.std(axis=0)}})


def _late_pictures(view: DatasetView, seconds: float) -> DatasetView | None:
    # the rule looks at episodes of four seconds and more, of which every picture was looked at
    long = [e for e in view.episodes if e.length >= 4 * view.fps and any(p.whole for p in e.pictures.values())]
    if len(long) < 2:
        return None
    frames, camera, episodes = int(seconds * view.fps), view.cameras[0], []
    for e in view.episodes:
        p = e.pictures.get(camera)
        if p is not None and p.whole and frames < len(p.small):
            late = np.concatenate([np.repeat(p.small[:1], frames, axis=0), p.small])[: len(p.small)]
            e = replace(e, pictures=e.pictures | {camera: replace(p, small=late)})
        episodes.append(e)
    return replace(view, episodes=tuple(episodes))


FAULTS = {
    "camera black in one episode": Fault(
        "dead_camera", "levels darker", (40, 120, 255), _seen(lambda p, x: _levels(p, -x)), True
    ),
    "camera over-exposed in one": Fault("dead_camera", "levels brighter", (40, 120, 255), _seen(_levels), True),
    "camera freezes in one": Fault("dead_camera", "of the episode", (0.25, 0.5, 1.0), _seen(_frozen), True),
    "camera moved in one": Fault(
        "camera_differs",
        "of 64 columns",
        (2, 6, 16),
        _seen(lambda p, x: replace(p, small=np.roll(p.small, int(x), axis=2))),
        True,
    ),
    "camera repeats frames": Fault("frames_doubled", "every n-th", (10, 5, 3, 2), _doubled),
    "pictures late": Fault("picture_and_table", "s", (0.1, 0.3, 0.6), _late_pictures),
    "joint dead in one episode": Fault("frozen_joint", "of the episode", (0.5, 1.0), _one(_state(_stuck)), True),
    "joint stuck in one episode": Fault("stuck_joint", "of the episode", (0.25, 0.5, 1.0), _one(_state(_stuck)), True),
    "joint jumps once": Fault("jumps", "of its range", (0.2, 0.4, 0.8), _one(_state(_spike)), True),
    "columns exchanged": Fault("action_follows_state", "all", (1,), _all(_swapped)),
    "action lags behind state": Fault("action_follows_state", "frames", (0, 1, 3, 8), _all(_lagging)),
    "leader and follower apart": Fault("leader_apart", "of a joint's range", (0.05, 0.15, 0.3), _all(_offset)),
    "one episode in radians": Fault(
        "units_mixed",
        "all",
        (1,),
        _one(
            lambda e, x, v: replace(e, state=np.radians(np.asarray(e.state)), action=np.radians(np.asarray(e.action)))
        ),
        True,
    ),
    "frames dropped in one": Fault("time_stamps", "frames", (1, 2, 5), _one(_dropped), True),
    "frames dropped, clock too": Fault("jumps", "frames", (2, 5, 15), _one(_dropped_unseen), True),
    "jitter of the clock": Fault("time_stamps", "of a frame", (0.1, 0.3, 1.0), _all(_jitter)),
    "standing still first": Fault("idle_ends", "s", (0.5, 1.5, 3.0), _all(_waits)),
    "one episode cut short": Fault("episode_lengths", "of it left", (0.5, 0.3, 0.15), _one(_cut), True),
    "one episode copied": Fault("near_duplicates", "noise, of a std", (0, 0.001, 0.01), _one(_copied), True),
    "statistics off": Fault("stale_statistics", "std", (0.02, 0.1, 0.5), _stale),
    "statistics of one half": Fault("stale_statistics", "all", (1,), _half),
    "one task empty": Fault("task_names", "all", (1,), _one(lambda e, x, v: replace(e, tasks=("",))), True),
}
