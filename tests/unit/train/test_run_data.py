"""How a run's data is divided: what the options say is what is trained on, recorded, and kept when it goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from small_pi0 import SMALL, recorded_pendulum
from understudy.cli.main import main
from understudy.core.events import read_events
from understudy.train import run as module


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_pendulum(tmp_path_factory.mktemp("pendulum") / "d", seed=3, episodes=8)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every batch that is trained on."""
    rows: list[int] = []
    loop = module.train_loop

    def watched(training: Any) -> None:
        update = training.update

        def note(batches: Any, step: int) -> None:
            rows.extend(int(row) for batch in batches for row in batch.rows)
            update(batches, step)

        note.__dict__.update(update.__dict__)
        for name in ("policy", "optimizer", "schedule", "window"):
            setattr(note, name, getattr(update, name))
        training.update = note
        loop(training)

    monkeypatch.setattr(module, "train_loop", watched)
    return rows


def trained(dataset: Path, output: Path, *options: str) -> dict[str, Any]:
    """The last validation of the run."""
    assert main(["train", f"--dataset.repo_id={dataset}", f"--output_dir={output}", *SMALL, *options]) == 0
    return [event for event in read_events(output / "events.jsonl") if event["event"] == "validation"][-1]


def test_test_episodes_are_neither_trained_on_nor_measured(dataset: Path, tmp_path: Path, drawn: list[int]) -> None:
    (tmp_path / "split.json").write_text('{"train": [0, 2, 5], "validation": [1], "test": [3, 4]}')
    last = trained(dataset, tmp_path / "run", f"--dataset.split_file={tmp_path}/split.json", "--steps=12")
    assert {row // 30 for row in drawn} == {0, 2, 5}
    assert (last["episodes"], last["frames"]) == ([1], 29)
    assert json.loads((tmp_path / "run/split.json").read_text()) == json.loads((tmp_path / "split.json").read_text())
    # the run keeps to what it began with, whatever becomes of the file
    (tmp_path / "split.json").unlink()
    assert main(["train", "--resume", str(tmp_path / "run"), "--steps=16"]) == 0
    assert {row // 30 for row in drawn} == {0, 2, 5}


def test_windows_begin_where_they_are_asked_to(dataset: Path, tmp_path: Path, drawn: list[int]) -> None:
    starts = ["--dataset.window_starts=[0, 4, 9]", "--dataset.eval_episodes=[1, 3]"]
    last = trained(dataset, tmp_path / "run", *starts, "--steps=12")
    assert {row % 30 for row in drawn} == {0, 4, 9}
    assert {row // 30 for row in drawn} == {0, 2, 4, 5, 6, 7}
    # six windows have a loss; those that begin an episode have no action before them to compare with
    assert last["frames"] == 6
    assert last["action_error"] > 0 and set(last["baselines"]) == {"hold", "mean"}


def test_a_split_by_window_leaks_says_so_and_is_recorded(
    dataset: Path, tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--dataset.split=window", "--dataset.test_split=0.25", "--dataset.split_seed=9", "--batch_size=16"]
    options += ["--steps=12", "--eval_steps=12"]
    last = trained(dataset, tmp_path / "run", *options)
    said = capsys.readouterr()
    assert "LEAKS" in said.out + said.err
    assert json.loads((tmp_path / "run/split.json").read_text()) == {
        "train": list(range(8)),
        "validation": [],
        "test": [],
        "windows": {"seed": 9, "validation": 0.1, "test": 0.25},
    }
    # 240 windows, of which 24 are held out (less those that begin an episode) and 60 set apart
    assert len(set(drawn)) == 240 - 24 - 60
    assert 20 <= last["frames"] <= 24 and last["episodes"] == []
    before = set(drawn)
    assert main(["train", "--resume", str(tmp_path / "run"), "--steps=24"]) == 0
    assert set(drawn) == before
    best = tmp_path / "run/checkpoints/best/pretrained_model"
    assert main(["eval", f"--policy.path={best}", f"--dataset.repo_id={dataset}"]) == 2
    assert "held no episode of it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "code", "words"),
    [
        ("--dataset.window_starts=[99]", 2, "the frames 0 to 29"),
        ("--dataset.split_file=absent.json", 3, "cannot be read"),
        ("--dataset.test_split=0.999", 2, "none trained on"),
    ],
)
def test_a_split_that_cannot_be_made_is_told_before_anything_is_written(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, code: int, words: str
) -> None:
    where = ["train", f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path}/run", *SMALL, option]
    assert main(where) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


# -- several datasets -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_pendulum(tmp_path_factory.mktemp("pendulum") / "second", seed=300, episodes=6)


def split_of_run(run: Path) -> dict[str, list[int]]:
    content: dict[str, list[int]] = json.loads((run / "split.json").read_text())
    return content


def test_what_is_held_out_of_a_dataset_is_so_whatever_it_is_joined_with(
    dataset: Path, second: Path, tmp_path: Path
) -> None:
    alone, also, both, turned = (tmp_path / name for name in ("alone", "also", "both", "turned"))
    for run, named in ((alone, dataset), (also, second), (both, [dataset, second]), (turned, [second, dataset])):
        names = f"[{', '.join(map(str, named))}]" if isinstance(named, list) else str(named)
        assert main(["train", f"--dataset.repo_id={names}", f"--output_dir={run}", *SMALL]) == 0
    first, other = split_of_run(alone), split_of_run(also)
    assert first["validation"] and other["validation"]
    assert split_of_run(both)["validation"] == first["validation"] + [8 + index for index in other["validation"]]
    assert split_of_run(turned)["validation"] == other["validation"] + [6 + index for index in first["validation"]]


def test_weights_say_how_much_is_drawn_of_each(
    dataset: Path, second: Path, tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    mixture = f"--dataset.mixture={{{dataset}: 1, {second}: 3}}"
    arguments = ["train", mixture, f"--output_dir={tmp_path / 'run'}", *SMALL, "--steps=50"]
    assert main(arguments) == 0
    epoch = np.array(drawn)[: 7 * 30 + 5 * 30]
    assert len(epoch) == 360 and (epoch >= 240).sum() == 270
    assert "75.0% of what is drawn" in "".join(capsys.readouterr())


def test_a_run_says_what_it_was_trained_on_part_by_part(dataset: Path, second: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--dataset.mixture", f"[{{repo_id: {dataset}, episodes: [0, 1, 2]}}, {{repo_id: {second}}}]"]
    assert main(["train", *options, f"--output_dir={run}", *SMALL, "--dataset.eval_split=0", "--eval_steps=0"]) == 0
    started = read_events(run / "events.jsonl")[0]["dataset"]
    assert started["repo_id"] == f"{dataset} + {second}" and started["episodes"] == 9
    assert [(p["first_episode"], p["episodes"], p["frames"], p["weight"]) for p in started["parts"]] == [
        (0, 3, 90, None),
        (8, 6, 180, None),
    ]
    assert split_of_run(run)["train"] == [0, 1, 2, *range(8, 14)]


def test_episodes_are_held_out_by_each_datasets_own_numbers(dataset: Path, second: Path, tmp_path: Path) -> None:
    mixture = f"[{{repo_id: {dataset}, eval_episodes: [5]}}, {{repo_id: {second}, eval_episodes: [0, 2]}}]"
    assert main(["train", f"--dataset.mixture={mixture}", f"--output_dir={tmp_path / 'run'}", *SMALL]) == 0
    assert split_of_run(tmp_path / "run")["validation"] == [5, 8, 10]


def test_a_run_on_several_datasets_goes_on_bit_for_bit_from_where_they_were_moved(
    dataset: Path, second: Path, tmp_path: Path
) -> None:
    mixture = f"--dataset.mixture={{{dataset}: 1, {second}: 3}}"
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main(["train", mixture, f"--output_dir={whole}", *SMALL]) == 0
    assert main(["train", mixture, f"--output_dir={cut}", *SMALL, "--steps=2"]) == 0
    moved = shutil.copytree(second, tmp_path / "moved")
    named = f"[{{repo_id: {dataset}, weight: 1}}, {{repo_id: {second}, weight: 3, root: {moved}}}]"
    assert main(["train", "--resume", str(cut), "--steps=4", f"--dataset.mixture={named}"]) == 0
    files = [run / "checkpoints/000004/pretrained_model/model.safetensors" for run in (whole, cut)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_does_not_go_on_with_other_weights(
    dataset: Path, second: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["train", f"--dataset.mixture={{{dataset}: 1, {second}: 3}}", f"--output_dir={run}", *SMALL]) == 0
    assert main(["train", "--resume", str(run), f"--dataset.mixture={{{dataset}: 1, {second}: 4}}"]) == 2
    assert "--dataset.mixture" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mixture", "words"),
    [
        ("{a: 1}", "two datasets or more"),
        ("{a: 1, b: 0}", "above 0"),
        ("[{repo_id: a, weight: 1}, b]", "every dataset a weight"),
        ("[{repo_id: a, episodez: [1]}, b]", "did you mean `episodes`"),
        ("[a, {weight: 3}]", "part 2 of the mixture names no dataset"),
        ("[a, 3]", "got `3` in it"),
        ("abc", "mixture is"),
        ("[{repo_id: a, rename_map: 3}, b]", "rename_map"),
    ],
)
def test_a_mixture_that_is_none_is_refused_with_the_reason(
    mixture: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", f"--dataset.mixture={mixture}", f"--output_dir={tmp_path / 'run'}", *SMALL]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["root=x", "episodes=[0]", "eval_episodes=[0]", "revision=main"])
def test_options_of_one_dataset_belong_to_a_part(
    option: str, dataset: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--dataset.repo_id=[{dataset}, {second}]", f"--dataset.{option}", *SMALL]) == 2
    assert f"each has its own {option.partition('=')[0]}" in capsys.readouterr().err


def test_a_rename_that_no_dataset_can_follow_is_refused(
    dataset: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--dataset.repo_id=[{dataset}, {second}]", "--rename_map={a: b}", *SMALL]) == 2
    assert "`a`, which none of the datasets has" in capsys.readouterr().err


def test_a_weight_that_comes_to_nothing_is_refused_before_anything_is_written(
    dataset: Path, second: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixture = f"--dataset.mixture={{{dataset}: 1, {second}: 1e-6}}"
    assert main(["train", mixture, f"--output_dir={tmp_path / 'run'}", "--dry_run", *SMALL]) == 2
    assert "less than once an epoch" in capsys.readouterr().err


def test_datasets_that_are_too_small_to_spare_an_episode_spare_one_together(
    dataset: Path, second: Path, tmp_path: Path
) -> None:
    mixture = f"[{{repo_id: {dataset}, episodes: [0, 1, 2]}}, {{repo_id: {second}, episodes: [0, 1, 2]}}]"
    assert main(["train", f"--dataset.mixture={mixture}", f"--output_dir={tmp_path / 'run'}", *SMALL]) == 0
    assert len(split_of_run(tmp_path / "run")["validation"]) >= 1


def test_a_run_that_holds_nothing_out_goes_on_too(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = [word for word in SMALL if not word.startswith("--eval_steps")]
    arguments = ["train", f"--dataset.repo_id={dataset}", f"--output_dir={run}", "--dataset.eval_split=0"]
    assert main([*arguments, *small]) == 0
    assert main(["train", "--resume", str(run), "--steps=6"]) == 0
    events = read_events(run / "events.jsonl")
    assert events[-1]["step"] == 6 and not [e for e in events if e["event"] == "validation"]
