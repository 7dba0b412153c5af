"""The Python in the documentation is Python, and the names that it uses are there."""

from __future__ import annotations

import ast
import importlib
import inspect
from importlib.util import find_spec
from pathlib import Path

import pytest

import understudy
from documentation import NOTEBOOKS, PAGES, ROOT, python_blocks

BLOCKS = [
    pytest.param(page, code, id=f"{page.relative_to(ROOT)}: {code[:40]!r}")
    for page in [*PAGES, *NOTEBOOKS]
    for code in python_blocks(page)
]


def test_there_is_python_on_several_pages() -> None:
    assert len({case.values[0] for case in BLOCKS}) >= 5


@pytest.mark.parametrize(("page", "code"), BLOCKS)
def test_it_is_python_and_what_it_imports_of_understudy_is_there(page: Path, code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("understudy"):
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        elif isinstance(node, ast.Import):
            assert [a.name for a in node.names if a.name.startswith("understudy.") and not find_spec(a.name)] == []


@pytest.mark.parametrize(("page", "code"), BLOCKS)
def test_of_understudy_itself_it_uses_public_names(page: Path, code: str) -> None:
    used = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "understudy"
    }
    assert used <= set(understudy.__all__)


@pytest.mark.parametrize(("page", "code"), BLOCKS)
def test_the_functions_of_understudy_take_the_arguments_that_it_names(page: Path, code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "understudy":
            assert {keyword.arg for keyword in node.keywords} <= _parameters(node.func.attr)


def _parameters(name: str) -> set[str | None]:
    home = importlib.import_module(understudy._HOMES[name])
    return set(inspect.signature(getattr(home, name)).parameters)
