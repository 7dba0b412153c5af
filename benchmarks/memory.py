"""What a training step holds in memory, counted: no number is computed, and no GPU is needed.

    python benchmarks/memory.py 64 benchmarks/results/smolvla-memory.json     # batch, file
    python benchmarks/memory.py --check                                         # counted beside what a CPU really took

SmolVLA at full size, two cameras of 480x640, a task of one line. Every operation of loss and backward pass runs on
tensors that have a shape and no numbers (torch's FakeTensorMode), and a ledger adds up which of their memories are
alive. To the most that were alive at once come the weights and the optimiser's two moments. Not counted: what CUDA and
its libraries take for themselves, what the allocator leaves unused between tensors, work space inside a kernel.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import multiprocessing
import resource
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from understudy.core.rng import Rng
from understudy.data.spec import IMAGES, MEMORY, STATE, Batch, FeatureType, seen_name
from understudy.nn.bf16 import autocast
from understudy.policies.adapter import Adapter
from understudy.policies.config import Feature
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.model import SmolVla
from understudy.policies.smolvla.source import tokenizer_of

CPU = torch.device("cpu")
CARD = 8 * 2**30
CAMERAS = [f"{IMAGES}front", f"{IMAGES}wrist"]
TASK = "pick up the cube"
CACHES = ("off", "features", "memory")


class Ledger(TorchDispatchMode):
    """Bytes of the memories that operations have made and that are still alive; `most` at any time.

    there   tensors that were there before: views of them make nothing
    """

    def __init__(self, there: list[Tensor]) -> None:
        super().__init__()
        self.alive = self.most = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in there}

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        found = function(*arguments, **(named or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor):
                self._enter(tensor.untyped_storage())
        return found

    def _enter(self, storage: torch.UntypedStorage) -> None:
        name = storage._cdata
        if name in self._known:
            return
        self._known.add(name)
        self.alive += storage.nbytes()
        self.most = max(self.most, self.alive)
        weakref.finalize(storage, self._leave, name, storage.nbytes())

    def _leave(self, name: int, size: int) -> None:
        self._known.discard(name)
        self.alive -= size


def config_of(what: str, recomputes: bool) -> SmolVlaConfig:
    frozen = what != "the whole model"
    return SmolVlaConfig(
        from_scratch=True,
        tokenizer_name="tiny",
        device="cpu",
        train_expert_only=frozen,
        freeze_vision_encoder=frozen,
        gradient_checkpointing=recomputes,
        input_features={
            **{camera: Feature(type=FeatureType.VISUAL, shape=(3, 480, 640)) for camera in CAMERAS},
            STATE: Feature(type=FeatureType.STATE, shape=(6,)),
        },
        output_features={"action": Feature(type=FeatureType.ACTION, shape=(6,))},
    )


def policy_of(what: str, recomputes: bool) -> SmolVla:
    """The weights are whatever is in the memory that they are given, and is not touched."""
    config = config_of(what, recomputes)
    policy = config.skeleton(config.fake_statistics())
    policy._take(tokenizer_of(config), "")
    if what == "an adapter of rank 16":
        from peft import LoraConfig

        Adapter(policy, LoraConfig(r=16, target_modules=config.adapter_targets), {})
    return policy.train()


def on_nothing(policy: SmolVla, mode: FakeTensorMode) -> None:
    """Leave of the policy's weights their shapes alone."""
    for module in policy.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                empty = mode.from_tensor(parameter.data)
                module._parameters[name] = torch.nn.Parameter(empty, requires_grad=parameter.requires_grad)


def batch_of(policy: SmolVla, cache: str, size: int, precision: str) -> Batch:
    """A batch as the device gets it."""
    batch = policy.config.fake_batch(size)
    pictures = batch.observation | policy.instruction([TASK] * size)
    state = {STATE: batch.observation[STATE]}
    with torch.no_grad(), autocast(precision, CPU):
        if cache == "features":
            seen = {seen_name(camera): policy._look(camera, pictures) for camera in CAMERAS}
        elif cache == "memory":
            seen = {MEMORY: policy._packed(32, pictures)}
        else:
            seen = {camera: batch.observation[camera] for camera in CAMERAS}
    return Batch(state | seen, batch.action, batch.action_is_pad, [TASK] * size)


def step(policy: SmolVla, batch: Batch, precision: str) -> None:
    draws = policy.draws(batch, Rng(0))
    with autocast(precision, CPU):
        loss = policy.loss_given(batch, draws)
    loss.total.backward()


def counted(what: str, cache: str, recomputes: bool, precision: str, size: int) -> dict[str, Any]:
    """Bytes of each part, and of all at the step's highest point."""
    policy = policy_of(what, recomputes)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        on_nothing(policy, mode)
        batch = batch_of(policy, cache, size, precision)
        with Ledger([*policy.parameters(), *batch.tensors()]) as ledger:
            step(policy, batch, precision)
    trained = [p for p in policy.parameters() if p.requires_grad]
    weights, moments = (bytes_of(list(policy.parameters())), 2 * bytes_of(trained))
    given = bytes_of(list(batch.tensors()))
    return {
        "trained": what,
        "prefix_cache": cache,
        "gradient_checkpointing": recomputes,
        "precision": precision,
        "batch": size,
        "weights": weights,
        "moments": moments,
        "gradients": bytes_of(trained),
        "batch_bytes": given,
        "step_most": ledger.most,
        "all": weights + moments + given + ledger.most,
    }


def bytes_of(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def row_of(case: tuple[str, str, bool, str], size: int) -> dict[str, Any]:
    """What is counted, and how many windows would fill a card: all grows with the batch along a straight line."""
    few, many = (counted(*case, number) for number in (size // 2, size))
    more = (many["all"] - few["all"]) / (size - size // 2)
    print(f"{case}: {many['all'] / 1e9:.2f} GB", flush=True)
    return many | {"bytes_a_window": round(more), "largest_batch_in_8_gib": int((CARD - many["all"]) / more) + size}


def cases() -> list[tuple[str, str, bool, str]]:
    """Whatever is trained: every way in which it can be."""
    kept = {"the expert": CACHES, "an adapter of rank 16": CACHES, "the whole model": ("off",)}
    return [
        (what, cache, recomputes, precision)
        for what, caches in kept.items()
        for cache, recomputes, precision in itertools.product(caches, (False, True), ("fp32", "bf16"))
        if what != "an adapter of rank 16" or precision == "bf16"
    ]


def check(what: str, cache: str, recomputes: bool, precision: str, size: int) -> None:
    """In a process of its own: the most that a CPU takes for one step with numbers, beyond what was there before."""
    torch.set_num_threads(1)
    policy = policy_of(what, recomputes)
    for parameter in policy.parameters():
        torch.nn.init.normal_(parameter.data, std=0.02)
    empty = policy_of(what, recomputes)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        on_nothing(empty, mode)
        shapes = batch_of(empty, cache, size, precision)
    # made, not looked at: what looking leaves free would be used again, and not be seen
    observation = {name: torch.ones(tensor.shape, dtype=tensor.dtype) for name, tensor in shapes.observation.items()}
    action, padded = torch.zeros(shapes.action.shape), torch.zeros(shapes.action_is_pad.shape, dtype=torch.bool)
    batch = Batch(observation, action, padded, [TASK] * size)
    before = psutil.Process().memory_info().rss
    step(policy, batch, precision)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("batch", type=int, nargs="?", default=64)
    options.add_argument("file", type=Path, nargs="?")
    options.add_argument("--check", action="store_true")
    options.add_argument("--case")
    given = options.parse_args()
    if given.case:
        check(*json.loads(given.case))
    elif given.check:
        for recomputes in (False, True):
            case = ["the expert", "memory", recomputes, "fp32", 8]
            words = [sys.executable, __file__, "--case", json.dumps(case)]
            took = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
            print(f"{case}: counted {counted(*case)['step_most'] / 1e6:.0f} MB, took {took / 1e6:.0f} MB", flush=True)
    else:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            rows = pool.map(functools.partial(row_of, size=given.batch), cases(), chunksize=1)
        if given.file:
            found = {"command": f"python benchmarks/memory.py {given.batch}", "torch": torch.__version__, "rows": rows}
            given.file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
