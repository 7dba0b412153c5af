"""`--precision=auto`: the number format in which this policy's steps are shortest on this machine, found by trying.

Matrix products in bfloat16 are two to four times as fast where the processor has instructions for them, and many times
slower where it has none. A small network gains nothing either way: converting costs more. So no table of processors,
but the policy's own forward pass in both formats: on two samples on a CPU, on a whole batch on an accelerator, which
two samples would not keep busy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from understudy.core.rng import Rng
from understudy.nn.bf16 import autocast

if TYPE_CHECKING:
    from understudy.policies.base import Policy

# a pass on a CPU that is over sooner is made of overhead, and two tries would only compare noise
SHORT_S = 0.02
# bf16 has to be worth what it costs in digits
GAIN = 1.15
_SAMPLES, _TRIES = 2, 3


def choose_precision(policy: Policy, batch_size: int) -> tuple[str, str]:
    """("fp32" or "bf16", the reason in words). Leaves torch's generators as they were."""
    device = policy.device
    if device.type not in ("cpu", "cuda"):
        return "fp32", f"bf16 is not tried on {device.type}"
    samples = _SAMPLES if device.type == "cpu" else batch_size
    with torch.random.fork_rng():
        fp32 = forward_s(policy, "fp32", samples)
        measured = f"a forward pass of {samples} samples takes {fp32 * 1e3:.0f} ms in fp32"
        if device.type == "cpu" and fp32 < SHORT_S:
            return "fp32", f"{measured}, too little to gain from bf16"
        bf16 = forward_s(policy, "bf16", samples, enough=fp32 * _TRIES)
    return ("bf16" if bf16 * GAIN < fp32 else "fp32"), f"{measured}, {bf16 * 1e3:.0f} ms in bf16"


def forward_s(policy: Policy, precision: str, samples: int, enough: float = float("inf")) -> float:
    """Seconds of the shortest of a few forward passes; one that takes longer than `enough` is the last one."""
    batch = policy.config.fake_batch(samples).to(policy.device)
    seconds = []
    for _ in range(1 + _TRIES):  # the first one also plans and allocates
        began = time.perf_counter()
        with torch.no_grad(), autocast(precision, policy.device):
            policy.loss(batch, Rng(0))
        if policy.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        if seconds[-1] > enough:
            break
    return min(seconds)
