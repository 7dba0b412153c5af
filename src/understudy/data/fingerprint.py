"""A name for the content of a dataset: equal for equal content wherever it lies, different after any edit that matters.

Hashed are the content of meta/ and of the parquet files, and of each video its size and both ends: an mp4's index
(sizes and times of every frame) is at one of them. Times, owners and other files do not count. Parquet files above
32 MiB, which hold pictures, are sampled: 32 blocks from the first to the last, the footer with the statistics of every
column among them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from .tree import Tree

_END = 64 * 1024
_WHOLE_BELOW = 32 * 1024 * 1024
_BLOCK = 1024 * 1024
_BLOCKS = 32


def fingerprint(tree: Tree) -> str:
    """16 bytes as hex. Of the files that are here: a part of a dataset has a fingerprint of its own."""
    whole = hashlib.sha256()
    for name in sorted(tree.names):
        if name.startswith("meta/") or name.endswith((".parquet", ".mp4")):
            whole.update(f"{name}\0{_of_file(tree.root / name)}\n".encode())
    return whole.hexdigest()[:32]


def _of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(f"{size}\0".encode())
        if path.suffix == ".mp4":
            starts, length = [0, max(0, size - _END)], _END
        elif size <= _WHOLE_BELOW:
            starts, length = list(range(0, size, _BLOCK)), _BLOCK
        else:
            starts, length = [i * (size - _BLOCK) // (_BLOCKS - 1) for i in range(_BLOCKS)], _BLOCK
        for start in starts:
            file.seek(start)
            digest.update(file.read(length))
    return digest.hexdigest()
