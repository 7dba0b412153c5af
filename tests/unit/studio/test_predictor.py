"""What a run's policy predicts at a frame of a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from make_dataset import make_dataset
from small_smolvla import small_smolvla
from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.core.rng import Rng
from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.data.lerobot import Dataset, load_dataset
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.pretrained import save_pretrained
from understudy.studio.predictor import Predictor

CAMERA = "observation.images.front"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return load_dataset(str(make_dataset(tmp_path / "blocks", frames=8, size=(48, 64))))


def policy_for(state: int, seed: int = 0) -> Policy:
    inputs = {
        "observation.state": Feature(type="STATE", shape=(state,)),
        CAMERA: Feature(type="VISUAL", shape=(3, 48, 64)),
    }
    outputs = {"action": Feature(type="ACTION", shape=(6,))}
    options = ActConfig.tiny().model_dump() | {"input_features": inputs, "output_features": outputs}
    config = ActConfig.model_validate(options)
    torch.manual_seed(seed)
    return config.build(config.fake_statistics()).eval()


def test_the_chunk_is_what_the_policy_predicts_from_that_frame(dataset: Dataset, tmp_path: Path) -> None:
    policy = policy_for(6)
    save_pretrained(policy, tmp_path / "policy")
    picture = torch.from_numpy(dataset.read_frame(CAMERA, 11)).permute(2, 0, 1)[None]
    seen = {"observation.state": torch.from_numpy(dataset.columns["observation.state"][11:12]), CAMERA: picture}
    expected = policy.predict(seen, Rng(0, 11))[0].float().numpy()
    predictor = Predictor()
    chunk, task = predictor.predict(tmp_path / "policy", dataset, 11)
    np.testing.assert_allclose(chunk, expected, atol=1e-5)
    assert task == ""
    assert not np.allclose(predictor.predict(tmp_path / "policy", dataset, 3).chunk, expected, atol=1e-5)


def test_a_policy_that_reads_is_told_the_task_of_the_frame(tmp_path: Path) -> None:
    tasks = ("move the block", "open the box")
    dataset = load_dataset(str(make_dataset(tmp_path / "blocks", episodes=2, frames=8, tasks=tasks)))
    policy = small_smolvla(dataset.spec)
    save_pretrained(policy, tmp_path / "policy")
    predictor = Predictor()
    found = [predictor.predict(tmp_path / "policy", dataset, row) for row in (3, 11)]
    assert [each.task for each in found] == list(tasks)
    picture = torch.from_numpy(dataset.read_frame(CAMERA, 11)).permute(2, 0, 1)[None]
    seen = {"observation.state": torch.from_numpy(dataset.columns["observation.state"][11:12]), CAMERA: picture}
    chunks = [policy.predict(seen | policy.instruction([task]), Rng(0, 11))[0].numpy() for task in tasks]
    np.testing.assert_allclose(found[1].chunk, chunks[1], atol=1e-5)
    assert not np.allclose(found[1].chunk, chunks[0], atol=1e-5)


def test_a_frame_without_words_is_no_task(tmp_path: Path) -> None:
    dataset = load_dataset(str(make_dataset(tmp_path / "blocks", episodes=1, frames=8, tasks=("",))))
    save_pretrained(small_smolvla(dataset.spec), tmp_path / "policy")
    with pytest.raises(DataError, match="the task is empty"):
        Predictor().predict(tmp_path / "policy", dataset, 0)


def test_what_the_run_renamed_is_found_under_the_datasets_own_names(dataset: Dataset, tmp_path: Path) -> None:
    names = {CAMERA: "observation.images.camera1"}
    renamed = load_dataset(str(dataset.root), rename_map=names)
    save_pretrained(small_smolvla(renamed.spec), tmp_path / "policy", train_config={"rename_map": names})
    save_pretrained(small_smolvla(dataset.spec), tmp_path / "plain")
    predictor = Predictor()
    # two cameras of other names and the same place are alike to the policy
    a, b = (predictor.predict(tmp_path / name, dataset, 11).chunk for name in ("policy", "plain"))
    np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(predictor.predict(tmp_path / "policy", renamed, 11).chunk, a, atol=1e-5)


def test_the_newest_checkpoint_of_a_run_that_goes_on_is_asked(dataset: Dataset, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    predictor, found = Predictor(), []
    for seed in (0, 1):
        save_pretrained(policy_for(6, seed), run.checkpoints / f"00000{seed}" / PRETRAINED)
        found.append(predictor.predict(run.path, dataset, 4).chunk)
    assert not np.allclose(*found)


def test_a_policy_for_another_robot_is_told_with_both_sides(dataset: Dataset, tmp_path: Path) -> None:
    save_pretrained(policy_for(7), tmp_path / "policy")
    with pytest.raises(ConfigError, match="the policy wants"):
        Predictor().predict(tmp_path / "policy", dataset, 0)


def test_a_run_without_a_policy_is_told(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((CheckpointError, ConfigError)):
        Predictor().predict(tmp_path / "empty", dataset, 0)
