"""What works on this machine: a video is decoded, a matrix multiplied, the disk written; each fault with its remedy."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from understudy import __version__
from understudy.core.errors import UnderstudyError
from understudy.core.files import cache_folder, existing_parent
from understudy.data.write.form import Codec
from understudy.diagnose.finding import Finding
from understudy.diagnose.target import Diagnosis

_FRAMES = 8
_MOST_LEVELS = 12.0  # colours of half the resolution cost two or three
_DISK_BYTES = 64 * 1024**2
_SLOW_DISK, _LITTLE_SPACE = 50e6, 5e9
# extra -> (a module that it brings, what it is for)
_EXTRAS = {
    "sim": ("mujoco", "simulated tasks: record, eval --env.type, demo, study"),
    "lora": ("peft", "adapters: train --peft.*, and every use of what it leaves but a merged one"),
    "ray": ("ray", "ensembles on a cluster"),
    "wandb": ("wandb", "curves on W&B"),
    "trackio": ("trackio", "curves with trackio"),
}


def examine() -> Diagnosis:
    """Try everything that a training needs here. Takes some seconds; leaves nothing behind."""
    findings = [finding for part in (_versions, _decoding, _multiplying, _disk, _extras) for finding in _tried(part)]
    order = ("error", "warning", "note")
    return Diagnosis(
        "this installation", "installation", tuple(sorted(findings, key=lambda f: order.index(f.severity))), 5
    )


def _tried(part: Callable[[], list[Finding]]) -> list[Finding]:
    name = part.__name__.strip("_")
    try:
        found = part()
    except (ImportError, OSError, RuntimeError, ValueError, UnderstudyError) as error:
        remedy = "pip install --upgrade --force-reinstall understudy"
        return [Finding("error", f"{name} does not work: {error}", remedy, {"error": str(error)}, rule=name)]
    return [Finding(f.severity, f.message, f.remedy, f.evidence, rule=name) for f in found]


def _versions() -> list[Finding]:
    text = f"understudy {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return [Finding("note", text, "", {"python": sys.version.split()[0]})]


def _decoding() -> list[Finding]:
    """Write a small video in each codec that recordings use, and read it back."""
    from understudy.data.video import decode_span
    from understudy.data.write.video import VideoWriter

    y, x = np.mgrid[0:128, 0:160]
    frames = [np.stack([x + 4 * i, y + 60, 200 - x], axis=-1).clip(0, 255).astype(np.uint8) for i in range(_FRAMES)]
    codecs: tuple[Codec, ...] = ("av1", "h264")
    found = []
    for codec in codecs:
        began = time.perf_counter()
        writer = VideoWriter((128, 160), 30, codec)
        for frame in frames:
            writer.add(frame)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "test.mp4"
            path.write_bytes(writer.finish())
            read = list(decode_span(path, 0, _FRAMES, (128, 160)))
        levels = float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(read, frames, strict=True)]))
        told = {"codec": codec, "levels": round(levels, 1), "seconds": round(time.perf_counter() - began, 3)}
        if levels > _MOST_LEVELS:
            text = f"{codec} video gives wrong pictures, {levels:.0f} levels off"
            found.append(Finding("error", text, "pip install --upgrade --force-reinstall av", told))
        else:
            found.append(Finding("note", f"{codec} video is written and read back, {levels:.1f} levels off", "", told))
    return found


def _multiplying() -> list[Finding]:
    """Multiply matrices on the processor and on each GPU, and hold the results against numpy's."""
    import torch

    a = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    found = []
    names = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    for name in names:
        tensor = torch.from_numpy(a).to(name)
        began = time.perf_counter()
        for _ in range(4):
            product = tensor @ tensor
        error = float(np.abs(product.cpu().numpy() - a @ a).max())
        seconds = (time.perf_counter() - began) / 4
        if not error < 0.1:
            remedy = "pip install --force-reinstall torch, with the wheel for this machine's driver"
            found.append(Finding("error", f"{name} multiplies wrongly: off by {error:.3g}", remedy, {"device": name}))
            continue
        text = f"{name}: a product of 512 x 512 matrices in {seconds * 1e3:.2f} ms (torch {torch.__version__})"
        found.append(Finding("note", text, "", {"device": name, "threads": torch.get_num_threads()}))
    if Path("/proc/driver/nvidia/version").exists() and not torch.cuda.is_available():
        remedy = "pip install torch from the index for your driver: see pytorch.org/get-started"
        text = f"there is an NVIDIA driver, and torch {torch.__version__} cannot use it: training would run on the CPU"
        found.append(Finding("error", text, remedy, {"torch": torch.__version__}))
    return found


def _disk() -> list[Finding]:
    """Write to the cache's disk, and see how much room there is."""
    folder = existing_parent(cache_folder())
    free = shutil.disk_usage(folder).free
    path = folder / f".understudy-doctor-{os.getpid()}"
    began = time.perf_counter()
    try:
        with path.open("wb") as file:
            file.write(os.urandom(_DISK_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)
    rate = _DISK_BYTES / (time.perf_counter() - began)
    found = []
    told = {"folder": str(folder), "bytes_per_s": round(rate), "free_bytes": free}
    if free < _LITTLE_SPACE:
        remedy = "make room, or name another disk: UNDERSTUDY_CACHE=/somewhere/else"
        found.append(Finding("warning", f"only {free / 1e9:.1f} GB are free at {folder}", remedy, told))
    if rate < _SLOW_DISK:
        remedy = "name a faster disk for decoded frames: UNDERSTUDY_CACHE=/somewhere/else"
        found.append(Finding("warning", f"{folder} takes {rate / 1e6:.0f} MB/s, slow for decoded frames", remedy, told))
    if not found:
        text = f"{folder} takes {rate / 1e6:.0f} MB/s, {free / 1e9:.0f} GB are free"
        found.append(Finding("note", text, "", told))
    return found


def _extras() -> list[Finding]:
    found = []
    for extra, (module, purpose) in _EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        text = f"extra `{extra}` is {'there' if there else 'not installed'}: {purpose}"
        remedy = "" if there else f"pip install 'understudy[{extra}]'"
        found.append(Finding("note", text, remedy, {"extra": extra, "installed": there}))
    return found
