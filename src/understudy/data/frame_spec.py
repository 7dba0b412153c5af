"""What every way of holding frames offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Frames(Protocol):
    """The pictures of the loaded episodes; `tier` and `reason` say how they are held. Safe for several threads."""

    @property
    def tier(self) -> str: ...

    @property
    def reason(self) -> str: ...

    def gather(self, camera: str, rows: np.ndarray) -> np.ndarray:
        """The frames at `rows` (B,) of the loaded dataset: uint8 (B, h, w, 3), RGB, an array of their own."""
        ...

    def close(self) -> None:
        """Let go of threads, files and memory. Nothing may be gathered after that."""
        ...
