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
from dataclasses import dataclass
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
Name = tuple[str, str, tuple[int, ...]]  # what, in which precision, in which shape


@dataclass(frozen=True)
class Work:
    """Something to repeat, and how much of it is done each time: FLOP, bytes or random numbers."""

    do: Callable[[], object]
    amount: float


def measure_limits(tries: int) -> dict[str, Any]:
    """Rates per second: of FLOP (`matmul`, `convolution`), bytes (`copy`, `triad`), random numbers (`draws`, `words`).

    `matmul` is by precision and shape; `peak` is its greatest rate in each precision. Each try does everything once, so
    that a moment in which the machine is slow is slow for all.
    """
    import torch

    shapes = list(dict.fromkeys((*LARGE, *(shape for shapes in OF_ACT.values() for shape in shapes))))
    works: dict[Name, Work] = {("matmul", p, shape): _matmul(shape, p) for p in PRECISIONS for shape in shapes}
    works |= {("convolution", precision, ()): _convolution(precision) for precision in PRECISIONS}
    works |= {(name, "", ()): work for name, work in _memory().items()}
    with torch.no_grad():
        rates = _best_rates(works, tries)
    matmul = {p: {"x".join(map(str, shape)): rates["matmul", p, shape] for shape in shapes} for p in PRECISIONS}
    return {
        "matmul": matmul,
        "peak": {precision: max(found.values()) for precision, found in matmul.items()},
        "convolution": {precision: rates["convolution", precision, ()] for precision in PRECISIONS},
        **{name: rates[name, "", ()] for name in ("copy", "triad", "draws", "words")},
    }


def _dtype(precision: str) -> torch.dtype:
    import torch

    return torch.bfloat16 if precision == "bf16" else torch.float32


def _matmul(shape: tuple[int, int, int], precision: str) -> Work:
    import torch

    rows, inner, columns = shape
    a, b = (torch.randn(size).to(_dtype(precision)) for size in ((rows, inner), (inner, columns)))
    return Work(lambda: a @ b, 2 * rows * inner * columns)


def _convolution(precision: str) -> Work:
    """A 3x3 convolution of the first stage of a ResNet-18 over one 480x640 picture, channels last."""
    import torch

    images, kernels = (
        torch.randn(size).to(_dtype(precision)).to(memory_format=torch.channels_last)
        for size in ((1, 64, 120, 160), (64, 64, 3, 3))
    )
    return Work(lambda: torch.conv2d(images, kernels, padding=1), 2 * 64 * 64 * 9 * 120 * 160)


def _memory() -> dict[str, Work]:
    import torch

    a, b, c = (torch.ones(_MEGABYTES * 2**20 // 4) for _ in range(3))
    mask, words = torch.empty(_MASK), torch.empty(_MASK // 4, dtype=torch.int64)
    return {
        "copy": Work(lambda: a.copy_(b), 2 * a.nbytes),
        "triad": Work(lambda: torch.add(b, c, alpha=0.5, out=a), 3 * a.nbytes),
        "draws": Work(lambda: mask.bernoulli_(0.9), mask.numel()),
        "words": Work(lambda: words.random_(-(2**63), None), words.numel()),
    }


def _best_rates(works: dict[Name, Work], tries: int) -> dict[Name, float]:
    """Amount per second of the fastest of `tries` after one that is not counted."""
    fastest = dict.fromkeys(works, float("inf"))
    for number in range(1 + tries):
        for name, work in works.items():
            began = time.perf_counter()
            work.do()
            seconds = time.perf_counter() - began
            if number:
                fastest[name] = min(fastest[name], seconds)
    return {name: works[name].amount / seconds for name, seconds in fastest.items()}


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
