"""Which versions of packages are installed: a number can be had again only with what it was had with."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable


def package_versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Package -> its version here, in the order given; None when it is not installed."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
