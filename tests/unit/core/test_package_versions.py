"""Versions of packages, and None for what is not installed."""

from __future__ import annotations

import numpy as np

from understudy.core.package_versions import package_versions


def test_versions_come_in_the_order_asked_for_and_none_stands_for_what_is_missing() -> None:
    found = package_versions(["numpy", "a-package-that-nobody-wrote", "Pillow"])
    assert list(found) == ["numpy", "a-package-that-nobody-wrote", "Pillow"]
    assert (found["numpy"], found["a-package-that-nobody-wrote"]) == (np.__version__, None)
