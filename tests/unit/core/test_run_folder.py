"""The paths of a run folder, and the run that a path lies in."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.core.run_folder import RunFolder, run_of_checkpoint, step_of_checkpoint


@pytest.mark.parametrize(
    ("step", "total", "name"), [(20_000, 100_000, "020000"), (500_000, 2_000_000, "0500000"), (3, 3, "000003")]
)
def test_a_checkpoint_is_named_as_in_lerobot(step: int, total: int, name: str) -> None:
    assert RunFolder(Path("RUN")).checkpoint(step, total) == Path("RUN/checkpoints") / name


def test_saved_checkpoints_are_listed_oldest_first_without_links_and_leftovers(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.saved_checkpoints() == []
    for name in ("0001000", "000200", ".tmp-000300-1", "notes"):
        (run.checkpoints / name).mkdir(parents=True)
    run.last.symlink_to("000200")
    assert [p.name for p in run.saved_checkpoints()] == ["000200", "0001000"]


@pytest.mark.parametrize("inside", ["checkpoints/000200", "checkpoints/000200/pretrained_model/config.json"])
def test_a_checkpoint_knows_its_run(inside: str) -> None:
    assert run_of_checkpoint(Path("/runs/x") / inside) == RunFolder(Path("/runs/x"))


def test_a_folder_outside_a_run_has_none() -> None:
    assert run_of_checkpoint(Path("/models/act")) is None


def test_a_checkpoint_is_called_after_its_step_also_through_a_link(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    (run.checkpoints / "000200" / "pretrained_model").mkdir(parents=True)
    run.last.symlink_to("000200")
    assert step_of_checkpoint(run.last / "pretrained_model") == step_of_checkpoint(run.last) == "000200"
    assert step_of_checkpoint(Path("/models/act")) == "policy"
