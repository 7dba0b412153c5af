"""What this machine can do at its best: multiply matrices, convolve, move memory, draw dropout masks.

A limit is the best of several tries, because nothing but the machine itself bounds it; what slows one try is not the
machine. Matrices are tried large, where the limit is, and in the shapes that ACT multiplies.

python benchmarks/machine_limits.py --threads 2
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from contestants import default_threads, environment

if TYPE_CHECKING:
    import torch

# rows x inner x columns; ACT's are those of the feed-forward layers, which hold most of its arithmetic
LARGE = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 2048, 2048))
OF_ACT = {
    "96x96": ((88, 512, 512), (88, 512, 3200), (88, 3200, 512), (512, 88, 3200), (816, 512, 3200), (816, 3200, 512)),
    "480x640": ((2416, 512, 512), (2416, 512, 3200), (2416, 3200, 512), (512, 2416, 3200)),
}
PRECISIONS = ("fp32", "bf16")
_MEGABYTES = 256
_MASK = 4_000_000


def measure_limits(tries: int) -> dict[str, Any]:
    """Rates per second: of FLOP (`matmul`, `convolution`), bytes (`copy`, `triad`), random numbers (`draws`).

    `matmul` is by precision and shape; `peak` is its greatest rate in each precision.
    """
    import torch

    matmul: dict[str, dict[str, float]] = {}
    convolution: dict[str, float] = {}
    for precision in PRECISIONS:
        dtype = _dtype(precision)
        matmul[precision] = {
            "x".join(map(str, shape)): _matmul_rate(shape, dtype, tries)
            for shape in dict.fromkeys((*LARGE, *(shape for shapes in OF_ACT.values() for shape in shapes)))
        }
        convolution[precision] = _convolution_rate(dtype, tries)
    count = _MEGABYTES * 2**20 // 4
    a, b, c = (torch.ones(count) for _ in range(3))
    mask = torch.empty(_MASK)
    return {
        "matmul": matmul,
        "peak": {precision: max(rates.values()) for precision, rates in matmul.items()},
        "convolution": convolution,
        "copy": 2 * a.nbytes / _best(lambda: a.copy_(b), tries),
        "triad": 3 * a.nbytes / _best(lambda: torch.add(b, c, alpha=0.5, out=a), tries),
        "draws": _MASK / _best(lambda: mask.bernoulli_(0.9), tries),
    }


def _dtype(precision: str) -> torch.dtype:
    import torch

    return torch.bfloat16 if precision == "bf16" else torch.float32


def _matmul_rate(shape: tuple[int, int, int], dtype: torch.dtype, tries: int) -> float:
    import torch

    rows, inner, columns = shape
    a, b = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
    return 2 * rows * inner * columns / _best(lambda: a @ b, tries)


def _convolution_rate(dtype: torch.dtype, tries: int) -> float:
    """A 3x3 convolution of the first stage of a ResNet-18 over one 480x640 picture, channels last."""
    import torch

    kind = torch.channels_last
    images = torch.randn(1, 64, 120, 160).to(dtype).to(memory_format=kind)
    kernels = torch.randn(64, 64, 3, 3).to(dtype).to(memory_format=kind)
    with torch.no_grad():
        seconds = _best(lambda: torch.conv2d(images, kernels, padding=1), tries)
    return 2 * 64 * 64 * 9 * 120 * 160 / seconds


def _best(work: Callable[[], object], tries: int) -> float:
    """Seconds of the fastest of `tries` after one that is not counted."""
    work()
    seconds = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what this machine can do at its best.")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--tries", type=int, default=10)
    options = parser.parse_args()
    os.environ.update(environment(options.threads))  # before torch is imported: it reads the number of threads once
    from roofline_tables import limits_table

    print(limits_table(measure_limits(options.tries)))


if __name__ == "__main__":
    main()
