"""understudy inspect: what it tells of checkpoints of every era, and of what only looks like one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from old_checkpoints import camera_policy, change_json, save, save_as_03, save_as_06, small_policy
from small_smolvla import small_smolvla
from understudy.cli.inspect import run
from understudy.core import log
from understudy.core.errors import CheckpointError, ConfigError


@pytest.fixture(autouse=True)
def on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_to_stderr", False)
    monkeypatch.setattr(log, "_warned", set())


def document(path: Path, capsys: pytest.CaptureFixture[str], exit_code: int = 0) -> dict[str, Any]:
    assert run([str(path), "--json"]) == exit_code
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_a_checkpoint_of_ours_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = camera_policy()
    assert run([str(save(policy, tmp_path / "saved"))]) == 0
    told = capsys.readouterr().out
    parameters = sum(p.numel() for p in policy.parameters())
    for words in (
        "policy       act",
        "understudy",
        f"{parameters:,} trainable",
        "observation.images.wrist_cam",
        "3 x 32 x 32",
        "MEAN_STD",
        "LeRobot 0.4, LeRobot 0.6",
        "max ",
    ):
        assert words in told


def test_the_document_has_the_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = small_policy()
    facts = document(save(policy, tmp_path / "saved"), capsys)
    assert facts["policy_type"] == "act"
    assert facts["parameters"] == sum(p.numel() for p in policy.parameters())
    assert facts["tensors"] == len(policy.state_dict())
    assert facts["cameras"] == []
    assert facts["normalization"]["action"] == "MIN_MAX"
    expected = policy.normalizer.statistics["action"]["max"].tolist()
    assert facts["statistics"]["action"]["max"] == pytest.approx(expected)
    assert facts["problems"] == []
    assert facts["runs_on"] == {"understudy": True, "lerobot_0.4": True, "lerobot_0.6": True}


def test_the_eras_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = small_policy()
    old = document(save_as_03(policy, tmp_path / "old"), capsys)
    new = document(save_as_06(policy, tmp_path / "new"), capsys)
    assert old["writer"] == "LeRobot 0.3 or earlier"
    assert old["runs_on"] == {"understudy": True, "lerobot_0.4": False, "lerobot_0.6": False}
    assert old["statistics"]["action"].keys() == {"min", "max"}
    assert old["tensors"] == len(policy.state_dict())
    assert new["writer"] == "LeRobot 0.6"
    assert new["runs_on"] == {"understudy": True, "lerobot_0.4": False, "lerobot_0.6": True}


def test_faults_are_told_and_answered_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(small_policy(), tmp_path / "saved")
    change_json(folder / "config.json", dim_feedforward=99)
    facts = document(folder, capsys, exit_code=1)
    assert "do not fit" in facts["problems"][0]
    assert facts["runs_on"]["understudy"] is False
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    assert "cut short" in document(folder, capsys, exit_code=1)["problems"][0]
    weights.unlink()
    facts = document(folder, capsys, exit_code=1)
    assert "there are no weights" in facts["problems"][0]
    assert facts["values"] is None


def test_a_checkpoint_without_statistics_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(small_policy(), tmp_path / "saved")
    for path in folder.glob("policy_*.safetensors"):
        path.unlink()
    assert run([str(folder)]) == 1
    told = capsys.readouterr().out
    assert "no statistics" in told
    assert "`mean` is missing" in told


def test_without_a_checkpoint_the_command_line_is_at_fault() -> None:
    with pytest.raises(ConfigError):
        run([])


# -- folders found in the wild ------------------------------------------------------------------------------------

NO_CHECKPOINT = {
    "act_picklift_real24": r"training configurations without weights: train_config\.json \(act\)",
    "diffusion_vqbet_pusht_converted": "holds some",
    "fork_train_configs_act_dp_pi0": r"train_config_dp\.json \(diffusion\)",
    "lerobot_golden_processors": "38 descriptions of processors",
    "lerobot_hydra_era_2024": "Hydra",
}
UNUSABLE = {
    "diffusion_vqbet_pusht_converted/diffusion": ("diffusion", "LeRobot 0.6", "cannot be run here yet"),
    "diffusion_vqbet_pusht_converted/vqbet": ("vqbet", "LeRobot 0.6", "cannot be run here yet"),
    "sarm_reward_model": ("sarm_ext", "LeRobot 0.4 or 0.5", "reward model"),
    "smolvla_koch_2025": ("smolvla", "LeRobot 0.3 or earlier", "no weights"),
    "vllm_remote_policy": ("vllm", "LeRobot 0.4 or 0.5", "remote model"),
}


@pytest.mark.shared
def test_every_folder_found_in_the_wild_has_an_answer_here(shared: Path) -> None:
    folders = {path.name for path in (shared / "checkpoint_configs").iterdir() if path.is_dir()}
    assert folders == set(NO_CHECKPOINT) | {name.split("/")[0] for name in UNUSABLE}


@pytest.mark.shared
@pytest.mark.parametrize("name", NO_CHECKPOINT)
def test_a_folder_that_is_no_checkpoint_is_named_for_what_it_is(shared: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=NO_CHECKPOINT[name]):
        run([str(shared / "checkpoint_configs" / name)])


@pytest.mark.shared
@pytest.mark.parametrize("name", UNUSABLE)
def test_a_checkpoint_that_cannot_run_here_is_described(
    shared: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_type, writer, words = UNUSABLE[name]
    facts = document(shared / "checkpoint_configs" / name, capsys, exit_code=1)
    assert (facts["policy_type"], facts["writer"]) == (policy_type, writer)
    assert words in facts["problems"][0]
    assert any("no weights" in problem for problem in facts["problems"])


def test_a_policy_that_reads_is_said_to_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader = save(small_smolvla(), tmp_path / "reader")
    assert run([str(reader)]) == 0
    assert "is told      a task in words, 96 tokens at most" in capsys.readouterr().out
    assert document(reader, capsys)["language"]["tokenizer_processor"]["max_length"] == 96
    assert run([str(save(small_policy(), tmp_path / "deaf"))]) == 0
    assert "is told" not in capsys.readouterr().out
