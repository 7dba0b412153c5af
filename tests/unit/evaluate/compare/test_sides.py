"""What may be compared: evaluations, runs, several training seeds; and what is refused, with nothing harmed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from make_evaluation import write_evaluation
from understudy.core.errors import ConfigError, DataError
from understudy.evaluate.compare.sides import check_different, read_side


def test_a_folder_is_one_evaluation(tmp_path: Path) -> None:
    side = read_side("a", str(write_evaluation(tmp_path / "x", [1, 0, 1], first=7)))
    assert (side.successes, side.n, side.seeds) == (2, 3, [7, 8, 9])
    assert side.outcomes.tolist() == [[True, False, True]]
    assert side.at([9, 8]).tolist() == [[True, False]]


def test_folders_between_commas_are_training_seeds(tmp_path: Path) -> None:
    paths = [write_evaluation(tmp_path / name, results) for name, results in (("s0", [1, 0]), ("s1", [1, 1]))]
    side = read_side("b", ",".join(map(str, paths)))
    assert side.outcomes.tolist() == [[True, False], [True, True]]
    assert side.name == "s0, s1"
    assert side.interval(0.95) is None


def test_a_folder_whose_name_has_a_comma_is_one_evaluation(tmp_path: Path) -> None:
    path = write_evaluation(tmp_path / "lift,stack", [1, 0])
    assert len(read_side("a", str(path)).evaluations) == 1


def test_of_a_run_the_newest_evaluation_with_successes_is_taken(tmp_path: Path) -> None:
    older = write_evaluation(tmp_path / "run/eval/first", [0, 0])
    newer = write_evaluation(tmp_path / "run/eval/second", [1, 1])
    heldout = tmp_path / "run/eval/heldout-000500"
    heldout.mkdir()
    (heldout / "summary.json").write_text("{}")
    for age, folder in enumerate((heldout, newer, older)):
        os.utime(folder / "summary.json", (2_000_000_000 - age, 2_000_000_000 - age))
    assert read_side("a", str(tmp_path / "run")).evaluations[0].path == newer


def test_a_run_without_one_says_how_to_make_it(tmp_path: Path) -> None:
    (tmp_path / "run/eval").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no finished evaluation") as raised:
        read_side("a", str(tmp_path / "run"))
    assert "understudy eval" in (raised.value.hint or "")


@pytest.mark.parametrize("text", ["/nowhere/at/all", ",", " , "])
def test_nothing_there_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_side("a", text)


def test_a_folder_that_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no evaluation in"):
        read_side("a", str(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"success": true', '"success": "yes"', 1),
        lambda text: text[text.index("\n") + 1 :],
        lambda text: text + text,
        lambda text: "",
        lambda text: "\x00\xff",
    ],
    ids=["torn", "a success that is none", "an episode gone", "all of it twice", "empty", "binary"],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, damage: object) -> None:
    file = write_evaluation(tmp_path / "x", [1, 0, 1]) / "episodes.jsonl"
    file.write_text(damage(file.read_text()))  # type: ignore[operator]
    before = file.read_bytes()
    with pytest.raises(DataError):
        read_side("a", str(file.parent))
    assert file.read_bytes() == before


def test_a_protocol_that_was_changed_afterwards_is_refused(tmp_path: Path) -> None:
    file = write_evaluation(tmp_path / "x", [1, 0, 1]) / "protocol.json"
    content = json.loads(file.read_text())
    content["protocol"]["horizon"] = 9999
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="hash"):
        read_side("a", str(file.parent))


def test_an_evaluation_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "x", [1, 0, 1])
    (folder / "episodes.jsonl").rename(folder / "journal.jsonl")
    with pytest.raises(DataError, match="not finished: 3 of"):
        read_side("a", str(folder))


def test_an_evaluation_without_episodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no episodes"):
        read_side("a", str(write_evaluation(tmp_path / "x", [])))


def test_training_seeds_that_ran_other_episodes_are_refused(tmp_path: Path) -> None:
    one, other = write_evaluation(tmp_path / "s0", [1, 0]), write_evaluation(tmp_path / "s1", [1, 0], first=50)
    with pytest.raises(ConfigError, match="not evaluated on the same episodes"):
        read_side("a", f"{one},{other}")


def test_the_same_evaluation_twice_is_refused(tmp_path: Path) -> None:
    path = write_evaluation(tmp_path / "x", [1, 0])
    with pytest.raises(ConfigError, match="twice"):
        read_side("a", f"{path},{path}")
    with pytest.raises(ConfigError, match="same evaluation"):
        check_different([read_side("a", str(path)), read_side("b", f"{tmp_path}/./x")])


def test_the_folder_of_an_ensemble_stands_for_the_evaluations_of_its_seeds(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_evaluation(tmp_path / f"ens/seed-{seed}/eval/while-training/x", [1, 0, seed - 1])
    folders = [f"seed-{seed}/eval/while-training/x" for seed in (1, 2)]
    (tmp_path / "ens/ensemble.json").write_text("{}")
    (tmp_path / "ens/summary.json").write_text(json.dumps({"success": {"folders": folders}}))
    assert read_side("a", str(tmp_path / "ens")).outcomes.tolist() == [[True, False, False], [True, False, True]]


@pytest.mark.parametrize(
    ("summary", "error"), [('{"success": null}', ConfigError), ("[]", DataError), ("{", DataError)]
)
def test_an_ensemble_without_success_is_refused(tmp_path: Path, summary: str, error: type[Exception]) -> None:
    (tmp_path / "ensemble.json").write_text("{}")
    (tmp_path / "summary.json").write_text(summary)
    with pytest.raises(error):
        read_side("a", str(tmp_path))


def test_of_a_run_an_evaluation_that_was_told_another_task_is_not_taken_while_there_is_an_own(tmp_path: Path) -> None:
    own = write_evaluation(tmp_path / "run/eval/own", [1, 0])
    told = write_evaluation(tmp_path / "run/eval/told", [0, 0])
    summary = told / "summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"who": {"task": "wave"}}))
    os.utime(summary, (2_000_000_000, 2_000_000_000))
    assert read_side("a", str(tmp_path / "run")).evaluations[0].path == own
    shutil.rmtree(own)
    assert read_side("a", str(tmp_path / "run")).evaluations[0].path == told
