"""Nothing imports upward, nor sideways (the contracts are in pyproject.toml), and no module is outside the rooms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "core",
    "diagnose",
    "data",
    "nn",
    "policies",
    "envs",
    "rollout",
    "record",
    "train",
    "evaluate",
    "studies",
    "studio",
    "report",
    "cli",
}


def test_the_contracts_are_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_is_in_a_room_that_the_contracts_name() -> None:
    package = ROOT / "src" / "understudy"
    folders = {path.relative_to(package).parts[0] for path in package.rglob("*.py") if path.parent != package}
    assert folders == ROOMS
    assert {path.name for path in package.glob("*.py")} == {"__init__.py", "__main__.py"}
    contracts = (ROOT / "pyproject.toml").read_text()
    assert all(room in contracts.split("layers = [")[1].split("]")[0] for room in ROOMS)
