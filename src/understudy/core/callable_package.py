"""A package that can be called, for the public functions that bear the name of a package of ours.

`understudy.train` is a function to a user and a package to Python, which puts the package there as soon as anything in
it is imported. So the package answers calls as the function would.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, ClassVar


def make_callable(package: str, module: str, function: str) -> None:
    """Let the imported `package` be called: calls go to `function` of `module`, which is imported at the first one."""

    class CallablePackage(ModuleType):
        home: ClassVar[tuple[str, str]] = (module, function)

        def __call__(self, *given: Any, **named: Any) -> Any:
            return getattr(importlib.import_module(self.home[0]), self.home[1])(*given, **named)

    sys.modules[package].__class__ = CallablePackage
