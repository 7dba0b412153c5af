"""What two changes to SmolVLA's step brought: steps with and without them, in turn, in one process.

    python benchmarks/smolvla_changes.py --setting bf16-memory --batch 4 --steps 5

`repeated` is the attention of before, which repeats keys and values for every query head, with frozen weights converted
at every call; then attention that does not repeat them; then frozen weights converted once, too. Prints seconds by the
clock and on the processor, median (least to greatest). Other programs on the machine disturb all three alike.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from torch import Tensor
from torch.nn import functional as F

from smolvla_work import add_work_options
from understudy.core.allocator import keep_freed_memory
from understudy.nn import two_stream
from understudy.nn.fast_paths import set_fast_paths
from understudy_smolvla_training import built

WAYS = {"repeated": (False, False), "shared": (True, False), "shared, converted once": (True, True)}


def repeated(queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
    """`attended`, with each key and value repeated for all query heads that share it."""
    group = queries.shape[2] // keys.shape[2]
    keys, values = (x.repeat_interleave(group, 2).transpose(1, 2) for x in (keys, values))
    mixed = F.scaled_dot_product_attention(queries.transpose(1, 2), keys, values, attn_mask=seen[:, None])
    return mixed.transpose(1, 2).flatten(2)


def main() -> None:
    """Build, keep, time, print."""
    keep_freed_memory()
    parser = argparse.ArgumentParser()
    add_work_options(parser)
    options = parser.parse_args()
    clock: dict[str, list[float]] = {way: [] for way in WAYS}
    worked: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        policy, update, take, _ = built(options, Path(folder))
        for number in range(options.warm_up + options.steps):
            for way, (shares, converts) in WAYS.items():
                set_fast_paths(policy, converts)
                attend = two_stream.attended if shares else repeated
                with patch.object(two_stream, "attended", attend):
                    began, worked_before = time.perf_counter(), time.process_time()
                    update([take()], number)
                if number >= options.warm_up:
                    clock[way].append(time.perf_counter() - began)
                    worked[way].append(time.process_time() - worked_before)
    for way in WAYS:
        print(f"{way}: {_told(clock[way])} s by the clock, {_told(worked[way])} s on the processor")
    print(f"{options.setting}, batch {options.batch}, n = {options.steps}")


def _told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"


if __name__ == "__main__":
    main()
