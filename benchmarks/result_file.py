"""ResultFile: what has been measured so far, one JSON document, saved after every single measurement.

A benchmark that is started again measures only what is missing or failed. Numbers belong to one machine and one state
of the source; when either has changed, the file begins anew and the old one is kept beside it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from contestants import ROOT, lerobot_is_there, lerobot_program
from understudy.core.files import write_atomically

FOLDER = ROOT / "benchmarks/results"
_MEASURING_CODE = ("src/understudy", "benchmarks")

Key = dict[str, Any]
Record = dict[str, Any]


class ResultFile:
    """Records by key. A key says what was measured and how; a record holds `key`, and `failed` or what was found."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        self._document: dict[str, Any] = {**header, "records": []}
        if path.exists():
            before = json.loads(path.read_text())
            if {k: v for k, v in before.items() if k != "records"} == header:
                self._document = before
            else:
                path.rename(_free_name(path))

    @property
    def document(self) -> dict[str, Any]:
        """The whole of it: `machine`, `code`, `records`."""
        return self._document

    def find(self, key: Key) -> Record | None:
        """The record with exactly this key, None if there is none or it failed."""
        found = [r for r in self._document["records"] if r["key"] == key and "failed" not in r]
        return found[-1] if found else None

    def add(self, key: Key, found: Record) -> Record:
        """Save what was found under `key`, in place of anything older."""
        record = {"key": key, "at": time.strftime("%Y-%m-%d %H:%M:%S"), **found}
        others = [r for r in self._document["records"] if r["key"] != key]
        self._document["records"] = [*others, record]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self._document, indent=1) + "\n")
        return record


def open_results(path: Path | None) -> ResultFile:
    """The file at `path`; without one, the newest of this machine and this code, or a new one named after the day."""
    header: dict[str, Any] = {"machine": machine(), "code": code_hash()}
    if path is None:
        cpu = re.sub(r"[^a-z0-9]+", "-", header["machine"]["cpu"].lower()).strip("-")
        path = FOLDER / f"{time.strftime('%Y-%m-%d')}-{cpu}-{header['machine']['cores']}-cores.json"
        for older in sorted(FOLDER.glob("*.json"), reverse=True):
            document = json.loads(older.read_text())
            if document.get("code") == header["code"] and document.get("machine") == header["machine"]:
                path = older
                break
    return ResultFile(path, header)


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and with which versions."""
    import torch

    from understudy.train.machine import machine_facts

    facts = machine_facts(torch.device("cpu"))
    kept = {name: facts[name] for name in ("cpu", "cores", "memory_bytes", "torch", "python")}
    versions = {name: importlib.metadata.version(name) for name in ("understudy", "av")}
    return kept | {"versions": versions, "lerobot": lerobot_versions()}


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
