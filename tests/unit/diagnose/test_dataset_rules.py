"""Every rule about datasets has recordings where it fires and others, as near as can be, where it stays silent.

A rule with several branches has a case for each of them, in `ALSO_FIRES`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.data.lerobot import load_dataset
from understudy.diagnose.dataset_view import DatasetView, EpisodeView, Pictures, small, view_of_dataset
from understudy.diagnose.finding import Finding
from understudy.diagnose.rule import Looks, all_rules, apply_rules

FPS, FRAMES, JOINTS, EPISODES = 30.0, 120, 4, 24
CAMERA = "observation.images.front"
NAMES = tuple(f"joint_{i}" for i in range(JOINTS))


def episode(index: int, **changes: Any) -> EpisodeView:
    """A sound episode with `changes`."""
    return dataclasses.replace(sound(index), **changes)


@cache
def sound(index: int) -> EpisodeView:
    """A sound episode: joints that swing, each episode in its own way; a light square that follows the first joint, and
    a dark one that lies somewhere."""
    rng = np.random.default_rng(index)
    t = np.arange(FRAMES) / FPS
    phase, size = rng.uniform(0, 2, JOINTS), rng.uniform(0.7, 1.3, JOINTS)
    state = size * np.sin(1.5 * (1 + 0.3 * np.arange(JOINTS)) * t[:, None] + phase)
    action = np.concatenate([state[1:], state[-1:]]) + rng.normal(0, 0.005, state.shape)
    return EpisodeView(index, FRAMES, ("stack the cups",), state, action, t, {CAMERA: pictures(state, rng)})


def pictures(
    state: np.ndarray, rng: np.random.Generator, *, delay: int = 0, whole: bool = True, lies_at: int | None = None
) -> Pictures:
    room = np.random.default_rng(99).integers(60, 180, (24, 32, 3))
    drawn = np.repeat(room[None], len(state), axis=0)
    where = (12 + 9 * np.roll(state[:, 0], delay) / 1.3).round().astype(int)
    lies = int(rng.integers(0, 29)) if lies_at is None else lies_at
    drawn[:, 18:21, lies : lies + 3] = 10
    for frame, column in enumerate(where):
        drawn[frame, 8:16, column : column + 8] = 230
    drawn = np.clip(drawn + rng.normal(0, 2, drawn.shape), 0, 255).astype(np.uint8)
    return Pictures(np.arange(len(state)), drawn, np.zeros(len(state), dtype=bool), whole)


def data(*, episodes: int = EPISODES, changes: dict[int, dict[str, Any]] | None = None, **fields: Any) -> DatasetView:
    """`episodes` sound episodes, some of them with `changes`."""
    made = tuple(episode(i, **(changes or {}).get(i, {})) for i in range(episodes))
    plain = DatasetView("made", FPS, made, NAMES, NAMES, (CAMERA,))
    return dataclasses.replace(plain, **fields)


def every(change: Callable[[EpisodeView], dict[str, Any]], of: int = EPISODES) -> dict[int, dict[str, Any]]:
    return {i: change(episode(i)) for i in range(of)}


def with_pictures(index: int, change: Callable[[Pictures], Pictures]) -> dict[int, dict[str, Any]]:
    return {index: {"pictures": {CAMERA: change(episode(index).pictures[CAMERA])}}}


def statistics(view: DatasetView, off: float = 0.0) -> DatasetView:
    action = np.concatenate([np.asarray(e.action) for e in view.episodes])
    return dataclasses.replace(view, stored={"action": {"mean": action.mean(0) + off, "std": action.std(0)}})


def jumped(e: EpisodeView) -> dict[str, Any]:
    state = np.asarray(e.state).copy()
    state[60:, 1] += 3.0
    return {"state": state}


def at_rest(e: EpisodeView, frames: int) -> dict[str, Any]:
    state, action = (np.concatenate([np.repeat(x[:1], frames, axis=0), x[frames:]]) for x in (e.state, e.action))  # type: ignore[index]
    return {"state": state, "action": action}


def cut(e: EpisodeView, frames: int) -> dict[str, Any]:
    assert e.state is not None and e.action is not None and e.seconds is not None
    return {
        "length": frames,
        "state": e.state[:frames],
        "action": e.action[:frames],
        "seconds": e.seconds[:frames],
        "pictures": {},
    }


def clipped(e: EpisodeView) -> dict[str, Any]:
    return {"action": np.minimum(np.asarray(e.action), [9, 9, -0.2, 9])}


def same_start(e: EpisodeView) -> dict[str, Any]:
    first = episode(0)
    state = np.asarray(e.state) - np.asarray(e.state)[0] + np.asarray(first.state)[0]
    return {"state": state, "pictures": first.pictures}


def untidy(e: EpisodeView, *, lies_at: int | None) -> dict[str, Any]:
    """Another start of the arm, with the object at `lies_at`."""
    return {"pictures": {CAMERA: pictures(np.asarray(e.state), np.random.default_rng(e.index), lies_at=lies_at)}}


def one_pixel_brighter(seen: Pictures) -> Pictures:
    return dataclasses.replace(seen, small=np.clip(seen.small.astype(int) + 3, 0, 255).astype(np.uint8))


def delayed(frames: int) -> dict[int, dict[str, Any]]:
    return every(
        lambda e: {"pictures": {CAMERA: pictures(np.asarray(e.state), np.random.default_rng(e.index), delay=frames)}}
    )


def swapped(e: EpisodeView) -> dict[str, Any]:
    """The columns exchanged, in recordings whose joints follow their commands by three frames."""
    commanded = np.asarray(e.state)
    followed = np.concatenate([np.repeat(commanded[:1], 3, axis=0), commanded[:-3]])
    return {"state": commanded, "action": followed + np.random.default_rng(e.index).normal(0, 0.003, followed.shape)}


def frozen_from(frame: int, *, until: int) -> Callable[[Pictures], Pictures]:
    def change(seen: Pictures) -> Pictures:
        small = seen.small.copy()
        small[frame:until] = small[frame]
        return dataclasses.replace(seen, small=small)

    return change


def stuck(e: EpisodeView, frames: int, *, noise: float) -> dict[str, Any]:
    state = np.asarray(e.state).copy()
    state[30 : 30 + frames, 2] = state[30, 2] + np.random.default_rng(0).normal(0, 1, frames) * noise
    return {"state": state}


def offset(e: EpisodeView, by: float) -> dict[str, Any]:
    return {"action": np.asarray(e.action) + np.array([0, by, 0, 0])}


def overexposed(seen: Pictures) -> Pictures:
    return dataclasses.replace(seen, small=np.clip(seen.small.astype(int) + 160, 0, 255).astype(np.uint8))


def wrong_extremes(view: DatasetView) -> DatasetView:
    assert view.stored is not None
    action = view.stored["action"]
    return dataclasses.replace(view, stored={"action": action | {"min": action["mean"] - 9, "max": action["mean"] + 9}})


T = np.arange(FRAMES) / FPS
GAP = np.concatenate([np.arange(60), np.arange(64, FRAMES + 4)]) / FPS

# rule -> (recordings where it fires, recordings where it is silent)
CASES: dict[str, tuple[Callable[[], DatasetView], Callable[[], DatasetView]]] = {
    "action_follows_state": (lambda: data(changes=every(lambda e: {"action": e.state})), data),
    "camera_differs": (
        lambda: data(changes=with_pictures(7, lambda p: dataclasses.replace(p, small=p.small[:, ::-1, ::-1]))),
        lambda: data(changes=with_pictures(7, one_pixel_brighter)),
    ),
    "dead_camera": (
        lambda: data(changes=with_pictures(3, lambda p: dataclasses.replace(p, small=np.zeros_like(p.small)))),
        lambda: data(changes=with_pictures(3, lambda p: dataclasses.replace(p, small=p.small // 3))),
    ),
    "episode_lengths": (
        lambda: data(changes={5: cut(episode(5), 30)}),
        lambda: data(changes={5: cut(episode(5), 80)}),
    ),
    "format_deviations": (
        lambda: data(deviations=("there is no column frame_index",)),
        lambda: data(deviations=("time stamps leave the 30 fps grid by up to 0.2 s",)),
    ),
    "frames_doubled": (
        lambda: data(
            changes=every(
                lambda e: {
                    "pictures": {CAMERA: dataclasses.replace(e.pictures[CAMERA], same=np.arange(FRAMES) % 3 == 1)}
                }
            )
        ),
        lambda: data(changes=with_pictures(2, lambda p: dataclasses.replace(p, same=np.arange(FRAMES) == 50))),
    ),
    "frozen_joint": (
        lambda: data(changes={4: {"state": np.asarray(episode(4).state) * [1, 1, 0, 1]}}),
        lambda: data(changes={4: {"state": np.asarray(episode(4).state) * [1, 1, 0.1, 1]}}),
    ),
    "idle_ends": (
        lambda: data(changes=every(lambda e: at_rest(e, 45))),
        lambda: data(changes=every(lambda e: at_rest(e, 15))),
    ),
    "joint_at_its_limit": (lambda: data(changes=every(clipped)), data),
    "jumps": (lambda: data(changes={6: jumped(episode(6))}), data),
    "leader_apart": (lambda: data(changes=every(lambda e: offset(e, 0.4))), data),
    "near_duplicates": (lambda: data(changes={9: {"action": episode(2).action}}), data),
    "no_action": (lambda: data(changes=every(lambda e: {"action": None})), data),
    "picture_and_table": (lambda: data(changes=delayed(15)), lambda: data(changes=delayed(3))),
    "stale_statistics": (lambda: statistics(data(), off=0.3), lambda: statistics(data())),
    "start_variety": (
        lambda: data(changes=every(same_start)),
        lambda: data(changes=every(lambda e: {"state": same_start(e)["state"]})),
    ),
    "stuck_joint": (
        lambda: data(changes={4: stuck(episode(4), 60, noise=0.0)}),
        lambda: data(changes={4: stuck(episode(4), 60, noise=1e-3)}),
    ),
    "task_spelling": (
        lambda: data(changes={4: {"tasks": ("Stack, the cups",)}}),
        lambda: data(changes={1: {"tasks": ("stack the mugs",)}, 2: {"tasks": ("stack the cups twice",)}}),
    ),
    "task_names": (
        lambda: data(changes={1: {"tasks": ("valid",)}}),
        lambda: data(changes={1: {"tasks": ("validate the card",)}}),
    ),
    "time_stamps": (
        lambda: data(changes={8: {"seconds": GAP}}),
        lambda: data(changes=every(lambda e: {"seconds": np.asarray(e.seconds) + 1e-3 * (np.arange(FRAMES) % 2)})),
    ),
    "too_few_demonstrations": (lambda: data(episodes=6), data),
    "units_mixed": (
        lambda: data(changes={2: {"state": np.degrees(np.asarray(episode(2).state))}}),
        lambda: data(changes={2: {"state": 1.5 * np.asarray(episode(2).state)}}),
    ),
}
# the other branches of rules that have several: (rule, a word of its message, recordings)
ALSO_FIRES: list[tuple[str, str, Callable[[], DatasetView]]] = [
    ("action_follows_state", "swapped", lambda: data(changes=every(swapped))),
    ("action_follows_state", "lead", lambda: data(changes=every(lambda e: {"action": np.roll(e.state, -9, axis=0)}))),  # type: ignore[arg-type]
    ("dead_camera", "over-exposed", lambda: data(changes=with_pictures(3, overexposed))),
    ("dead_camera", "still picture", lambda: data(changes=with_pictures(3, frozen_from(20, until=90)))),
    ("episode_lengths", "long", lambda: data(changes={i: cut(episode(i), 30) for i in range(1, EPISODES)})),
    (
        "frozen_joint",
        "never change",
        lambda: data(changes=every(lambda e: {"state": e.state * np.array([1, 1, 0, 1])})),
    ),
    ("start_variety", "objects lie", lambda: data(changes=every(lambda e: untidy(e, lies_at=11)))),
    ("stale_statistics", "differ", lambda: wrong_extremes(statistics(data()))),
    ("task_names", "changes within", lambda: data(changes={1: {"tasks": ("stack the cups", "wait a moment")}})),
    (
        "time_stamps",
        "time does not go on",
        lambda: data(changes={8: {"seconds": np.where(np.arange(FRAMES) == 50, T[49], T)}}),
    ),
    (
        "time_stamps",
        "last a quarter",
        lambda: data(changes=every(lambda e: {"seconds": T + 0.012 * (np.arange(FRAMES) % 2)})),
    ),
    ("time_stamps", "recorded at", lambda: data(changes=every(lambda e: {"seconds": T * 1.2}))),
    ("units_mixed", "radians", lambda: data(changes={2: {"action": np.radians(np.asarray(episode(2).action))}})),
]
RULES = {rule.name: rule for rule in all_rules() if rule.looks_at is Looks.DATASET}


def fired(view: DatasetView) -> dict[str, Finding]:
    return {finding.rule: finding for finding in apply_rules(view, Looks.DATASET)}


def test_every_rule_has_its_two_cases_and_names_its_source() -> None:
    assert set(CASES) == set(RULES)
    assert all(len(rule.source) > 15 for rule in RULES.values())


def test_sound_recordings_break_no_rule() -> None:
    assert fired(data()) == {}


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_rule_fires_where_it_should(name: str) -> None:
    finding = fired(CASES[name][0]())[name]
    assert finding.remedy and finding.evidence
    assert json.loads(json.dumps(finding.to_json()))["rule"] == name


@pytest.mark.parametrize(("name", "said", "made"), ALSO_FIRES)
def test_each_branch_of_a_rule_fires_where_it_should(name: str, said: str, made: Callable[[], DatasetView]) -> None:
    told = [finding.message for finding in apply_rules(made(), Looks.DATASET) if finding.rule == name]
    assert any(said in message for message in told), told


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_rule_is_silent_where_all_is_well(name: str) -> None:
    assert name not in fired(CASES[name][1]())


@pytest.mark.parametrize("name", sorted(RULES))
def test_recordings_without_anything_to_look_at_break_no_rule(name: str) -> None:
    bare = [EpisodeView(0, 1, ("x y",)), EpisodeView(1, 2, ("x y",), np.zeros((2, 4)), np.zeros((2, 4)))]
    for episodes in (bare[:1], bare[1:], bare):
        view = DatasetView("bare", FPS, tuple(episodes), NAMES, NAMES, (CAMERA,))
        assert all(isinstance(finding, Finding) for finding in RULES[name].check(view))


@pytest.mark.parametrize(
    ("change", "episodes", "frames"),
    [
        ({6: jumped(episode(6))}, (6,), ((6, 59, 60),)),
        ({8: {"seconds": GAP}}, (8,), ((8, 59, 60),)),
    ],
)
def test_a_finding_names_its_episodes_and_frames(
    change: dict[int, dict[str, Any]], episodes: tuple[int, ...], frames: tuple[tuple[int, int, int], ...]
) -> None:
    findings = [f for f in apply_rules(data(changes=change), Looks.DATASET) if f.frames]
    assert [(f.episodes, f.frames) for f in findings] == [(episodes, frames)]


def test_pictures_are_averaged_down_in_blocks() -> None:
    frame = np.zeros((97, 130, 3), dtype=np.uint8)
    frame[:2, :2] = 200
    assert small(frame).shape == (48, 65, 3)
    assert small(frame)[0, 0].tolist() == [200, 200, 200] and small(frame)[1].max() == 0


# what a person who looks at the real sets finds worth saying, by rule; nothing else may be a warning or an error
AGREED = {
    "cr5_banana_v21": {"idle_ends", "time_stamps"},
    "cr5_banana_v30": {"time_stamps"},
    "g1_inspire_bottle_v21": {"frames_doubled"},
    "gr1_pick_n_place_v20": set(),
}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(AGREED))
def test_findings_on_a_real_dataset_are_those_a_person_agrees_with(name: str, shared: Path) -> None:
    view = view_of_dataset(load_dataset(str(shared / name)))
    found = {finding.rule for finding in apply_rules(view, Looks.DATASET) if finding.severity != "note"}
    assert found == AGREED[name]
