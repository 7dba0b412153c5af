"""A policy is known by the files that decide what it does, and by nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import toy_env
from understudy.policies.fingerprint import fingerprint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_env.toy_policy(tmp_path_factory.mktemp("policies") / "policy")


def test_the_policy_is_known_by_its_files_and_not_by_its_path(checkpoint: Path, tmp_path: Path) -> None:
    same, other = toy_env.toy_policy(tmp_path / "same"), toy_env.toy_policy(tmp_path / "other", seed=1)
    assert fingerprint(same) == fingerprint(checkpoint)
    assert fingerprint(other) != fingerprint(same)


def test_other_processors_make_another_policy_and_how_it_was_trained_does_not(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "train_config.json").write_text("{}")
    assert fingerprint(copy) == fingerprint(checkpoint)
    file = copy / "policy_preprocessor.json"
    document = json.loads(file.read_text())
    document["steps"][0]["config"]["rename_map"] = {"observation.images.top": toy_env.CAMERA}
    file.write_text(json.dumps(document))
    assert fingerprint(copy) != fingerprint(checkpoint)
