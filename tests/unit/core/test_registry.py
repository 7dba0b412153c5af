"""A name selects an entry of a closed table; nothing is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from understudy.core.errors import ConfigError
from understudy.core.registry import POLICY_CONFIGS, load


def test_a_registered_name_gives_the_object() -> None:
    assert load({"path": "pathlib:Path"}, "path", "thing").__name__ == "Path"


def test_every_registered_policy_is_there_and_called_by_its_name() -> None:
    for name in POLICY_CONFIGS:
        assert load(POLICY_CONFIGS, name, "policy").model_fields["type"].default == name


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"act": "x:y", "smolvla": "x:y"}, "smolvl", "policy")
    assert caught.value.what == "unknown policy `smolvl`"
    assert caught.value.hint == "did you mean `smolvla`? known: act, smolvla"


def test_a_name_from_a_file_can_never_name_a_module() -> None:
    with pytest.raises(ConfigError):
        load({"act": "x:y"}, "os:system", "policy")


def test_the_table_imports_nothing_by_itself() -> None:
    code = (
        "import sys, understudy.core.registry; print([m for m in sys.modules if m.startswith('understudy.policies')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
