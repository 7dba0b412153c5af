"""Unequal protocols: refused with a table of what differs, compared when asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from make_evaluation import write_evaluation
from understudy.core.errors import ConfigError
from understudy.evaluate.compare.protocols import check_equal
from understudy.evaluate.compare.sides import Side, read_side


def side(tmp_path: Path, letter: str, **protocol: object) -> Side:
    return read_side(letter, str(write_evaluation(tmp_path / letter, [1, 0], **protocol)))


def test_equal_protocols_differ_in_nothing(tmp_path: Path) -> None:
    assert check_equal([side(tmp_path, "a"), side(tmp_path, "b")], allowed=False) == {}


def test_every_key_that_differs_is_named_with_its_values(tmp_path: Path) -> None:
    sides = [
        side(tmp_path, "a", execution={"n_action_steps": 100, "ensembling": None}),
        side(tmp_path, "b", execution={"n_action_steps": 1, "ensembling": None}, packages={"mujoco": "4.0.0"}),
    ]
    with pytest.raises(ConfigError) as raised:
        check_equal(sides, allowed=False)
    lines = raised.value.what.splitlines()
    assert any(line.split() == ["execution.n_action_steps", "100", "1"] for line in lines)
    assert any(line.split() == ["packages.mujoco", "null", '"4.0.0"'] for line in lines)
    assert not any("ensembling" in line or "horizon" in line or "hash" in line for line in lines)
    assert "--allow_unequal_protocols" in (raised.value.hint or "")


def test_asked_for_they_are_told_and_not_refused(tmp_path: Path) -> None:
    sides = [side(tmp_path, "a"), side(tmp_path, "b", horizon=200)]
    assert check_equal(sides, allowed=True) == {"horizon": [300, 200]}


def test_other_seeds_are_another_protocol(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"seeds\.first"):
        check_equal([side(tmp_path, "a"), side(tmp_path, "b", first=5)], allowed=False)


def test_a_long_value_is_cut_for_the_table_alone(tmp_path: Path) -> None:
    sides = [side(tmp_path, "a", note="x" * 500), side(tmp_path, "b", note="y" * 500)]
    with pytest.raises(ConfigError) as raised:
        check_equal(sides, allowed=False)
    assert max(map(len, raised.value.what.splitlines())) < 130
    assert check_equal(sides, allowed=True)["note"][0] == "x" * 500


def test_a_reference_is_compared_with_policies_however_these_are_executed(tmp_path: Path) -> None:
    expert = side(tmp_path, "a", n_action_steps=None, temporal_ensemble_coeff=None)
    policy = side(tmp_path, "b", n_action_steps=1, temporal_ensemble_coeff=0.01)
    other = side(tmp_path, "c", n_action_steps=20, temporal_ensemble_coeff=None)
    assert check_equal([expert, policy], allowed=False) == {}
    with pytest.raises(ConfigError, match="unequal protocols"):
        check_equal([expert, policy, other], allowed=False)
