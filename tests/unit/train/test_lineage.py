"""A policy is trained on with more data: what it came from is on record, and nothing that it saw passes for new."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from small_pi0 import SMALL, SMALL_RUN, recorded_pendulum
from understudy.cli.main import main
from understudy.core.events import read_events
from understudy.core.lineage import read_lineage
from understudy.core.run_folder import RunFolder

RATE = ["--policy.optimizer_lr=1e-3", "--scheduler.type=diffuser", "--scheduler.name=linear"]
RATE += ["--scheduler.num_warmup_steps=0", "--log_freq=1"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_pendulum(tmp_path_factory.mktemp("pendulum") / "first", seed=3, episodes=8)


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_pendulum(tmp_path_factory.mktemp("pendulum") / "more", seed=300, episodes=6)


@pytest.fixture(scope="module")
def parent(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 4 steps, whose schedule ended at 0."""
    run = tmp_path_factory.mktemp("runs") / "parent"
    assert main(["train", f"--dataset.repo_id={dataset}", f"--output_dir={run}", *SMALL, *RATE]) == 0
    return run


def extended(parent: Path, dataset: Path, more: Path, run: Path, *options: str) -> int:
    """The run that goes on with `parent` on both datasets; the exit code."""
    names = f"--dataset.repo_id=[{dataset}, {more}]"
    return main(["train", f"--policy.path={parent}", names, f"--output_dir={run}", *SMALL_RUN, *RATE, *options])


def rates(run: Path) -> list[float]:
    return [event["lr"] for event in read_events(run / "events.jsonl") if event["event"] == "step"]


def test_the_run_folder_says_what_was_trained_on_and_what_that_was_started_from(
    parent: Path, dataset: Path, more: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert extended(parent, dataset, more, run) == 0
    content: dict[str, Any] = json.loads((run / "lineage.json").read_text())
    split = json.loads((run / "split.json").read_text())
    first, second = content["datasets"]
    assert (first["folder"], second["folder"]) == (str(dataset), str(more))
    trained = [int(i) for i in first["trained"]] + [8 + int(i) for i in second["trained"]]
    assert trained == split["train"]
    assert content["parent"]["run"] == str(parent) and content["parent"]["step"] == 4
    assert content["parent"]["lineage"] == json.loads((parent / "lineage.json").read_text())
    assert content["parent"]["lineage"]["parent"] is None
    assert read_lineage(RunFolder(run)).folders() == [dataset, more]


def test_the_plan_and_inspect_and_the_report_tell_it(
    parent: Path, dataset: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert extended(parent, dataset, more, run, "--report=true") == 0
    told = f"weights of {parent}, step 4, trained on 7 episodes of {dataset}"
    assert told in "".join(capsys.readouterr())
    assert main(["inspect", str(run)]) == 0
    assert told in "".join(capsys.readouterr())
    assert main(["inspect", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lineage"]["parent"]["step"] == 4
    report = (run / "report.md").read_text()
    assert f"started from: {told}" in report and f"{more} 6 episodes from 8 on" in report


def test_a_fresh_schedule_begins_anew(parent: Path, dataset: Path, more: Path, tmp_path: Path) -> None:
    assert extended(parent, dataset, more, tmp_path / "run") == 0
    assert rates(tmp_path / "run") == pytest.approx([7.5e-4, 5e-4, 2.5e-4, 0])


def test_a_continued_schedule_is_the_one_of_both_lengths_together(
    parent: Path, dataset: Path, more: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert extended(parent, dataset, more, run, "--continue_schedule=true") == 0
    # half of eight steps are done; noted is the rate of the update that comes next
    assert rates(run) == pytest.approx([3.75e-4, 2.5e-4, 1.25e-4, 0])
    assert json.loads((run / "train_config.json").read_text())["steps_before"] == 4
    assert json.loads((run / "lineage.json").read_text())["parent"]["continued"] is True


def test_going_on_with_the_same_data_is_the_run_that_was_longer_but_for_its_draws(
    dataset: Path, tmp_path: Path
) -> None:
    # without noise in loss or order nothing but weights, moments and rate decide: one batch of everything, act's loss
    act = ["--policy.type=act", "--policy.use_vae=false", "--policy.dropout=0", "--policy.dim_model=16"]
    act += ["--policy.n_heads=2", "--policy.dim_feedforward=16", "--policy.n_encoder_layers=1", "--policy.chunk_size=5"]
    act += ["--policy.n_action_steps=5", "--policy.device=cpu", "--precision=fp32", "--compile=off", "--report=false"]
    act += ["--tensorboard=false", "--dataset.window_starts=[3]", "--dataset.eval_split=0", "--batch_size=8"]
    shared = [f"--dataset.repo_id={dataset}", *RATE, "--rename_map={observation.state: observation.environment_state}"]
    whole, half, rest = (tmp_path / name for name in ("whole", "half", "rest"))
    assert main(["train", *shared, *act, f"--output_dir={whole}", "--steps=8"]) == 0
    cut = RunFolder(whole)
    assert main(["train", *shared, *act, f"--output_dir={half}", "--steps=8", "--save_freq=4"]) == 0
    path = [f"--policy.path={half / 'checkpoints/000004'}", "--continue_schedule=true"]
    options = [word for word in act if not word.startswith("--policy") or "device" in word]
    assert main(["train", *shared, *path, *options, f"--output_dir={rest}", "--steps=4"]) == 0
    assert rates(rest) == pytest.approx(rates(cut.path)[4:])
    losses = [[e["loss"] for e in read_events(r / "events.jsonl") if e["event"] == "step"] for r in (whole, rest)]
    assert losses[1] == pytest.approx(losses[0][4:], rel=1e-5)


def test_a_continued_run_goes_on_bit_for_bit_where_it_was_stopped(
    parent: Path, dataset: Path, more: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert extended(parent, dataset, more, whole, "--continue_schedule=true", "--save_freq=2") == 0
    shutil.copytree(whole, cut, symlinks=True)
    shutil.rmtree(cut / "checkpoints/000004")
    for name in ("last", "best"):
        (cut / "checkpoints" / name).unlink(missing_ok=True)
        (cut / "checkpoints" / name).symlink_to("000002")
    before = (cut / "lineage.json").read_bytes()
    assert main(["train", "--resume", str(cut)]) == 0
    for file in ("pretrained_model/model.safetensors", "training_state/optimizer_state.safetensors"):
        assert (whole / "checkpoints/000004" / file).read_bytes() == (cut / "checkpoints/000004" / file).read_bytes()
    assert (cut / "lineage.json").read_bytes() == before


def test_held_out_episodes_that_were_trained_on_before_are_pointed_out(
    parent: Path, dataset: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert extended(parent, dataset, more, tmp_path / "same") == 0
    assert "will flatter" not in capsys.readouterr().err
    held_out = json.loads((parent / "split.json").read_text())["validation"]
    other = next(index for index in range(8) if index not in held_out)
    renumbered = shutil.copytree(dataset, tmp_path / "renumbered")
    info = json.loads((renumbered / "meta/info.json").read_text())
    (renumbered / "meta/info.json").write_text(json.dumps(info | {"robot_type": "another name"}))
    names = ["--dataset.repo_id", str(renumbered), f"--dataset.eval_episodes=[{other}]"]
    run = tmp_path / "run"
    assert main(["train", f"--policy.path={parent}", *names, f"--output_dir={run}", *SMALL_RUN]) == 0
    said = capsys.readouterr().err
    assert f"1 of 1 held-out episodes were trained on by the policy that this run starts from ({other})" in said
    assert f"It has not seen {held_out[0]}" in said
    # and when it is evaluated, whatever the dataset is called by then
    assert main(["eval", f"--policy.path={run}", f"--dataset.repo_id={renumbered}"]) == 0
    assert f"1 of 1 episodes were trained on (by the run that this one was started from, {parent})" in (
        capsys.readouterr().err
    )


def test_seeds_of_earlier_demonstrations_are_refused_too(
    parent: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    names = [f"--policy.path={parent}", f"--dataset.repo_id={more}", f"--output_dir={run}"]
    assert main(["train", *names, *SMALL_RUN]) == 0
    where = ["--env.type=pendulum/noisy", "--eval.n_episodes=2", "--seed=3"]
    assert main(["eval", f"--policy.path={run}", *where]) == 2
    assert "begin as episodes of the policy's training data do" in capsys.readouterr().err


def test_statistics_of_the_policy_can_be_kept(parent: Path, dataset: Path, more: Path, tmp_path: Path) -> None:
    name = "checkpoints/last/pretrained_model/policy_preprocessor_step_*_normalizer_processor.safetensors"
    kept, fresh = tmp_path / "kept", tmp_path / "fresh"
    assert extended(parent, dataset, more, kept, "--dataset.statistics=policy") == 0
    assert extended(parent, dataset, more, fresh) == 0
    before, after, other = (next(run.glob(name)).read_bytes() for run in (parent, kept, fresh))
    assert before == after != other


@pytest.mark.parametrize(
    ("option", "words"),
    [("--continue_schedule=true", "name it with policy.path"), ("--dataset.statistics=policy", "give policy.path")],
)
def test_what_goes_on_from_a_policy_needs_one(
    option: str, words: str, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--dataset.repo_id={dataset}", *SMALL, option]) == 2
    assert words in capsys.readouterr().err


def test_a_policy_without_training_state_cannot_be_continued(
    parent: Path, dataset: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = shutil.copytree(parent / "checkpoints/last/pretrained_model", tmp_path / "alone")
    assert extended(alone, dataset, more, tmp_path / "run", "--continue_schedule=true") == 2
    error = capsys.readouterr().err
    assert "no training state" in error and "training_step.json" in error
    assert not (tmp_path / "run").exists()


def test_a_damaged_record_of_lineage_costs_nothing_but_itself(
    parent: Path, dataset: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = shutil.copytree(parent, tmp_path / "broken", symlinks=True)
    for text in (
        "[]",
        "{",
        '{"datasets": 3, "parent": []}',
        '{"datasets": [{"trained": 4}], "parent": {"lineage": 5}}',
    ):
        (broken / "lineage.json").write_text(text)
        assert main(["inspect", str(broken)]) == 0
        assert main(["report", str(broken)]) == 0
        assert "Traceback" not in capsys.readouterr().err
