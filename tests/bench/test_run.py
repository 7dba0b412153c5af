"""One command runs every benchmark with a command line that it understands, and can run some of them alone."""

from __future__ import annotations

import importlib
import sys

import pytest

from run import PARTS, benchmarks
from understudy.train.command import known_names

PLANS = [(quick, part) for quick in (False, True) for part in PARTS]


@pytest.mark.parametrize(("quick", "part"), PLANS)
def test_every_command_line_is_understood(quick: bool, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = benchmarks(30.0, quick)[part]
    assert planned
    for name, *flags in planned:
        monkeypatch.setattr(sys, "argv", [name, *flags, "--results=r.json"])
        options = importlib.import_module(name.removesuffix(".py")).arguments()
        assert options.results.name == "r.json"


def test_every_setting_of_understudy_is_made_of_its_own_options() -> None:
    words = [word for plan in benchmarks(30.0, quick=False)["roofline"] for flag in plan for word in flag.split()]
    given = {word.removeprefix("--").split("=")[0] for word in words if word.startswith("--")}
    assert given - {"size", "steps", "settings"} <= set(known_names(None))
    assert {"precision", "fast_paths"} <= given


def test_rounds_of_small_pictures_leave_time_for_large_ones() -> None:
    ends = [
        float(flag.split("=")[1])
        for plan in benchmarks(30.0, quick=False)["training"]
        for flag in plan
        if flag.startswith("--minutes=")
    ]
    assert ends == sorted(ends)
    assert ends[0] < ends[1] == 30.0
