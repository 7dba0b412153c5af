from __future__ import annotations

import json

import numpy as np
import pytest

from understudy.evaluate.result import Replay
from understudy.evaluate.seams import find_seams

# two joints of different units: the demonstrator moves 1 and 100 a step
DEMONSTRATED = np.stack([np.arange(8.0), 100 * np.arange(8.0)], axis=1)


def replay(predicted: np.ndarray, starts: list[int]) -> Replay:
    return Replay(0, DEMONSTRATED, predicted, np.array(starts))


def test_a_jump_at_each_seam_is_measured_in_the_demonstrators_steps() -> None:
    predicted = DEMONSTRATED.copy()
    predicted[4:] += [3.0, 300.0]
    seams = find_seams([replay(predicted, [0, 4])], None)
    assert seams is not None
    assert seams.count == 1
    assert seams.jump.tolist() == [4.0, 400.0]
    assert seams.within.tolist() == seams.demonstrated.tolist() == [1.0, 100.0]
    assert seams.ratio == pytest.approx(4)
    assert seams.ratio_within == pytest.approx(1)
    assert seams.verdict() == ["seams between chunks jump 4.0 times as far as the demonstrator moves in a step"]


def test_seams_of_all_episodes_count_and_their_ends_do_not() -> None:
    far_apart = [replay(DEMONSTRATED, [0, 4]), replay(DEMONSTRATED + 1e6, [0, 3, 6])]
    seams = find_seams(far_apart, None)
    assert seams is not None
    assert (seams.count, seams.ratio) == (3, pytest.approx(1))


def test_a_joint_that_stands_still_does_not_decide() -> None:
    predicted = DEMONSTRATED.copy()
    predicted[4:, 1] += 300.0  # of joints that all move, the middle one decides: half way between 1 and 4
    both = find_seams([replay(predicted, [0, 4])], None)
    assert both is not None
    assert both.ratio == pytest.approx(2.5)
    seams = find_seams([replay(predicted, [0, 4])], np.array([2.0, 1e-6]))
    assert seams is not None
    assert seams.ratio == pytest.approx(1)
    assert seams.to_json(["a", "b"])["still_joints"] == ["b"]


def test_chunks_of_one_action_have_no_inside() -> None:
    seams = find_seams([replay(DEMONSTRATED, list(range(8)))], None)
    assert seams is not None
    document = json.loads(json.dumps(seams.to_json(["a", "b"]), allow_nan=False))
    assert document["count"] == 7
    assert document["step_within_chunks"] == {"a": None, "b": None}
    assert document["ratio_within_chunks"] is None
    assert document["ratio"] == pytest.approx(1)


def test_the_jump_is_also_told_in_deviations_of_the_demonstrated_step() -> None:
    demonstrated = np.array([[0.0], [1.0], [4.0], [5.0], [8.0]])  # steps 1, 3, 1, 3: deviation 1
    seams = find_seams([Replay(0, demonstrated, demonstrated * 2, np.array([0, 2]))], None)
    assert seams is not None
    assert seams.to_json(["a"])["jump_in_deviations"] == {"a": pytest.approx(6)}


def test_a_demonstrator_who_never_moved_gives_no_ratio_and_no_sentence() -> None:
    still = Replay(0, np.ones((4, 1)), np.arange(4.0)[:, None], np.array([0, 2]))
    seams = find_seams([still], None)
    assert seams is not None
    assert seams.ratio is None
    assert seams.verdict() == []
    json.dumps(seams.to_json(["a"]), allow_nan=False)


def test_episodes_of_one_chunk_have_no_seam() -> None:
    assert find_seams([replay(DEMONSTRATED, [0])], None) is None
