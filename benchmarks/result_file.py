"""ResultFile: what has been measured so far, one JSON document, saved after every single measurement.

A benchmark that is started again measures only what is missing or failed. Numbers belong to one machine: on another
one the file begins anew and the old one is kept beside it. Every record says which state of the source it is of; a
benchmark that is run again in another state replaces its own records, and those of the other benchmarks stay.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psutil

from contestants import ROOT, lerobot_is_there, lerobot_program
from understudy.core.files import write_atomically

FOLDER = ROOT / "benchmarks/results"
_MEASURING_CODE = ("src/understudy", "benchmarks")
# modules that only say what was found
_TELLING = frozenset({"tables.py", "training_tables.py", "roofline_tables.py", "inference_tables.py", "aims.py"})
_TELLING |= {"speed_page.py", "demo_measures.py", "demo_seeds.py", "run.py", "smolvla_tables.py"}

Key = dict[str, Any]
Record = dict[str, Any]


class ResultFile:
    """Records by key. A key says what was measured and how; a record holds `key`, and `failed` or what was found."""

    def __init__(self, path: Path, header: dict[str, Any], code: str) -> None:
        self.path = path
        self.code = code  # the present state of the source
        self._document: dict[str, Any] = {**header, "records": []}
        if path.exists():
            before = json.loads(path.read_text())
            if {k: v for k, v in before.items() if k != "records"} == header:
                self._document = before
            else:
                path.rename(_free_name(path))

    @property
    def document(self) -> dict[str, Any]:
        """The whole of it: `machine` and `records`."""
        return self._document

    def begin(self, benchmark: str, recording: str | None = None) -> None:
        """Drop what an earlier state of the source measured in this benchmark (of this recording)."""
        self._document["records"] = [
            record
            for record in self._document["records"]
            if record["code"] == self.code
            or record["key"]["benchmark"] != benchmark
            or (recording is not None and record["key"]["recording"] != recording)
        ]

    def forget(self, benchmarks: Collection[str]) -> None:
        """Drop everything that these benchmarks measured, from the file too."""
        self._document["records"] = [r for r in self._document["records"] if r["key"]["benchmark"] not in benchmarks]
        self._save()

    def find(self, key: Key) -> Record | None:
        """The record of this state of the source with exactly this key, None if there is none or it failed."""
        records: list[Record] = self._document["records"]
        return next((r for r in records if (r["key"], r["code"]) == (key, self.code) and "failed" not in r), None)

    def add(self, key: Key, found: Record) -> Record:
        """Save what was found under `key`, in place of anything older."""
        record = {"key": key, "code": self.code, "at": time.strftime("%Y-%m-%d %H:%M:%S"), **found}
        others = [r for r in self._document["records"] if r["key"] != key]
        self._document["records"] = [*others, record]
        self._save()
        return record

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self._document, indent=1) + "\n")


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Which file to go on with, for `open_results`."""
    parser.add_argument("--results", type=Path, help="JSON file to go on with (default: today's in benchmarks/results)")


def open_results(path: Path | None) -> ResultFile:
    """The file at `path`; without one today's, or an earlier one with records of this machine and code."""
    header, code = {"machine": machine()}, code_hash()
    if path is None:
        cpu = re.sub(r"[^a-z0-9]+", "-", header["machine"]["cpu"].lower()).strip("-")
        path = FOLDER / f"{time.strftime('%Y-%m-%d')}-{cpu}-{header['machine']['cores']}-cores.json"
        for older in sorted(FOLDER.glob("*.json"), reverse=True) if not path.exists() else []:
            document = json.loads(older.read_text())
            if document.get("machine") == header["machine"] and any(r["code"] == code for r in document["records"]):
                path = older
                break
    return ResultFile(path, header, code)


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and with which versions."""
    import torch

    from understudy.train.machine import machine_facts

    facts = machine_facts(torch.device("cpu"))
    kept = {name: facts[name] for name in ("cpu", "cores", "memory_bytes", "torch", "python")}
    kept["bf16_instructions"] = bf16_instructions()
    versions = {name: importlib.metadata.version(name) for name in ("understudy", "av")}
    return kept | {"versions": versions, "lerobot": lerobot_versions()}


def bf16_instructions() -> list[str]:
    """Which of this processor's instructions multiply bfloat16 matrices: AMX, AVX-512 bf16, or none."""
    import torch

    found = {
        "AMX": torch.cpu._is_amx_tile_supported(),
        "AVX-512 bf16": torch.cpu._is_avx512_bf16_supported(),
    }
    return [name for name, there in found.items() if there]


def lerobot_versions() -> dict[str, str] | None:
    """Versions in LeRobot's environment; None where it is not installed."""
    if not lerobot_is_there():
        return None
    names = ("lerobot", "torch", "torchvision", "av")
    program = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
    done = subprocess.run([lerobot_program("python"), "-c", program], capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else None


def code_hash() -> str:
    """A name for the state of the source that is measured and that measures."""
    digest = hashlib.sha256()
    for folder in _MEASURING_CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.name in _TELLING and folder == "benchmarks":
                continue
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def busy_before() -> float:
    """Percent of the CPU that other programs use now: a measurement wants this near zero."""
    return float(psutil.cpu_percent(interval=1.0))


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path.with_suffix(f".old-{number}")).exists():
        number += 1
    return free
