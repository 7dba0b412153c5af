"""OpLedger: every operation of a step, forward and backward, with its arithmetic, its bytes, its time and its owner.

It stands where torch hands operations to the processor. On a CPU they run one after another, so the time around one is
its own; the ledger's own bookkeeping lies outside. The owner is the part of the network at work. In the backward pass
that is the part whose output's gradient was taken up last: the engine works parts off one by one, the last one first.
What comes after the backward pass is the optimiser's.

FLOP    of matrix products, convolutions and attention, by torch's formulas; a multiplication and an addition are two
bytes   what an operation reads and writes if nothing waits in a cache: its operands and its results; views are free
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count
from torch.utils.hooks import RemovableHandle

aten = torch.ops.aten
MATRIX_PRODUCTS = frozenset({aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.linear})
CONVOLUTIONS = frozenset({aten.convolution, aten.convolution_backward})
# what torch draws a dropout mask with, a number for each element; and words, of which several decisions can be cut
DRAWS = frozenset({aten.bernoulli, aten.bernoulli_, aten.native_dropout, aten.rand, aten.uniform_})
WORDS = frozenset({aten.random_})
_MASK_TYPES = frozenset({torch.int16, torch.int32})  # a step has integers for masks alone
CASTS = frozenset({aten._to_copy})
REST, OPTIMISER = "loss and the rest", "clipping and optimiser"
KINDS = ("matrix products", "convolutions", "attention", "dropout masks", "conversions", "everything else")


@dataclass
class Entry:
    """What an owner spent on one kind of operation."""

    flop: int = 0
    bytes: int = 0
    seconds: float = 0.0
    calls: int = 0
    drawn: int = 0  # random numbers
    words: int = 0  # random words of 64 bits


class OpLedger(TorchDispatchMode):
    """Context manager; `entries[owner, kind]` fills while it is active.

    parts   the modules whose work is told apart, with their owners' names; all other work is REST's or OPTIMISER's
    """

    def __init__(self, parts: Mapping[nn.Module, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], Entry] = defaultdict(Entry)
        self.parts = parts
        self._hooks: list[RemovableHandle] = []
        self._running: list[str] = []  # owners of the modules whose forward pass runs, the innermost last
        self._backward: str | None = None  # owner of the backward pass; None: it has not begun

    def __enter__(self) -> OpLedger:
        self._running.clear()
        self._backward = None
        for module, name in self.parts.items():
            self._hooks += self._watch(module, name)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _watch(self, module: nn.Module, name: str) -> list[RemovableHandle]:
        def begin_backward(gradient: Tensor) -> None:
            self._backward = name

        def enter(module: nn.Module, inputs: Any) -> None:
            self._running.append(name)

        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            self._running.pop()
            for tensor in _tensors(output):
                if tensor.requires_grad:
                    tensor.register_hook(begin_backward)

        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]

    def _owner(self) -> str:
        if self._running:
            return self._running[-1]
        if torch._C._current_graph_task_id() != -1:  # the engine is at work
            self._backward = self._backward or REST
            return self._backward
        return REST if self._backward is None else OPTIMISER

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        began = time.perf_counter()
        out = func(*args, **kwargs)
        seconds = time.perf_counter() - began
        packet = func._overloadpacket
        entry = self.entries[self._owner(), kind_of(packet, out)]
        entry.seconds += seconds
        entry.calls += 1
        entry.flop += _flop(packet, args, kwargs, out)
        if not _is_view(func):
            entry.bytes += sum(tensor.nbytes for tensor in _tensors((args, kwargs, out)))
        if packet in DRAWS:
            entry.drawn += next(_tensors((out, args))).numel()
        if packet in WORDS:
            entry.words += out.numel()
        return out

    def total(self, owner: str | None = None, kind: str | None = None) -> Entry:
        """The sum over the entries of an owner and a kind; None: over all."""
        total = Entry()
        for (by, of), entry in self.entries.items():
            if owner in (None, by) and kind in (None, of):
                total.flop += entry.flop
                total.bytes += entry.bytes
                total.seconds += entry.seconds
                total.calls += entry.calls
                total.drawn += entry.drawn
                total.words += entry.words
        return total


def kind_of(packet: Any, out: Any) -> str:
    """Which of KINDS an operation is, by its name and its result."""
    if packet in MATRIX_PRODUCTS:
        return "matrix products"
    if packet in CONVOLUTIONS:
        return "convolutions"
    if "scaled_dot_product" in str(packet):
        return "attention"
    if packet in DRAWS | WORDS or (isinstance(out, Tensor) and out.dtype in _MASK_TYPES):
        return "dropout masks"
    return "conversions" if packet in CASTS else "everything else"


def _flop(packet: Any, args: Any, kwargs: Any, out: Any) -> int:
    # the CPU's own attention kernels are missing from torch's registry
    if packet is aten._scaled_dot_product_flash_attention_for_cpu:
        return int(sdpa_flop_count(args[0].shape, args[1].shape, args[2].shape))
    if packet is aten._scaled_dot_product_flash_attention_for_cpu_backward:
        return int(sdpa_backward_flop_count(args[0].shape, args[1].shape, args[2].shape, args[3].shape))
    count = flop_registry.get(packet)
    return int(count(*args, **kwargs, out_val=out)) if count else 0


def _is_view(func: Any) -> bool:
    """Whether the result is another look at an operand's memory."""
    return any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors(value)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
