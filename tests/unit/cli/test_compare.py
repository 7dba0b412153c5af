"""understudy compare: the contract of the command, in text and JSON, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from make_evaluation import outcomes, write_evaluation
from understudy.cli.main import main
from understudy.core import log

CONTRACT = {"a", "b", "difference", "interval", "paired", "p_value", "verdict", "episodes_to_decide"}


@pytest.fixture(autouse=True)
def stdout_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """--json keeps stdout for its document until the process ends, and all tests share one process."""
    monkeypatch.setattr(log, "_to_stderr", False)


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """Two evaluations on the same episodes, the first clearly better."""
    a, b = outcomes(both=20, only_a=20, only_b=4, neither=6)
    return [str(write_evaluation(tmp_path / name, results)) for name, results in (("A", a), ("B", b))]


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["compare", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_the_document_has_the_keys_of_the_contract(two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, *two)
    assert set(found) >= CONTRACT
    assert found["verdict"] == "a"
    assert found["paired"] is True
    assert found["difference"] == pytest.approx(16 / 50)
    low, high = found["interval"]
    assert 0 < low < found["difference"] < high
    assert (found["a"]["successes"], found["a"]["n"]) == (40, 50)
    assert len(found["only_a"]) == 20 and len(found["only_b"]) == 4
    assert "Tango" in found["interval_method"] and "McNemar" in found["test"]


def test_the_text_says_who_how_many_and_how_sure(two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *two, "--sequential"]) == 0
    told = capsys.readouterr().out
    for words in ("40/50", "24/50", "+32.0 points", "95 % interval", "only b solved 4: seeds", "verdict: a is better"):
        assert words in told
    assert "it was decided for a after" in told


def test_an_undecided_comparison_says_what_would_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = outcomes(30, 5, 3, 12)
    paths = [str(write_evaluation(tmp_path / name, results)) for name, results in (("A", a), ("B", b))]
    assert main(["compare", *paths]) == 0
    told = capsys.readouterr().out
    assert "your n = 50 cannot tell these apart" in told
    assert "you need about" in told
    assert "a difference of" in told


def test_three_are_compared_in_pairs(two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    third = str(write_evaluation(tmp_path / "C", [1] * 10 + [0] * 40))
    found = document(capsys, *two, third)
    assert set(found["evaluations"]) == {"a", "b", "c"}
    assert [(pair["a"], pair["b"]) for pair in found["comparisons"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(set(pair) >= CONTRACT for pair in found["comparisons"])
    assert found["correction"] == "Holm"


def test_training_seeds_are_named_with_commas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = []
    for name, rate in (("s", 9), ("t", 3)):
        paths = [write_evaluation(tmp_path / f"{name}{i}", ([1] * (rate - i) + [0] * (1 + i)) * 4) for i in range(3)]
        sides.append(",".join(map(str, paths)))
    # lengths differ between the sides: 40 and 16 episodes
    found = document(capsys, f"--a={sides[0]}", f"--b={sides[1]}", "--allow_unequal_protocols=true")
    assert found["design"] == "training seeds, paired"
    assert len(found["a"]["by_training_seed"]) == 3
    assert found["a"]["interval"] is None


def test_numbers_of_others_stand_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = outcomes(20, 10, 4, 6)
    paths = [str(write_evaluation(tmp_path / n, r, task="pusht")) for n, r in (("A", a), ("B", b))]
    assert main(["compare", *paths]) == 0
    told = capsys.readouterr().out
    assert "published for pusht:" in told and "n not stated" in told
    assert document(capsys, *paths)["published"]["a"][0]["n"] == 500


def test_a_picture_and_the_numbers_are_left_where_asked(two: list[str], tmp_path: Path) -> None:
    assert main(["compare", *two, f"--output_dir={tmp_path / 'out'}"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.json",
        "comparison.png",
        "comparison.txt",
    }
    assert main(["compare", *two, f"--output_dir={tmp_path / 'out'}"]) == 2


def test_unequal_protocols_need_to_be_asked_for(
    two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(write_evaluation(tmp_path / "C", [1] * 50, horizon=200))
    assert main(["compare", two[0], other]) == 2
    assert "horizon" in capsys.readouterr().err
    found = document(capsys, two[0], other, "--allow_unequal_protocols=true")
    assert found["protocol_differences"] == {"horizon": [300, 200]}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere", "B"], 2, "no such folder"),
        (["A"], 2, "--b"),
        (["A", "A"], 2, "same evaluation"),
        (["A", "."], 3, "no evaluation in"),
        (["A", "B", "--confidence=95"], 2, "--confidence"),
        (["A", "B", "--sequentail"], 2, "did you mean `--sequential`"),
        (["A", "B", "C", "D", "E", "F", "G"], 2, "not expected"),
        (["A,B", "C"], 2, "training seeds"),
    ],
    ids=str,
)
def test_a_bad_command_is_answered_in_words(
    two: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_evaluation(tmp_path / "C", [1, 0] * 25)
    assert main(["compare", *words]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
