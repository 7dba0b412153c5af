"""Reading and writing safetensors files, with every way a file can be wrong said plainly. Nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from understudy.core.errors import CheckpointError
from understudy.core.files import full_disk_reported

PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".th")
_HEADER_LENGTH = 8


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file, on the CPU.

    Raises CheckpointError for a file that is absent, cut short, a pickle, or otherwise not safetensors.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no dict)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in the file, from its header alone. Raises as `read_safetensors`."""
    with _opened(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.name} is missing", where=str(path.parent)) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            _what_is_wrong(path, error),
            where=str(path),
            hint="fetch or copy the file again; of a training run, take the checkpoint before this one",
        ) from error


def refuse_pickle(path: Path) -> None:
    """Raises CheckpointError for a pickle, known by its name or its first bytes, and for a Git LFS pointer."""
    if path.is_dir():
        raise CheckpointError("a folder stands where a file of tensors is expected", where=str(path))
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            "this is a Git LFS pointer, not the file itself",
            where=str(path),
            hint="run `git lfs pull` in its repository",
        )
    # a zip archive is what torch.save writes since 1.6; \x80 opens a plain pickle
    if path.suffix.lower() in PICKLE_SUFFIXES or head.startswith(
        (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    ):
        if _is_safetensors(head):
            return
        raise CheckpointError(
            "this is a pickle (torch.save), which can run any code when it is read; it is not opened",
            where=str(path),
            hint="use a .safetensors file; whoever trusts the pickle can convert it with safetensors.torch.save_file",
        )


def _is_safetensors(head: bytes) -> bool:
    return len(head) > _HEADER_LENGTH and head[_HEADER_LENGTH : _HEADER_LENGTH + 1] == b"{"


def _what_is_wrong(path: Path, error: Exception) -> str:
    """Cut short, or not safetensors at all? The header says how long the file has to be."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_HEADER_LENGTH), "little")
        if size < _HEADER_LENGTH:
            return f"the file is cut short: it has {size} bytes"
        header = file.read(min(length, 100_000_000))
    if not header.startswith(b"{"):
        return "the file is not safetensors"
    if len(header) < length:
        return f"the file is cut short inside its header: it has {size} bytes"
    try:
        ends = [entry["data_offsets"][1] for name, entry in json.loads(header).items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the file's header is damaged ({error})"
    wanted = _HEADER_LENGTH + length + max(ends, default=0)
    if size < wanted:
        return f"the file is cut short: it has {size} bytes of {wanted}"
    return f"the file is damaged ({error})"


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write `tensors`. Raises DiskFull. Not atomic: callers write into a temporary folder.

    What lies in the memory of the CPU is written from where it lies: a checkpoint costs no second set of weights.
    """
    with full_disk_reported(path, path.name):
        path.touch()
        mode = path.stat().st_mode
        save_file(_plain(tensors), path, metadata=metadata)
        path.chmod(mode)  # safetensors makes its files private to their owner


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What safetensors can write: on the CPU, contiguous, sharing memory with no other; copied only where it is not."""
    plain: dict[str, Tensor] = {}
    memories = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().to("cpu").contiguous()
        memory = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if memory in memories else tensor
        memories.add(memory)
    return plain
