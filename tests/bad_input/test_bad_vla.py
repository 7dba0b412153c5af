"""A policy that reads, fed with what it cannot use: each time one error that names file or flag and what to do.

Nothing is written before it is certain that the run can start, and no picture is decoded for weights that do not fit.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from make_dataset import make_dataset
from small_act import small_policy
from small_smolvla import small_smolvla
from understudy.cli.main import main
from understudy.data import seen_store
from understudy.data.lerobot import load_dataset
from understudy.nn.weights import read_safetensors
from understudy.policies.pretrained import save_pretrained
from understudy.policies.smolvla.vlm import SMOLVLM2

TASKS = ("move the block", "open the box")
RENAMED = {
    f"observation.images.{name}": f"observation.images.camera{n}" for n, name in enumerate(("front", "wrist"), 1)
}
NEW = ["--policy.type=smolvla", "--policy.preset=tiny", "--policy.from_scratch=true", "--policy.num_steps=2"]
FROZEN = ["--policy.train_expert_only=true", "--policy.freeze_vision_encoder=true"]
SHORT = ["--policy.device=cpu", "--batch_size=4", "--steps=4", "--precision=fp32", "--tensorboard=false"]

Said = Callable[..., str]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "blocks"
    return make_dataset(folder, episodes=3, frames=12, cameras=("front", "wrist"), tasks=TASKS)


@pytest.fixture
def checkpoint(dataset: Path, tmp_path: Path) -> Path:
    save_pretrained(small_smolvla(load_dataset(str(dataset)).spec), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], own_cache: Path) -> Said:
    """Call it with an exit code and a command: what was said of the mistake that it is refused for."""

    def refused(code: int, *words: str) -> str:
        capsys.readouterr()
        found = main(list(words))
        told = capsys.readouterr()
        assert found == code, told.err
        assert "Traceback" not in told.err and told.err.startswith("error: ")
        assert "hint: " in told.err
        assert not list(own_cache.glob("frames/*/*/frames.rgb"))
        return told.err

    return refused


def train(dataset: Path, output: Path, *more: str) -> list[str]:
    return ["train", f"--dataset.repo_id={dataset}", f"--output_dir={output}", *SHORT, "--report=false", *more]


def evaluation(checkpoint: Path, dataset: Path, *more: str) -> list[str]:
    return ["eval", f"--policy.path={checkpoint}", f"--dataset.repo_id={dataset}", "--dataset.episodes=all", *more]


def both(checkpoint: Path, dataset: Path, tmp_path: Path) -> list[list[str]]:
    """To fine-tune it, and to measure it."""
    return [train(dataset, tmp_path / "run", f"--policy.path={checkpoint}"), evaluation(checkpoint, dataset)]


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


# -- weights ----------------------------------------------------------------------------------------------------------


def test_weights_of_another_architecture(checkpoint: Path, dataset: Path, tmp_path: Path, said: Said) -> None:
    save_pretrained(small_policy(), tmp_path / "act")
    weights = checkpoint / "model.safetensors"
    shutil.copy(tmp_path / "act/model.safetensors", weights)
    for words in both(checkpoint, dataset, tmp_path):
        told = said(3, *words)
        assert re.search(r"another network: not one of their \d+ tensors belongs to smolvla", told)
        assert str(weights) in told and "from one place" in told
    assert not (tmp_path / "run").exists()


def test_weights_of_a_smolvla_of_another_size(checkpoint: Path, dataset: Path, tmp_path: Path, said: Said) -> None:
    change(checkpoint / "config.json", expert_width_multiplier=0.5)
    for words in both(checkpoint, dataset, tmp_path):
        told = said(3, *words)
        assert "the weights do not fit" in told and "expected (" in told
        assert told.count("\n") < 20
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_pickle(checkpoint: Path, dataset: Path, tmp_path: Path, said: Said, name: str) -> None:
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / name).write_bytes(b"\x80\x04\x95 whatever")
    for words in both(checkpoint, dataset, tmp_path):
        told = said(3, *words)
        assert "pickle" in told and "it is not opened" in told and name in told
        assert "safetensors.torch.save_file" in told


@pytest.mark.parametrize("cut", [1000, 10**9])
def test_a_truncated_file(checkpoint: Path, dataset: Path, tmp_path: Path, said: Said, cut: int) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: max(0, weights.stat().st_size - cut)])
    for words in both(checkpoint, dataset, tmp_path):
        told = said(3, *words)
        assert "the file is cut short" in told and str(weights) in told and "copy the file again" in told


# -- tokenizer and network --------------------------------------------------------------------------------------------


def test_a_missing_tokenizer(checkpoint: Path, dataset: Path, tmp_path: Path, said: Said) -> None:
    shutil.rmtree(checkpoint / "tokenizer")
    change(checkpoint / "config.json", vlm_model_name=SMOLVLM2)
    processors = checkpoint / "policy_preprocessor.json"
    processors.write_text(processors.read_text().replace('"tokenizer_name": "tiny"', f'"tokenizer_name": "{SMOLVLM2}"'))
    for words in both(checkpoint, dataset, tmp_path):
        told = said(3, *words)
        assert "the checkpoint has no tokenizer of its own" in told
        assert f"https://huggingface.co/{SMOLVLM2}/tree/main into {checkpoint / 'tokenizer'}" in told


@pytest.mark.parametrize("content", [None, "{"])
def test_a_tokenizer_without_its_file_or_with_a_torn_one(
    checkpoint: Path, dataset: Path, tmp_path: Path, said: Said, content: str | None
) -> None:
    file = checkpoint / "tokenizer/tokenizer.json"
    file.unlink() if content is None else file.write_text(content)
    for words in both(checkpoint, dataset, tmp_path):
        told = said(3, *words)
        assert ("tokenizer.json is missing" if content is None else "the tokenizer cannot be read") in told
        assert (
            f"put tokenizer.json and tokenizer_config.json of another checkpoint of this policy into {file.parent}"
            in told
        )


@pytest.mark.parametrize("start", ["--policy.load_vlm_weights=true", "--policy.from_scratch=true"])
def test_no_network_for_the_vision_language_model(dataset: Path, tmp_path: Path, said: Said, start: str) -> None:
    told = said(2, *train(dataset, tmp_path / "run", "--policy.type=smolvla", start))
    assert f"could not be fetched from {SMOLVLM2}" in told
    assert f"https://huggingface.co/{SMOLVLM2}/resolve/main/tokenizer" in told
    for file in ("tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors"):
        assert file in told
    assert "into a folder that --policy.vlm_model_name names" in told


def test_no_network_for_published_weights(dataset: Path, tmp_path: Path, said: Said) -> None:
    told = said(2, *train(dataset, tmp_path / "run", "--policy.path=lerobot/smolvla_base"))
    assert "https://huggingface.co/lerobot/smolvla_base/tree/main" in told and "--policy.path=FOLDER" in told
    told = said(
        3, "eval", "--policy.path=lerobot/smolvla_base", f"--dataset.repo_id={dataset}", "--dataset.episodes=all"
    )
    assert "hf download lerobot/smolvla_base" in told and "give its folder" in told


# -- cameras and words ------------------------------------------------------------------------------------------------


def test_a_missing_camera(dataset: Path, checkpoint: Path, tmp_path: Path, said: Said) -> None:
    one = make_dataset(tmp_path / "one", episodes=2, frames=8, cameras=("front",), tasks=TASKS)
    told = said(2, *evaluation(checkpoint, one))
    assert re.search(r"x observation\.images\.wrist 3x24x32 +-\n", told)
    none = make_dataset(tmp_path / "none", episodes=2, frames=8, cameras=(), tasks=TASKS)
    told = said(2, *train(none, tmp_path / "run", *NEW))
    assert "SmolVLA needs a camera among its inputs; there are: observation.state" in told


def test_cameras_of_other_names_are_said_with_the_flag_to_complete(dataset: Path, tmp_path: Path, said: Said) -> None:
    renamed = load_dataset(str(dataset), rename_map=RENAMED)
    save_pretrained(small_smolvla(renamed.spec), tmp_path / "published")
    words = train(dataset, tmp_path / "run", f"--policy.path={tmp_path / 'published'}")
    told = said(2, *words)
    flag = f"--rename_map='{json.dumps(RENAMED)}'"
    assert flag in told
    assert main([*words, flag.replace("'", ""), "--steps=1"]) == 0


def test_a_camera_that_is_not_there_to_be_renamed(dataset: Path, tmp_path: Path, said: Said) -> None:
    mistaken = '--rename_map={"observation.images.frnt": "observation.images.camera1"}'
    told = said(2, *train(dataset, tmp_path / "run", *NEW, mistaken))
    assert "renames `observation.images.frnt`" in told and "did you mean `observation.images.front`?" in told


def test_an_empty_task(checkpoint: Path, dataset: Path, tmp_path: Path, said: Said) -> None:
    silent = make_dataset(tmp_path / "silent", episodes=4, frames=8, cameras=("front", "wrist"), tasks=("", *TASKS))
    for words in (train(silent, tmp_path / "run", *NEW), evaluation(checkpoint, silent)):
        told = said(3, *words)
        assert "the task of some episodes is empty: 0, 3" in told
        assert "meta/tasks.parquet" in told and "leave these episodes out" in told and str(silent) in told
    told = said(2, *evaluation(checkpoint, dataset, "--task= "))
    assert "the task is empty" in told and "--task" in told


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_what_other_weights_made_of_the_frames_is_not_taken(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trained(name: str, cache: str, seed: int) -> bytes:
        monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / cache))
        words = train(dataset, tmp_path / name, *NEW, *FROZEN, "--prefix_cache=features", f"--seed={seed}")
        assert main(words) == 0
        return (tmp_path / name / "checkpoints/last/pretrained_model/model.safetensors").read_bytes()

    trained("other", "shared", seed=1)
    capsys.readouterr()
    beside = trained("beside", "shared", seed=2)
    assert "looked at 72 frames" in capsys.readouterr().out
    assert len(list((tmp_path / "shared/seen").glob("*/*"))) == 2
    assert beside == trained("alone", "fresh", seed=2)


@pytest.mark.parametrize("kind", ["features", "memory"])
def test_a_disk_that_fills_up_while_frames_are_looked_at(
    dataset: Path,
    tmp_path: Path,
    small_disk: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    said: Said,
    kind: str,
) -> None:
    # room for some episodes of what is asked for, and nobody knew
    disk = small_disk({"features": 300_000, "memory": 1_500_000}[kind])
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(disk))
    monkeypatch.setattr(seen_store, "usable_disk_bytes", lambda cache: 10**9)
    words = train(dataset, tmp_path / "run", *NEW, *FROZEN, "--dataset.frames=decode")
    told = said(5, *words, f"--prefix_cache={kind}")
    assert "the disk is full" in told and str(disk / "seen") in told
    assert "--prefix_cache=off" in told and "UNDERSTUDY_CACHE" in told
    assert not (tmp_path / "run").exists()
    assert main([*words, "--prefix_cache=off"]) == 0
    assert read_safetensors(tmp_path / "run/checkpoints/last/pretrained_model/model.safetensors")
