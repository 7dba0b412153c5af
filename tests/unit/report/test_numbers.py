"""No number on a run's page is written by hand: each one changes with some number in the run's files.

Every number in every file of a run is changed alone, the page is made anew, and what changed on it is noted. In the end
each number on the page must have been seen to change.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_run import started, step, telemetry, validation
from understudy.core.run_folder import RunFolder
from understudy.report.page import page_text
from understudy.train.report import changed_options

_NUMBER = re.compile(r"(?<![A-Za-z_])\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# numbers that belong to the page's words, not to the run
_WORDS = ("| 0 to ",)

Leaf = tuple[str | int, ...]


def events() -> list[dict[str, Any]]:
    """A run that was resumed, with events of every kind that a page shows."""
    machine = {"cpu": "a processor", "cores": 7, "threads": 3, "torch": "2", "gpu": "a GPU"}
    begun = started(version="v", command="understudy train", config_hash="hash", precision="bf16", machine=machine)
    begun["dataset"] |= {"episodes": 23, "frames": 4066, "fps": 11, "fingerprint": "print", "tasks": ["pick it up"]}
    begun["policy"] |= {"parameters": 51_597_190, "trainable_parameters": 51_000_001}
    begun |= {"batch_size": 9, "world_size": 2}
    found = [begun]
    for number in range(10, 201, 10):
        found.append({**step(number, 200), "samples": 18 * number, "epochs": number / 37, "lr": 1e-3 / number})
        found += [telemetry(number)] if number % 50 == 0 else []
        if number in (80, 160):
            found += [validation(number, 200), evaluation(number)]
            found.append({"event": "checkpoint", "step": number, "bytes": 100_000 * number, "seconds": 1.25,
                          "reasons": ["best"]})  # fmt: skip
        if number == 100:
            found.append({"event": "run_resumed", "step": 100, "from_step": 100})
    return [{"time": 1000.0 + 7 * i, **event} for i, event in enumerate(found)]


def evaluation(number: int) -> dict[str, Any]:
    share = number / 1000
    rates = {"successes": number // 40, "n": number // 10, "success_rate": 0.3 + share, "confidence": 0.95}
    rates |= {"interval": [0.1 + share, 0.6 + share], "progress_mean": 0.7 + share}
    return {"event": "evaluation", "step": number, "env": "reach", **rates}


def simulated() -> dict[str, Any]:
    beside = {
        "successes": 2,
        "n": 19,
        "success_rate": 0.11,
        "interval": [0.01, 0.33],
        "progress_mean": 0.26,
        "path": "x",
    }
    return {
        "policy": "p", "env": "reach", "successes": 31, "n": 47, "success_rate": 0.66, "interval": [0.51, 0.79],
        "confidence": 0.95, "method": "exact", "progress_mean": 0.83, "steps_to_success": {"mean": 29.0},
        "reasons": {"success": 31, "time limit": 16}, "beside": {"hold": beside},
        "protocol": {"hash": "abcdef", "seeds": {"first": 5000, "count": 47}},
    }  # fmt: skip


def recorded() -> dict[str, Any]:
    return {
        "frames": 93, "episodes": [21, 22], "action_mae": {"elbow": 2.72, "wrist": 1.15}, "action_error": 0.192,
        "baselines": {"hold": {"elbow": 11.1, "wrist": 4.59}}, "baselines_action_error": {"hold": 0.641},
    }  # fmt: skip


def sources() -> dict[str, Any]:
    """Everything that a page is made of, by file."""
    config = {"policy": {"type": "act", "dropout": 0.25, "input_features": {"observation.images.front": {
        "type": "VISUAL", "shape": [3, 48, 64]}}}, "dataset": {"repo_id": "somebody/banana"}, "steps": 500,
        "precision": "fp32", "batch_size": 9}  # fmt: skip
    finding = {"severity": "note", "message": "hot", "remedy": "cool it", "rule": "hot"}
    return {
        "events.jsonl": events(),
        "train_config.json": config,
        "split.json": {"train": [1, 2, 4, 5], "validation": [3, 9], "test": [8]},
        "eval/reach-000160/summary.json": simulated(),
        "eval/held-out/summary.json": recorded(),
        "findings": [finding],
    }


def page(made: dict[str, Any], folder: Path) -> str:
    """The text of the page that these sources give."""
    run = RunFolder(folder)
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in made.items():
        if name.endswith(".json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(content))
    for event in made["events.jsonl"]:
        if event["event"] == "checkpoint" and isinstance(event["step"], int):
            run.checkpoint(event["step"], 500).mkdir(parents=True, exist_ok=True)
    config = made["train_config.json"]
    return page_text(run, made["events.jsonl"], made["findings"], changed_options(config)).replace(str(folder), "RUN")


def leaves(tree: Any, path: Leaf = ()) -> Iterator[Leaf]:
    """The place of every number, of every word with one in it, and of every list of whole numbers."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from leaves(value, (*path, key))
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, key)
        if isinstance(value, str) and _NUMBER.search(value):
            yield (*path, key)
        if isinstance(value, list) and value and all(isinstance(part, int) for part in value):
            yield (*path, key)


def changed(tree: Any, leaf: Leaf) -> Any:
    """`tree` with one number another one, or one list longer."""
    tree = copy.deepcopy(tree)
    inner = tree
    for key in leaf[:-1]:
        inner = inner[key]
    old = inner[leaf[-1]]
    if isinstance(old, list | str):
        inner[leaf[-1]] = [*old, 977] if isinstance(old, list) else f"{old}977"
    else:
        inner[leaf[-1]] = old * 3 + 2 if isinstance(old, int) else old * 1.37 + 0.011
    return tree


def shorter(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same without one of the events, for each: a page counts some."""
    for left_out in range(len(made["events.jsonl"])):
        yield made | {"events.jsonl": [e for i, e in enumerate(made["events.jsonl"]) if i != left_out]}


def elsewhere(made: dict[str, Any]) -> dict[str, Any]:
    """The same, with the evaluation of another checkpoint: its step is in the folder's name alone."""
    return {name.replace("-000160/", "-000240/"): content for name, content in made.items()}


def numbers(text: str) -> list[tuple[str, str]]:
    """(line without its numbers, the number and where in the line) of every number on a page.

    Where in the page the line stands does not count: one more line above it changes no number.
    """
    return [
        (_NUMBER.sub("#", line), f"{position}: {found}")
        for line in text.splitlines()
        for position, found in enumerate(_NUMBER.findall(_without_words(line)))
    ]


def _without_words(line: str) -> str:
    for words in _WORDS:
        line = line.replace(words, "| ")
    return line


def test_every_number_on_a_page_changes_with_a_number_in_the_files(tmp_path: Path) -> None:
    made = sources()
    before = page(made, tmp_path / "run")
    waiting = set(numbers(before))
    assert len(waiting) > 150
    for other in (*(changed(made, leaf) for leaf in leaves(made)), *shorter(made), elsewhere(made)):
        waiting -= waiting - set(numbers(page(other, tmp_path / "run")))
    # in the table of options the default stands beside the value, and is ours
    left = sorted(found for found in waiting if "| `" not in found[0])
    assert left == []


@pytest.mark.parametrize(
    "leaf",
    [
        ("events.jsonl", 0, "policy", "parameters"),
        ("events.jsonl", 0, "policy", "trainable_parameters"),
        ("events.jsonl", 0, "dataset", "episodes"),
        ("events.jsonl", 0, "dataset", "frames"),
        ("events.jsonl", 0, "dataset", "fps"),
        ("events.jsonl", 0, "machine", "cores"),
        ("events.jsonl", 6, "gpu_power_w"),
        ("events.jsonl", 1, "loss"),
        ("events.jsonl", 1, "update_s"),
        ("events.jsonl", -1, "time"),
        ("train_config.json", "policy", "dropout"),
        ("train_config.json", "policy", "input_features", "observation.images.front", "shape", 2),
        ("split.json", "validation"),
        ("eval/reach-000160/summary.json", "successes"),
        ("eval/reach-000160/summary.json", "interval", 0),
        ("eval/reach-000160/summary.json", "beside", "hold", "successes"),
        ("eval/held-out/summary.json", "action_mae", "elbow"),
        ("eval/held-out/summary.json", "baselines", "hold", "wrist"),
    ],
)
def test_what_a_page_has_to_tell_is_taken_from_its_source(leaf: Leaf, tmp_path: Path) -> None:
    made = sources()
    assert page(made, tmp_path / "run") != page(changed(made, leaf), tmp_path / "run")
