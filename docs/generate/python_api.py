"""The Python interface: the public names of `understudy`, and what they give back."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import understudy

from .markdown import docstring, words

# what the public functions return, and what that is made of
RETURNED = (
    "understudy.train.run:Run",
    "understudy.diagnose.target:Diagnosis",
    "understudy.diagnose.finding:Finding",
    "understudy.data.lerobot:Dataset",
    "understudy.data.lerobot:Episode",
    "understudy.data.spec:DatasetSpec",
    "understudy.policies.base:Policy",
    "understudy.evaluate.simulation.result:SimulationResult",
    "understudy.evaluate.result:HeldOutResult",
    "understudy.core.stats:Interval",
)


def python_pages() -> dict[str, str]:
    """python.md."""
    names = [name for name in understudy.__all__ if not name.startswith("_")]
    functions = [name for name in names if not inspect.isclass(_public(name))]
    parts = [
        "# Python",
        "`import understudy` takes a moment and imports no torch; each name loads what it needs when it is first used. "
        "These names are public, everything else may move.",
        *(part for name in functions for part in _function(f"understudy.{name}", _public(name))),
        *(part for name in names if name not in functions for part in _config(name, _public(name))),
        "## What they give back",
        *(part for home in RETURNED for part in _class(home)),
    ]
    return {"python.md": "\n\n".join(parts) + "\n"}


def _public(name: str) -> Any:
    return getattr(importlib.import_module(understudy._HOMES[name]), name)


def _function(title: str, function: Any) -> tuple[str, str, str]:
    return f"## {title}", _signature(title, function), docstring(function.__doc__)


def _signature(name: str, function: Any) -> str:
    """The signature as code, a parameter a line where it is long."""
    signature = inspect.signature(function)
    given = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    whole = signature.replace(parameters=given)
    text = f"{name}{whole}".replace("'", "")
    if len(text) > 80:
        shown = _with_marks(given)
        inner = "".join(f"    {part},\n" for part in shown)
        text = f"{name}(\n{inner}) -> {signature.return_annotation}".replace("'", "")
    return f"```text\n{text}\n```"


def _with_marks(parameters: list[inspect.Parameter]) -> Iterator[str]:
    marked = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not marked:
            marked = True
            yield "*"
        yield str(parameter)


def _config(name: str, config: Any) -> tuple[str, str, str]:
    said = (
        "Its fields are the options of [understudy train](train.md), groups as dictionaries or as objects. An unknown "
        "name or a value that is not allowed raises pydantic's ValidationError, which names it; an unknown policy or "
        "task raises ConfigError."
    )
    example = (
        "```python\nimport understudy\n\nconfig = understudy.TrainConfig.model_validate(\n    {\n"
        '        "dataset": {"repo_id": "lerobot/aloha_sim_transfer_cube_human"},\n'
        '        "policy": {"type": "act", "chunk_size": 100},\n'
        '        "steps": 20_000,\n    }\n)\n```'
    )
    return f"## understudy.{name}", f"{docstring(config.__doc__)} {said}", example


def _class(home: str) -> Iterator[str]:
    module, name = home.split(":")
    kind = getattr(importlib.import_module(module), name)
    yield f"### {name}"
    yield docstring(kind.__doc__)
    for member, value in vars(kind).items():
        if member.startswith("_") or not (isinstance(value, property) or inspect.isfunction(value)):
            continue
        if not value.__doc__:
            continue
        shown = f"`{name}.{member}`" if isinstance(value, property) else f"`{_short(name, member, value)}`"
        yield f"{shown}\n: {words(inspect.cleandoc(value.__doc__))}"


def _short(name: str, member: str, function: Any) -> str:
    given = ", ".join(parameter for parameter in inspect.signature(function).parameters if parameter != "self")
    return f"{name}.{member}({given})"
