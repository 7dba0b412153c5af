"""`--naming=study`: what a run leaves, once more under the names of the study github.com/ruiming-wu/FAST_Flow_Matching.

    FOLDER/logs/tinypi0_20260131_1259.txt
           trained_models/tinypi0_20260131_1259.safetensors     the best weights (not .pth: nothing is pickled)
           loss_pics/tinypi0_20260131_1259.png

The name tells the policy and when the run was started; where it is taken, a number follows it. Written when the run has
finished, from its own files, beside them or in `--naming_dir`, where several runs can leave theirs.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core import log
from understudy.core.events import read_events
from understudy.core.files import full_disk_reported, json_or_empty, write_atomically
from understudy.core.run_folder import PRETRAINED, RunFolder
from understudy.policies.pretrained import load_policy
from understudy.report.study_log import draw_losses, log_text, validations_of

if TYPE_CHECKING:
    import torch

    from .prepare import Prepared

NAMING = "naming.json"


def leave_study_files(prepared: Prepared, run: RunFolder, device: torch.device) -> None:
    """Write them; of a run that went on for longer, again under the same name. Raises DiskFull."""
    with full_disk_reported(run.path, "the study's files"):
        _leave(prepared, run, device)


def _leave(prepared: Prepared, run: RunFolder, device: torch.device) -> None:
    folder, name = _place_of(prepared, run)
    best = run.best.resolve() / PRETRAINED if run.best.exists() else None
    test = _on_test_part(prepared, best, device)
    files = {"Loss picture": folder / "loss_pics" / f"{name}.png"}
    if best is not None:
        files["Best weights"] = folder / "trained_models" / f"{name}.safetensors"
        _make(files["Best weights"])
        write_atomically(files["Best weights"], (best / "model.safetensors").read_bytes())
    events, config = read_events(run.events), _complete(prepared)
    _make(files["Loss picture"])
    draw_losses(files["Loss picture"], validations_of(events, config), None if test is None else test["loss"])
    written = folder / "logs" / f"{name}.txt"
    write_atomically(written, log_text(events, config, test, {"Run folder": run.path, **files, "Log": written}))
    log.say(f"{'study':<10} {written}")


def _complete(prepared: Prepared) -> dict[str, Any]:
    """The configuration, with the optimiser and the schedule that the policy brought."""
    config = prepared.config
    optimizer, schedule = config.optimizer or config.policy.optimizer_preset(), config.schedule()
    given = schedule.model_dump(mode="json", exclude_none=True) if schedule else "a constant rate"
    return config.to_json() | {"optimizer": optimizer.model_dump(mode="json"), "scheduler": given}


def _place_of(prepared: Prepared, run: RunFolder) -> tuple[Path, str]:
    """(folder, name), claimed by an empty log that no other run can claim as well."""
    folder = (prepared.config.naming_dir or run.path / "study").absolute()
    told = json_or_empty(run.path / NAMING)
    if told.get("folder") == str(folder):
        return folder, str(told["name"])
    started = next(event for event in read_events(run.events) if event["event"] == "run_started")
    kind = prepared.config.policy.type.replace("_", "")
    stem = f"{kind}_{time.strftime('%Y%m%d_%H%M', time.localtime(started['time']))}"
    name, number = stem, 1
    _make(folder / "logs" / name)
    while not _claimed(folder / "logs" / f"{name}.txt"):
        number += 1
        name = f"{stem}_{number}"
    write_atomically(run.path / NAMING, json.dumps({"folder": str(folder), "name": name}) + "\n")
    return folder, name


def _claimed(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)


def _on_test_part(prepared: Prepared, best: Path | None, device: torch.device) -> dict[str, Any] | None:
    """`loss` and `frames` of the test part, which is looked at here for the first time, and once."""
    if best is None or not len(prepared.rows.test):
        return None
    measured = prepared.measurement("test", device).measure(load_policy(best, str(device)))
    return {name: measured[name] for name in ("loss", "frames")}
