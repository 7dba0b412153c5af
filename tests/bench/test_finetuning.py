"""The comparison of fine-tuning with training from scratch is fair, goes on where it was, and tells what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import finetuning
from finetuning import ARMS, DEMONSTRATIONS, QUESTIONS, Amounts, Arm, Results, recording, train, training
from finetuning_page import part_tables
from understudy.train.command import read_command

AMOUNTS = Amounts(seeds=(7, 8), steps=20, pretraining=30, trials=4)
ALL = {arm.key: arm for group in ARMS.values() for arm in group}


def flags(words: Sequence[str]) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in words[1:])


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run."""
    found: list[list[str]] = []

    def run(words: Sequence[str]) -> float:
        found.append(list(words))
        return 1.0

    monkeypatch.setattr(finetuning, "run", run)
    monkeypatch.setattr(finetuning, "ROOT", tmp_path)
    return found


def test_fine_tuning_and_training_from_scratch_differ_in_the_first_weights_alone() -> None:
    tuned, scratch = (flags(training(ALL[key], 7, AMOUNTS)) for key in QUESTIONS["fine-tuning"][0])
    differing = {name for name in tuned.keys() | scratch.keys() if tuned.get(name) != scratch.get(name)}
    network = {"--policy.type", "--policy.preset", "--policy.from_scratch"}
    assert differing == {
        "--output_dir",
        "--policy.path",
        *network,
        "--policy.chunk_size",
        "--policy.n_action_steps",
    }
    # what a policy from scratch is told of the network, the pretraining was told too
    pretraining = flags(finetuning.pretraining(AMOUNTS))
    assert {name: pretraining[name] for name in differing & scratch.keys() - {"--output_dir"}} == {
        name: value for name, value in scratch.items() if name in differing - {"--output_dir"}
    }


def test_a_policy_that_is_continued_goes_on_from_the_one_of_its_own_seed() -> None:
    assert flags(training(ALL["continued"], 8, AMOUNTS))["--policy.path"].endswith("/scratch-8")
    assert flags(training(ALL["tuned"], 8, AMOUNTS))["--policy.path"].endswith("/pretrained")


def test_no_two_recordings_of_a_task_have_an_episode_in_common() -> None:
    starts: set[tuple[str, int]] = set()
    for name, (task, episodes, first) in DEMONSTRATIONS.items():
        assert f"--seed={first}" in recording(name)
        # twice as many attempts as episodes are more than an expert needs
        mine = {(task, seed) for seed in range(first, first + 2 * episodes)}
        assert not mine & starts
        starts |= mine


def test_what_is_trained_from_scratch_is_a_command_that_understudy_reads() -> None:
    config = read_command(training(ALL["scratch"], 7, AMOUNTS)[1:]).config
    assert (config.seed, config.steps, config.policy.type) == (7, 20, "smolvla")


def test_an_interrupted_training_goes_on_and_a_finished_one_is_left_alone(
    tmp_path: Path, typed: list[list[str]]
) -> None:
    results, run = Results(tmp_path / "found.json", AMOUNTS), tmp_path / finetuning.FOLDER / "scratch-7"
    words = training(ALL["scratch"], 7, AMOUNTS)
    train("scratch-7", words, 20, results)
    (run / "checkpoints/000010").mkdir(parents=True)
    (run / "train_config.json").write_text("{}")
    (run / "checkpoints/last").symlink_to("000010")
    train("scratch-7", words, 20, results)
    (run / "checkpoints/last").unlink()
    (run / "checkpoints/000020").mkdir()
    (run / "checkpoints/last").symlink_to("000020")
    train("scratch-7", words, 20, results)
    assert typed == [words, ["train", "--resume", str(finetuning.FOLDER / "scratch-7")]]
    assert json.loads((tmp_path / "found.json").read_text())["cpu_s"] == {"train scratch-7": 2.0}


def test_results_of_other_amounts_are_not_mixed_with_these(tmp_path: Path) -> None:
    Results(tmp_path / "found.json", AMOUNTS).save()
    with pytest.raises(SystemExit, match="other amounts"):
        Results(tmp_path / "found.json", Amounts(seeds=(7,), steps=21, pretraining=30, trials=4))


def document() -> dict[str, Any]:
    """Two ways, two seeds, four starts."""
    outcomes = {"tuned-7": [1, 1, 1, 1], "tuned-8": [1, 1, 1, 0], "scratch-7": [0, 0, 1, 0], "scratch-8": [0, 0, 0, 0]}
    policies = {
        name: {"task": {"outcomes": found, "successes": sum(found), "n": 4, "progress": 0.5}}
        for name, found in outcomes.items()
    }
    compared = {"difference": 0.75, "interval": [0.2, 1.0], "p_value": 0.0123, "verdict": "a"}
    return {
        "amounts": {"steps": 1000},
        "policies": policies,
        "cpu_s": {f"train {name}": 100.0 for name in outcomes},
        "seeds": {"fine-tuning": [7, 8]},
        "comparisons": {"fine-tuning": {"tuned - scratch": compared}},
        "before": {"tuned-7 - pretrained": {**compared, "verdict": "undecided", "difference": -0.25}},
    }


def test_the_table_counts_each_seed_and_all_together() -> None:
    arms = {"fine-tuning": (Arm("scratch", "from scratch", None, ("few",)), Arm("tuned", "tuned", "p", ("few",)))}
    lines = part_tables(document(), arms, "fine-tuning", "task").splitlines()
    assert lines[2].startswith("| from scratch | 1,000 | 1/4 | 0/4 | 1/8 = 12% | 0% to 53% |")
    assert lines[3].startswith("| tuned | 1,000 | 4/4 | 3/4 | 7/8 = 88% | 47% to 100% |")
    assert "| tuned - from scratch | +75 points | +20 to +100 | 0.0123 | better: tuned |" in lines
    assert lines[-1] == "| `tuned-7` - `pretrained` | -25 points | +20 to +100 | 0.0123 | undecided |"
