"""The study of the pendulum: what is asked for, what is skipped, what is refused; the whole of it in a slow test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.cli.main import main
from understudy.cli.study import StudyOptions, study_of
from understudy.core import log
from understudy.core.config import parse_options
from understudy.core.errors import ConfigError, DataError, DiskFull
from understudy.studies import pendulum
from understudy.studies.pendulum_config import FAMILIES, PendulumStudy, quick
from understudy.studies.pendulum_forecast import forecast
from understudy.studies.pendulum_recipes import ORIGINAL_STARTS, leaking_of, split_of, training_of, trying_original
from understudy.studies.pendulum_stages import Stages, check_folder, digest, note_study


@pytest.fixture(autouse=True)
def stdout_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """--json keeps stdout for its document until the process ends, and all tests share one process."""
    monkeypatch.setattr(log, "_to_stderr", False)


def asked(*words: str) -> PendulumStudy:
    return study_of(parse_options(StudyOptions, ["pendulum", *words], positionals=["name"], verb="study"))


def test_without_options_it_is_ten_modern_models_of_either_family() -> None:
    study = asked()
    assert study.families == FAMILIES
    assert study.seeds == tuple(range(1000, 1010))
    assert (study.preset, study.folder) == ("modern", Path("outputs/study/pendulum"))
    assert study.leak
    assert not study.long


def test_options_say_how_much_is_done() -> None:
    study = asked("--family=tiny_pi0", "--seeds=3", "--steps=70", "--jobs=1", "--long", "--output_dir=x")
    assert (study.families, study.seeds, study.steps) == (("tiny_pi0",), (1000, 1001, 1002), 70)
    assert (study.jobs, study.long, study.folder) == (1, True, Path("x"))


def test_quick_decides_itself_how_much() -> None:
    study = asked("--quick", "--jobs=2")
    assert study.original_steps == 3
    assert study.folder == Path("outputs/study/pendulum-quick")
    with pytest.raises(ConfigError, match="leave out --steps"):
        asked("--quick", "--steps=9")


@pytest.mark.parametrize("words", [["pendulm"], [], ["pendulum", "--seeds=0"], ["pendulum", "--famly=tiny_pi0"]])
def test_what_is_not_understood_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_every_model_has_episodes_of_its_own_and_the_references_have_all() -> None:
    study = PendulumStudy(Path("x"), seeds=(1, 2, 3), episodes=100)
    each = [set(study.evaluation_seeds(model)) for model in range(3)]
    assert set.union(*each) == set(study.all_evaluation_seeds())
    assert sum(map(len, each)) == 300
    assert list(study.evaluation_seeds(2)) == list(range(200, 300))


def test_the_split_holds_each_episode_once_and_never_the_evaluations() -> None:
    split = split_of(4000)
    parts = (split.train, split.validation, split.test)
    assert [len(part) for part in parts] == [3200, 400, 400]
    assert set().union(*parts) == set(range(4000))
    assert split_of(4000) == split


@pytest.mark.parametrize("family", FAMILIES)
def test_the_modern_recipes_split_by_episode_and_use_windows_without_a_gap(family: str, tmp_path: Path) -> None:
    config = training_of(PendulumStudy(tmp_path, steps=500), family)
    assert config.dataset.split == "episode"
    assert config.dataset.window_starts in (None, list(range(50)))
    assert config.dataset.split_file == tmp_path / "split.json"
    assert config.steps == 500
    assert config.policy.preset == "modern"  # type: ignore[attr-defined]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_original_recipes_are_the_published_ones(family: str, tmp_path: Path) -> None:
    config = training_of(PendulumStudy(tmp_path, preset="original"), family)
    assert (config.batch_size, config.steps, config.eval_steps) == (128, 125_000, 625)
    assert (config.early_stopping, config.best, config.dataset.split) == (20, "loss", "window")
    assert len(ORIGINAL_STARTS) == 25
    assert config.dataset.window_starts == list(ORIGINAL_STARTS)
    assert config.policy.chunk_size == 50  # type: ignore[attr-defined]
    tried = trying_original(quick(tmp_path, 1), family)
    assert (tried.steps, tried.output_dir) == (3, tmp_path / "original" / family)
    assert tried.policy == config.policy


def test_the_leak_differs_in_the_split_alone(tmp_path: Path) -> None:
    study = PendulumStudy(tmp_path)
    leaking, honest = (leaking_of(study, split).to_json() for split in ("window", "episode"))
    assert leaking["dataset"].pop("split") == "window"
    assert honest["dataset"].pop("split") == "episode"
    assert leaking == honest
    assert set(leaking["dataset"]["episodes"]) <= set(split_of(study.demonstrations).train)


def test_a_stage_is_done_once_for_the_same_inputs(tmp_path: Path) -> None:
    done: list[str] = []
    for name, inputs in (("a", 1), ("a", 1), ("a", 2), ("b", 2), ("a", 2)):
        Stages(tmp_path).run(name, {"inputs": inputs}, lambda name=name, i=inputs: done.append(f"{name}{i}"))
    assert done == ["a1", "a2", "b2"]
    assert set(Stages(tmp_path).seconds()) == {"a", "b"}


def test_a_stage_that_failed_is_done_again(tmp_path: Path) -> None:
    def fail() -> None:
        raise DataError("no")

    with pytest.raises(DataError):
        Stages(tmp_path).run("a", {}, fail)
    done: list[int] = []
    Stages(tmp_path).run("a", {}, lambda: done.append(1))
    assert done == [1]


def test_a_torn_stamp_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"inputs": "')
    done: list[int] = []
    Stages(tmp_path).run("a", {}, lambda: done.append(1))
    assert done == [1]
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"something else than this study \(mine.txt\)"):
        check_folder(PendulumStudy(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_of_another_study_is_refused_naming_what_differs(tmp_path: Path) -> None:
    study = PendulumStudy(tmp_path / "s")
    note_study(study)
    check_folder(study)
    check_folder(replace(study, families=("tiny_pi0",), jobs=5, long=True))
    with pytest.raises(ConfigError, match="steps: asked for is 7, the folder has None"):
        check_folder(replace(study, steps=7))
    study.record.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        check_folder(study)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        check_folder(PendulumStudy(tmp_path / "file/study"))


def test_a_forecast_grows_with_what_is_asked_for(tmp_path: Path) -> None:
    one = PendulumStudy(tmp_path, ("tiny_pi0",), seeds=(1, 2), steps=100, episodes=4, leak=False, regression=100)
    small, large = forecast(one), forecast(replace(one, seeds=(1, 2, 3, 4), steps=5000, leak=True))
    assert small.total < large.total
    assert small.bytes < large.bytes
    assert set(large.seconds) == {"tiny_pi0", "leak", "references and evaluation"}
    assert "from nothing" in large.lines()[0]


def test_a_disk_that_is_too_full_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pendulum, "free_bytes", lambda path: 1_000_000)
    study = PendulumStudy(tmp_path / "s", families=("tiny_pi0",), episodes=2, leak=False, regression=10, steps=1)
    with pytest.raises(DiskFull, match=r"1.0 MB are free"):
        pendulum.run_study(study)
    assert not study.folder.exists()


def test_without_the_simulator_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs the package mujoco") as error:
        pendulum.check_study(PendulumStudy(tmp_path / "s"))
    assert "understudy[sim]" in str(error.value)


# one seed: of two it is tried out whether they are trained at once, which rounds otherwise
SMALL = {"seeds": (1000,), "steps": 4, "episodes": 2, "demonstrations": 20, "regression": 20, "leak": False}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_that_is_stopped_and_gone_on_with_is_the_one_that_was_not(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from understudy.cli.errors import report\n"
        "from understudy.studies.pendulum import run_study\n"
        "from understudy.studies.pendulum_config import PendulumStudy\n"
        "if __name__ == '__main__':\n"
        f"    study = PendulumStudy(Path(sys.argv[1]), ('tiny_pi0',), **{SMALL!r})\n"
        "    try:\n        run_study(study)\n    except BaseException as error:\n        sys.exit(report(error))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    subprocess.run([sys.executable, script, whole], check=True, capture_output=True)
    process = subprocess.Popen([sys.executable, script, stopped], stderr=subprocess.PIPE, text=True)
    while not (stopped / "tiny_pi0/seed-1000").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "go on with: understudy study pendulum" in said
    subprocess.run([sys.executable, script, stopped], check=True, capture_output=True)
    files = sorted(path.relative_to(whole) for path in whole.glob("trials/*/*.npz"))
    assert len(files) == 15
    for file in files:
        with np.load(whole / file) as one, np.load(stopped / file) as other:
            assert all(np.array_equal(one[name], other[name]) for name in one.files), file


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_quick_study_leaves_a_whole_report(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "understudy",
        "study",
        "pendulum",
        "--quick",
        f"--output_dir={tmp_path / 's'}",
        "--json",
    ]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    assert document["subjects"]["pid"]["cells"][0]["success"]["rate"] == 1.0
    assert document["training"]["tiny_pi0"]["updates"] == [300, 300]
    for family, parameters in (("tiny_pi0", 537_729), ("tiny_pi0_fast", 864_768)):
        events = (tmp_path / "s/original" / family / "events.jsonl").read_text().splitlines()
        assert json.loads(events[0])["policy"]["parameters"] == parameters
    page = (tmp_path / "s/report.html").read_text()
    assert page.count("data:image/png;base64,") >= 5
    assert 'src="http' not in page
    assert 'href="http' not in page
