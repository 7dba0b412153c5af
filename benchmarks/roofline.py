"""Where the time of a training step goes, part by part, and how fast this machine could do each at its best.

    python benchmarks/roofline.py --size 480x640 --settings fp32 "bf16 --precision=bf16"

The machine's limits are measured first (machine_limits.py). Then `understudy train` runs in this process, and of its
steps one is left as it is and the next is done under a ledger that writes down every operation (op_ledger.py), in turn.
What no operation takes is Python and autograd. A compiled step is no sequence of operations, so that settings for this
table leave it off.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from camera_dataset import Recording, add_recording_options, make_recording, recording_of, size_of
from contestants import WORK, Variant, default_threads, environment, run_to_end, say, train_command, understudy_setting
from result_file import Key, Record, ResultFile, add_results_option, busy_before, open_results
from roofline_tables import roofline_tables

if TYPE_CHECKING:
    from torch import nn

    from op_ledger import OpLedger
    from understudy.data.spec import Batch
    from understudy.policies.base import Policy


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    recording: Recording
    threads: int
    steps: int  # plain ones, and as many under the ledger
    tries: int  # of each of the machine's limits
    settings: tuple[Variant, ...]


def measure(plan: Plan, results: ResultFile) -> None:
    """Measure every part that `results` does not hold yet."""
    from machine_limits import measure_limits

    dataset = make_recording(plan.recording, WORK / "data" / plan.recording.name)
    results.begin("machine_limits")
    results.begin("roofline", plan.recording.name)
    key: Key = {"benchmark": "machine_limits", "threads": plan.threads, "tries": plan.tries}
    if not results.find(key):
        busy = busy_before()
        results.add(key, {**measure_limits(plan.tries), "cpu_busy_before_percent": busy})
    for setting in plan.settings:
        key = {"benchmark": "roofline", "recording": plan.recording.name, "setting": setting.setting}
        key |= {"flags": list(setting.flags), "threads": plan.threads, "steps": plan.steps}
        if results.find(key):
            continue
        busy = busy_before()
        record = results.add(key, {**_measured(setting, dataset, plan.steps), "cpu_busy_before_percent": busy})
        said = record.get("failed") or f"{record['step_s']:.3f} s, {record['flop'] / 1e9:.0f} GFLOP"
        say(f"{plan.recording.name} {setting.setting:12} {said}")
        gc.collect()


def _measured(setting: Variant, dataset: Path, steps: int) -> Record:
    from understudy.core.errors import UnderstudyError

    try:
        return step_ledger(setting, dataset, steps)
    except UnderstudyError as error:
        return {"failed": str(error)}


def step_ledger(setting: Variant, dataset: Path, steps: int) -> Record:
    """Seconds of plain steps, and the mean ledger of as many steps, part by part and kind by kind."""
    from op_ledger import OpLedger
    from understudy.train.command import read_command
    from understudy.train.run import train
    from understudy.train.step import Update

    output = WORK / "run"
    shutil.rmtree(output, ignore_errors=True)
    config = read_command(train_command(setting, dataset, output, 1 + 2 * steps)[4:]).config
    plain: list[float] = []
    watched: list[float] = []
    ledger = OpLedger({})
    precision = ""
    update = Update.__call__

    def timed(self: Update, batches: Sequence[Batch], step: int) -> None:
        nonlocal precision
        precision, ledger.parts = self.precision, parts_of(self.policy)
        under_ledger = step > 0 and step % 2 == 0
        began = time.perf_counter()
        with ledger if under_ledger else contextlib.nullcontext():
            update(self, batches, step)
        if step > 0:  # the first one is not counted
            (watched if under_ledger else plain).append(time.perf_counter() - began)

    with mock.patch.object(Update, "__call__", timed):
        train(config)
    shutil.rmtree(output, ignore_errors=True)
    measured = {"step_s": statistics.median(plain), "plain_s": plain, "watched_s": watched}
    return {"precision": precision, **measured, **summary(ledger, steps)}


def summary(ledger: OpLedger, steps: int) -> dict[str, Any]:
    """The ledger of one step: `parts` and `kinds`, each with FLOP, bytes, seconds, random numbers; FLOP of all."""
    from op_ledger import KINDS

    def row(part: str | None, kind: str | None) -> dict[str, float]:
        total = ledger.total(part, kind)
        return {
            "flop": total.flop / steps,
            "bytes": total.bytes / steps,
            "seconds": total.seconds / steps,
            "calls": total.calls / steps,
            "drawn": total.drawn / steps,
            "words": total.words / steps,
        }

    owners = list(dict.fromkeys(owner for owner, _ in ledger.entries))
    return {
        "flop": ledger.total().flop / steps,
        "parts": {owner: row(owner, None) for owner in owners},
        "kinds": {kind: row(None, kind) for kind in KINDS},
        "masks": {owner: row(owner, "dropout masks") for owner in owners},
    }


def parts_of(policy: Policy) -> dict[nn.Module, str]:
    """The parts of ACT that are told apart, with their names. What they are fed through belongs to `heads`."""
    named = {"backbone": "backbone", "vae_encoder": "latent encoder", "encoder": "encoder", "decoder": "decoder"}
    named |= {"encoder_img_feat_input_proj": "backbone"}
    # model.backbone, and every module within it as well: a part may be used otherwise than by calling it
    inner = [(name.split(".")[1], module) for name, module in policy.named_modules() if "." in name]
    return {module: named.get(child, "heads") for child, module in inner}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the parts of an ACT training step against the machine.")
    parser.add_argument("--size", type=size_of, default=(96, 96), metavar="HEIGHTxWIDTH", help="96x96 or 480x640")
    parser.add_argument("--threads", type=int, default=default_threads(), help="of OpenMP")
    parser.add_argument("--steps", type=int, default=3, help="plain ones, and as many watched ones")
    parser.add_argument("--tries", type=int, default=10, help="of each of the machine's limits")
    parser.add_argument(
        "--settings",
        nargs="+",
        default=["fp32", "bf16 --precision=bf16"],
        metavar="SETTING",
        help="`fp32`, or a name and flags in one word: 'plain --precision=fp32 --fast_paths=false'",
    )
    add_recording_options(parser)
    add_results_option(parser)
    return parser.parse_args()


def main() -> int:
    """Measure, save, print the tables; 1 if a setting failed."""
    options = arguments()
    recording = recording_of(options)
    settings = tuple(map(understudy_setting, options.settings))
    plan = Plan(recording, options.threads, options.steps, options.tries, settings)
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(plan.threads))  # before torch is imported: it reads the number of threads once
    results = open_results(options.results)
    measure(plan, results)
    print(roofline_tables(results.document))
    records = [r for r in results.document["records"] if r["key"]["benchmark"] == "roofline"]
    return int(any("failed" in record for record in records))


if __name__ == "__main__":
    sys.exit(run_to_end(main))
