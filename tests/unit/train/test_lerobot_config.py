"""The train_config.json of a checkpoint, as LeRobot 0.4.4 writes it, with our values (keys: tests/parity)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from understudy.train.config import TrainConfig

ACT = {"type": "act", "chunk_size": 20, "n_action_steps": 20}


def written(**options: Any) -> dict[str, Any]:
    return TrainConfig.model_validate({"dataset": {"repo_id": "u/n"}, "policy": ACT} | options).lerobot_json()


def test_values_are_ours() -> None:
    file = written(
        steps=500, batch_size=3, seed=7, output_dir="/runs/x", job_name="j", rename_map={"a": "b"}, num_workers=2,
        dataset={"repo_id": "u/n", "root": "/d", "episodes": [0, 1], "use_imagenet_stats": False}, tolerance_s=0.01,
    )  # fmt: skip
    assert (file["steps"], file["batch_size"], file["seed"], file["num_workers"]) == (500, 3, 7, 2)
    assert (file["output_dir"], file["job_name"], file["rename_map"]) == ("/runs/x", "j", {"a": "b"})
    assert (file["dataset"]["root"], file["dataset"]["episodes"], file["tolerance_s"]) == ("/d", [0, 1], 0.01)
    assert file["dataset"]["use_imagenet_stats"] is False
    assert file["policy"]["chunk_size"] == 20
    assert "loss_normalization" not in file["policy"]


def test_a_dataset_given_as_a_folder_becomes_a_root(tmp_path: Path) -> None:
    dataset = written(dataset={"repo_id": str(tmp_path)})["dataset"]
    assert dataset["root"] == str(tmp_path)
    assert dataset["repo_id"] == f"local/{tmp_path.name}"


def test_the_optimiser_in_use_is_written_out_because_lerobot_resumes_from_it() -> None:
    assert written()["optimizer"] == {
        "type": "adamw",
        "lr": 1e-5,
        "weight_decay": 1e-4,
        "grad_clip_norm": 10.0,
        "betas": [0.9, 0.999],
        "eps": 1e-8,
    }
    sgd = written(optimizer={"type": "sgd", "lr": 0.1, "weight_decay": 0.0})["optimizer"]
    assert "betas" not in sgd
    assert sgd["momentum"] == 0.0


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"type": "constant_with_warmup", "num_warmup_steps": 5}, ("diffuser", "constant_with_warmup", 5)),
        ({"type": "cosine_annealing_with_warmup"}, ("diffuser", "cosine", 0)),
        ({"type": "diffuser", "name": "linear", "num_warmup_steps": 2}, ("diffuser", "linear", 2)),
        ({"type": "diffuser"}, ("diffuser", "cosine", 0)),
    ],
)
def test_schedules_that_0_4_4_has_not_become_the_same_curve_under_its_name(
    ours: dict[str, Any], theirs: tuple[str, str, int]
) -> None:
    scheduler = written(scheduler=ours)["scheduler"]
    assert (scheduler["type"], scheduler["name"], scheduler["num_warmup_steps"]) == theirs


def test_a_save_frequency_of_0_is_not_handed_to_a_division() -> None:
    assert written(save_freq=0, steps=50)["save_freq"] == 50
