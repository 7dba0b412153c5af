"""The chart under the player."""

from __future__ import annotations

import numpy as np

from understudy.studio.joint_chart import at_frame, joint_options, with_prediction


def chart():
    wave = np.linspace(0, 1, 4)
    recorded = {"action": {0: ("a", wave), 2: ("c", -wave)}, "state": {0: ("a.pos", wave)}}
    return joint_options(["a", "c"], [0, 2], recorded)


def test_a_joint_has_one_colour_for_state_action_and_prediction() -> None:
    color = {series["name"]: series["color"] for series in chart()["series"]}
    assert color["a: action"] == color["a.pos: state"] == color["a: predicted"]
    assert color["c: action"] == color["c: predicted"] != color["a: action"]


def test_the_line_for_now_is_no_entry_of_the_legend() -> None:
    assert chart()["legend"]["data"] == ["a: action", "c: action", "a.pos: state", "a: predicted", "c: predicted"]
    assert at_frame(7, -1.0, 2.0)["series"] == [{"id": "now", "data": [[7, -1.0], [7, 2.0]]}]


def test_a_prediction_begins_at_its_frame_and_can_be_taken_away() -> None:
    chunk = np.array([[1.0, 10.0], [2.0, 20.0]])
    shown = {series["id"]: series["data"] for series in with_prediction(["a", "c"], 5, chunk)["series"]}
    assert shown == {"a: predicted": [[5, 1.0], [6, 2.0]], "c: predicted": [[5, 10.0], [6, 20.0]]}
    assert [series["data"] for series in with_prediction(["a", "c"], 5, None)["series"]] == [[], []]
