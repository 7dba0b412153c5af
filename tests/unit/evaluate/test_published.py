"""What was published stands with its n, protocol and source, and is shown only where it may be compared."""

from __future__ import annotations

import pytest

from understudy.evaluate.published import Published, beside, cannot_tell_apart, every_published, published_for


@pytest.mark.parametrize("entry", every_published(), ids=lambda entry: f"{entry.task} {entry.policy[:40]}")
def test_every_number_has_a_source_and_a_rate_that_its_n_can_give(entry: Published) -> None:
    assert 0 <= entry.rate <= 1
    assert len(entry.source) > 10
    assert entry.protocol is None or entry.protocol
    if entry.n is not None and entry.successes is not None:
        # printed with one decimal of a per cent at most
        assert entry.successes / entry.n == pytest.approx(entry.rate, abs=5.01e-4)


def test_the_benchmarks_of_the_field_are_there() -> None:
    tasks = {entry.task for entry in every_published()}
    assert tasks >= {"aloha/transfer-cube", "aloha/insertion", "pusht", "pendulum", "libero/spatial", "libero/long"}


def test_a_task_shows_its_own_numbers_and_its_groups() -> None:
    assert {entry.task for entry in published_for("aloha/insertion")} == {"aloha/insertion", "aloha"}
    assert published_for("so101/lift") == []


def test_numbers_of_other_conditions_are_left_out() -> None:
    protocol = {"noise": None, "settings": {"noise": 0.05}, "n_action_steps": 15, "horizon": 100}
    found = published_for("pendulum/noisy", protocol)
    assert [entry.rate for entry in found] == [0.844, 0.887]
    assert published_for("pendulum/noisy", protocol | {"horizon": 1000}) == []
    assert published_for("pendulum/noisy", {"settings": {"noise": 0.02}}) == []
    assert len(published_for("pendulum/noisy")) == 18


def test_our_result_beside_theirs_says_what_cannot_be_told_apart() -> None:
    lines = beside("pusht", {"": (33, 50)})
    assert any("65.4 %" in line and "n = 500" in line for line in lines)
    assert any("n not stated" in line for line in lines)
    assert "your n = 50 cannot tell these apart" in "\n".join(lines)


def test_of_several_results_those_are_named_that_cannot_be_told_apart() -> None:
    text = "\n".join(beside("pusht", {"a": (33, 50), "b": (0, 50)}))
    assert "cannot tell these apart: a (n = 50)" in text
    assert "b (n = 50)" not in text


def test_a_score_that_is_no_success_rate_is_shown_and_not_compared() -> None:
    scores = [entry for entry in published_for("pusht") if not entry.comparable]
    assert scores
    assert all("not comparable" in (entry.note or "") for entry in scores)


def test_a_published_n_counts_with_its_own_chance() -> None:
    exact = Published("x", "p", 0.5, None, None, "somewhere")
    counted = Published("x", "p", 0.5, 10, None, "somewhere")
    # 70 of 100 rules out a rate of 0.5, but not five successes of ten
    assert not cannot_tell_apart(exact, 70, 100)
    assert cannot_tell_apart(counted, 70, 100)
    assert counted.successes == 5 and exact.successes is None
