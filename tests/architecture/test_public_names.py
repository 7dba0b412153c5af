"""The public face is this list; everything else may move."""

from __future__ import annotations

import subprocess
import sys

import pytest

import understudy

NAMES = ["TrainConfig", "__version__", "diagnose", "evaluate", "load_dataset", "load_policy", "train"]


def test_the_public_names_are_these() -> None:
    assert sorted(understudy.__all__) == NAMES
    assert dir(understudy) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    found = getattr(understudy, name)
    assert isinstance(found, str) if name == "__version__" else found.__doc__


@pytest.mark.parametrize("name", ["train", "evaluate", "diagnose"])
def test_a_function_named_as_a_package_can_be_called_more_than_once(name: str) -> None:
    # the function's own words about its arguments; a module that cannot be called says something else
    code = f"import understudy\nfor _ in range(2):\n try: understudy.{name}()\n except TypeError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count(f"{name}() missing") == 2


def test_another_name_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = understudy.nothing  # type: ignore[attr-defined]


def test_the_installed_program_is_the_same_one() -> None:
    done = subprocess.run([sys.executable, "-m", "understudy", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"understudy {understudy.__version__}\n"
