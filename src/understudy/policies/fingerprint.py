"""By what a policy is known: its files, so that the same one under another path is the same, and another is not."""

from __future__ import annotations

import hashlib
from pathlib import Path


def fingerprint(checkpoint: Path) -> str:
    """SHA-256 over name and content of the files that decide what the policy in the folder `checkpoint` does."""
    digest = hashlib.sha256()
    # the tokenizer of a policy that reads lies in a folder of its own
    for file in sorted(checkpoint.rglob("*")):
        if file.is_file() and file.suffix in (".json", ".safetensors") and file.name != "train_config.json":
            digest.update(f"{file.relative_to(checkpoint).as_posix()}\n{file.stat().st_size}\n".encode())
            with file.open("rb") as opened:
                while block := opened.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()
