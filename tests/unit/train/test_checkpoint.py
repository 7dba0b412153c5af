"""Checkpoints: whole or absent, recognised when damaged, kept as long as their reason says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from small_act import small_policy
from understudy.core.errors import CheckpointError, DiskFull
from understudy.core.run_folder import RunFolder
from understudy.train.checkpoint import Best, Checkpoints, damage, newest_good, restore
from understudy.train.optim import build_optimizer
from understudy.train.schedule import build_schedule
from understudy.train.schedule_config import SchedulerConfig
from understudy.train.step import Update

SCHEDULE = SchedulerConfig(type="constant_with_warmup", num_warmup_steps=10)


class Trained:
    """A small policy with its optimiser and schedule, after some updates."""

    def __init__(self, folder: Path, updates: int = 2) -> None:
        self.run = RunFolder(folder)
        self.policy = small_policy()
        self.optimizer = build_optimizer(self.policy, self.policy.config.optimizer_preset(), use_groups=True)
        self.schedule = build_schedule(SCHEDULE, self.optimizer, 100)
        cpu = torch.device("cpu")
        update = Update(self.policy, self.optimizer, self.schedule, clip=10, precision="fp32", seed=0, device=cpu)
        for step in range(updates):
            update([self.policy.config.fake_batch(2, seed=step)], step)
        self.checkpoints = Checkpoints(self.run, {"steps": 100}, 100)

    def save(self, step: int, *reasons: str, best: Best | None = None) -> Path:
        return self.checkpoints.save(
            step, self.policy, self.optimizer, self.schedule, reasons=reasons or ("schedule",), best=best
        )

    def saved(self) -> list[str]:
        return [path.name for path in self.run.saved_checkpoints()]


def test_a_checkpoint_has_lerobots_layout_and_the_links_point_at_it(tmp_path: Path) -> None:
    trained = Trained(tmp_path)
    path = trained.save(2, "best", best=Best(0.5, 2))
    assert path == tmp_path / "checkpoints/000002"
    state = {p.name for p in (path / "training_state").iterdir()}
    assert {
        "training_step.json",
        "optimizer_state.safetensors",
        "optimizer_param_groups.json",
        "scheduler_state.json",
        "rng_state.safetensors",
    } <= state
    assert json.loads((path / "training_state/training_step.json").read_text()) == {"step": 2}
    assert {"state/0/exp_avg", "state/0/exp_avg_sq", "state/0/step"} <= set(
        load_file(path / "training_state/optimizer_state.safetensors")
    )
    scheduler = json.loads((path / "training_state/scheduler_state.json").read_text())
    assert (scheduler["last_epoch"], scheduler["_step_count"]) == (2, 3)
    assert trained.run.last.readlink() == Path("000002")
    assert trained.run.best.readlink() == Path("000002")


def test_the_random_state_has_the_shapes_lerobot_reads(tmp_path: Path) -> None:
    state = load_file(Trained(tmp_path).save(1) / "training_state/rng_state.safetensors")
    shapes = {name: (str(tensor.dtype), tuple(tensor.shape)) for name, tensor in state.items()}
    assert shapes["py_rng_state"] == ("torch.int64", (625,))
    assert shapes["np_rng_state_values"] == ("torch.int64", (624,))
    assert shapes["torch_rng_state"] == ("torch.uint8", (5056,))


def test_what_is_restored_equals_what_was_saved(tmp_path: Path) -> None:
    trained = Trained(tmp_path, updates=3)
    path = trained.save(3, best=Best(0.25, 2))
    fresh = Trained(tmp_path / "other", updates=0)
    resumed = restore(path, fresh.policy, fresh.optimizer, fresh.schedule)
    assert (resumed.step, resumed.best) == (3, Best(0.25, 2))
    for a, b in zip(trained.policy.parameters(), fresh.policy.parameters(), strict=True):
        assert torch.equal(a, b)
    rates = [group["lr"] for group in trained.optimizer.param_groups]
    assert [group["lr"] for group in fresh.optimizer.param_groups] == rates
    trained.schedule.step()  # type: ignore[union-attr]
    fresh.schedule.step()  # type: ignore[union-attr]
    rates = [group["lr"] for group in trained.optimizer.param_groups]
    assert [group["lr"] for group in fresh.optimizer.param_groups] == rates


def test_timed_and_interrupted_checkpoints_go_when_a_newer_one_is_there(tmp_path: Path) -> None:
    trained = Trained(tmp_path)
    trained.save(10, "schedule")
    trained.save(12, "time")
    assert trained.saved() == ["000010", "000012"]
    trained.save(14, "interrupt")
    assert trained.saved() == ["000010", "000014"]
    trained.save(20, "schedule")
    assert trained.saved() == ["000010", "000020"]


def test_of_the_best_checkpoints_only_the_best_stays(tmp_path: Path) -> None:
    trained = Trained(tmp_path)
    trained.save(5, "best", best=Best(0.9, 5))
    trained.save(10, "schedule", "best", best=Best(0.8, 10))
    trained.save(15, "best", best=Best(0.7, 15))
    trained.save(20, "schedule", best=Best(0.7, 15))
    assert trained.saved() == ["000010", "000015", "000020"]
    assert trained.run.best.readlink() == Path("000015")


def test_the_best_stays_in_a_run_folder_that_was_named_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained = Trained(Path("run"))
    trained.save(3, "evaluation", best=None)
    trained.save(3, "best", best=Best(0.5, 3, success=0.5))
    trained.save(6, "evaluation", best=Best(0.5, 3, success=0.5))
    trained.save(9, "final", best=Best(0.5, 3, success=0.5))
    assert trained.saved() == ["000003", "000009"]
    assert trained.run.best.exists()
    resumed = restore(trained.run.checkpoint(3, 100), trained.policy, trained.optimizer, trained.schedule)
    assert resumed.best == Best(0.5, 3, success=0.5)


def test_saving_the_same_step_again_only_adds_the_reason(tmp_path: Path) -> None:
    trained = Trained(tmp_path)
    path = trained.save(5, "time")
    weights = (path / "pretrained_model/model.safetensors").stat().st_mtime_ns
    trained.save(5, "schedule")
    assert (path / "pretrained_model/model.safetensors").stat().st_mtime_ns == weights
    trained.save(6, "time")
    assert trained.saved() == ["000005", "000006"]


@pytest.mark.parametrize("name", ["pretrained_model/model.safetensors", "training_state/optimizer_state.safetensors"])
@pytest.mark.parametrize("harm", ["truncate", "flip a bit", "remove"])
def test_damage_is_recognised_and_the_checkpoint_before_it_taken(
    name: str, harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = Trained(tmp_path)
    good = trained.save(1)
    file = trained.save(2) / name
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    if harm == "remove":
        file.unlink()
    else:
        file.write_bytes(content if harm == "flip a bit" else content[:-100])
    assert newest_good(trained.run) == good
    said = capsys.readouterr().err
    assert "000002 is damaged" in said
    assert name in said


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path: Path) -> None:
    trained = Trained(tmp_path)
    (trained.save(1) / "pretrained_model/config.json").unlink()
    with pytest.raises(CheckpointError, match="every checkpoint of this run is damaged"):
        newest_good(trained.run)


def test_a_folder_without_our_manifest_is_judged_by_its_files(tmp_path: Path) -> None:
    path = Trained(tmp_path).save(1)
    (path / "training_state/checkpoint.json").unlink()
    assert damage(path) is None
    weights = path / "pretrained_model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert "model.safetensors" in str(damage(path))


def test_an_interrupted_write_leaves_no_checkpoint_and_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = Trained(tmp_path)
    trained.save(1)
    (tmp_path / "checkpoints/.tmp-000002-99").mkdir()
    assert trained.saved() == ["000001"]
    Checkpoints(trained.run, {}, 100)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.startswith(".tmp")] == []


def test_a_full_disk_leaves_the_older_checkpoint_and_nothing_half_written(
    small_disk: Callable[[int], Path],
) -> None:
    trained = Trained(small_disk(400_000))
    saved: list[str] = []
    with pytest.raises(DiskFull):
        saved.extend(trained.save(step).name for step in range(1, 100))
    assert saved
    assert sorted(p.name for p in trained.run.checkpoints.iterdir()) == [*saved, "last"]
    assert newest_good(trained.run) == trained.run.checkpoints / saved[-1]
