"""Several processes ("ranks") that train one policy: how they meet, agree, wait for each other, and end together.

Two lines of communication. The gradients travel over NCCL between GPUs, over gloo between CPUs. Everything that is
decided or waited for goes over a gloo group of its own, so that no decision waits for a device.

A rank that fails leaves its error in the store that torchrun keeps, and its connections close when it ends. The others
notice at their next exchange and raise the same error, so all end with one exit code, and rank 0 says why. One that was
killed leaves nothing; that is said then.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from understudy.core import log
from understudy.core.errors import ConfigError, Interrupted, ResourceError, UnderstudyError, from_json
from understudy.nn.devices import choose_device

from .place import Place, place_of_this_process

# for meeting, and for an exchange within an update: whoever is not there by then hangs
MEET_WITHIN = timedelta(minutes=10)
# for waiting until rank 0 has decoded, validated, evaluated, saved
WAIT_AT_MOST = timedelta(hours=12)
_FAILED = "understudy/failed"
_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")


class Ranks:
    """The processes that train together; alone by default. Every method must be called by all of them, in one order."""

    def __init__(self, place: Place | None = None, store: Store | None = None, control: Any = None) -> None:
        self._place = place or Place()
        self.rank = self._place.rank
        self.world = self._place.world
        self.here = self._place.here  # how many are on this machine
        self._store = store
        self._sums: Any = None  # the group that gradients travel in; None: the default one
        self._control = control

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which alone writes and speaks."""
        return self.rank == 0

    def device(self, name: str | None) -> torch.device:
        """The device of this rank: of several on GPUs each takes the one of its number on the machine.

        Raises ConfigError as `choose_device`, and when the machine has fewer GPUs than ranks.
        """
        device = choose_device(name)
        if self.world == 1 or device.type == "cpu":
            return device
        if device.type != "cuda":
            raise ConfigError(
                f"several ranks train on CUDA or on the CPU, not on `{device}`", hint="add --policy.device=cpu"
            )
        cards = torch.cuda.device_count()
        if self.here > cards:
            raise ConfigError(
                f"{self.here} ranks were started on this machine, which has {cards} CUDA devices",
                where="torchrun --nproc-per-node",
                hint=f"--nproc-per-node={cards}, or --policy.device=cpu",
            )
        device = torch.device("cuda", self._place.local)
        torch.cuda.set_device(device)
        self._sums = dist.new_group(backend="nccl", timeout=MEET_WITHIN)
        return device

    # -- on the device ------------------------------------------------------------------------------------------------

    def sum_in_background(self, tensor: Tensor) -> Sum:
        """Begin to replace `tensor` by its sum over all ranks; `wait` for it before it is read."""
        with self._others_needed():
            return Sum(self, dist.all_reduce(tensor, group=self._sums, async_op=True))

    def mean(self, scalars: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Means over all ranks of scalars that every rank has under the same names."""
        together = torch.stack([value.detach().float() for value in scalars.values()])
        self.sum_in_background(together).wait()
        return dict(zip(scalars, (together / self.world).unbind(), strict=True))

    def spread(self, module: nn.Module) -> None:
        """Give every rank the parameters and buffers of rank 0."""
        if self.world == 1:
            return
        with self._others_needed(), torch.no_grad():
            for tensor in module.state_dict().values():
                dense = tensor.contiguous()
                dist.broadcast(dense, 0, group=self._sums)
                tensor.copy_(dense)

    # -- on the host --------------------------------------------------------------------------------------------------

    def greatest(self, number: int) -> int:
        """The greatest of all ranks' numbers."""
        return max(self._greatest_of([number]))

    def any_of(self, flags: Sequence[bool]) -> list[bool]:
        """Which of the flags are up on any rank."""
        return [bool(number) for number in self._greatest_of([int(flag) for flag in flags])]

    def _greatest_of(self, numbers: list[int]) -> list[int]:
        if self.world == 1:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.int64)
        with self._others_needed():
            dist.all_reduce(tensor, dist.ReduceOp.MAX, group=self._control)
        return tensor.tolist()

    @contextlib.contextmanager
    def leader_first(self) -> Iterator[None]:
        """Rank 0 does what is inside alone, and the others after it: they find what it has fetched."""
        if not self.leads:
            self.greatest(0)
        yield
        if self.leads:
            self.greatest(0)

    def of_leader(self, text: str) -> str:
        """What rank 0 has."""
        return self._texts(text)[0]

    def check_same(self, what: str, text: str) -> None:
        """Raises ConfigError on every rank unless all have the same `text`."""
        texts = self._texts(text)
        if other := [rank for rank, found in enumerate(texts) if found != texts[0]]:
            raise ConfigError(
                f"the ranks do not have the same {what}: rank 0 has {texts[0]}, rank {other[0]} {texts[other[0]]}",
                hint="start all of them with one command, on the same version and the same data",
            )

    def _texts(self, text: str) -> list[str]:
        """Every rank's text. (torch's own exchange of objects would unpickle what comes.)"""
        if self.world == 1:
            return [text]
        data = text.encode()
        room = self.greatest(len(data))
        mine = torch.zeros(room + 1, dtype=torch.uint8)
        mine[: len(data)] = torch.tensor(list(data), dtype=torch.uint8)
        all_of_them = [torch.zeros_like(mine) for _ in range(self.world)]
        with self._others_needed():
            dist.all_gather(all_of_them, mine, group=self._control)
        return [bytes(found.tolist()).rstrip(b"\0").decode() for found in all_of_them]

    # -- failing together ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _others_needed(self) -> Iterator[None]:
        """Turn an exchange that broke into the error of the rank that is to blame."""
        try:
            yield
        except RuntimeError as error:
            raise self._failure_elsewhere() or self._silent_end(error) from error

    def _silent_end(self, error: RuntimeError) -> ResourceError:
        log.hush(self.rank > 1)  # rank 0 may be gone; rank 1 speaks in its stead
        reason = str(error).strip().splitlines()
        return ResourceError(
            "another rank ended without a word: killed, or out of memory",
            where=f"noticed by rank {self.rank}: {reason[0] if reason else type(error).__name__}",
            hint="go on from the last checkpoint: torchrun ... -m understudy train --resume RUN",
        )

    def tell_failure(self, error: BaseException) -> None:
        """Leave this rank's error to the others; the first one counts."""
        if self._store is None or isinstance(error, Interrupted):
            return
        fields = _known(error).to_json() | {"rank": self.rank}
        with contextlib.suppress(RuntimeError):  # the store went with the process that kept it
            self._store.compare_set(_FAILED, "", json.dumps(fields))

    def _failure_elsewhere(self) -> UnderstudyError | None:
        try:
            if self._store is None or not self._store.check([_FAILED]):
                return None
            fields = json.loads(self._store.get(_FAILED))
        except RuntimeError:
            return None
        if fields["rank"] == self.rank:
            return None
        error = from_json(fields)
        error.where = f"rank {fields['rank']}" + (f", {error.where}" if error.where else "")
        return error

    def blamed(self, error: Interrupted) -> UnderstudyError:
        """`error`, or what made torchrun stop this rank: the failure of another one."""
        return self._failure_elsewhere() or error


class Sum:
    """A sum over all ranks that is on its way."""

    def __init__(self, ranks: Ranks, work: Any) -> None:
        self._ranks = ranks
        self._work = work

    def wait(self) -> None:
        """Until it has arrived; on a GPU only what is computed next waits, not the host."""
        with self._ranks._others_needed():
            self._work.wait()


ALONE = Ranks()


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """Meet the other ranks that torchrun started; alone where there are none.

    Inside, what is said by other ranks than 0 is not shown, and an error of one ends them all. Raises ConfigError for
    an environment that is not whole, ResourceError when the others do not come.
    """
    place = place_of_this_process()
    if place.world == 1:
        yield ALONE
        return
    if dist.is_initialized():
        raise ConfigError(
            "torch.distributed is in use in this process already", hint="let `understudy train` set it up"
        )
    log.hush(place.rank > 0)
    store = _meet(place)
    ranks = Ranks(place, store, dist.new_group(backend="gloo", timeout=WAIT_AT_MOST))
    try:
        yield ranks
    except Interrupted as error:
        raise ranks.blamed(error) from None
    except BaseException as error:
        ranks.tell_failure(error)
        raise
    # only in the end: with an exchange under way this would wait for it, and the connections close with the process
    dist.destroy_process_group()


def _meet(place: Place) -> Store:
    try:
        store: Store = next(rendezvous("env://", place.rank, place.world, timeout=MEET_WITHIN))[0]
        groups = PrefixStore("groups", store)
        dist.init_process_group("gloo", store=groups, rank=place.rank, world_size=place.world, timeout=MEET_WITHIN)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()
        raise ResourceError(
            f"rank {place.rank} could not meet the other {place.world - 1}",
            where=reason[0] if reason else type(error).__name__,
            hint="is MASTER_ADDR:MASTER_PORT free, and can every rank reach it?",
        ) from error
    return store


def _known(error: BaseException) -> UnderstudyError:
    """`error` as one that can be told to another rank."""
    if isinstance(error, UnderstudyError):
        return error
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    if name in _OUT_OF_MEMORY:
        return ResourceError("the memory did not suffice", where=lines[0] if lines else None)
    known = UnderstudyError(f"unexpected {name}: {lines[0] if lines else ''}")
    known.exit_code = 70
    return known
