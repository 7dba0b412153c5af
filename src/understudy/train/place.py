"""Which of several processes this is, as torchrun tells it through the environment. Light: this imports no torch.

    torchrun --nproc-per-node 2 -m understudy train ...

starts two processes ("ranks") that train one policy together. Rank 0 alone writes and speaks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from understudy.core.errors import ConfigError
from understudy.core.events import read_events
from understudy.core.run_folder import RunFolder

_NEEDED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """This process among those that train together.

    rank, world    its number (from 0) and how many there are
    local, here    the same among those on this machine
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    here: int = 1


def place_of_this_process(environment: Mapping[str, str] | None = None) -> Place:
    """What torchrun has put into the environment; alone where there is no WORLD_SIZE, or it is 1.

    Raises ConfigError when only a part of it is there, or the numbers do not fit together.
    """
    found = os.environ if environment is None else environment
    world = _number(found, "WORLD_SIZE", 1)
    if world == 1:
        return Place()
    hint = f"start it with: torchrun --nproc-per-node {world} -m understudy train ...; alone: unset WORLD_SIZE"
    if missing := [name for name in _NEEDED if not found.get(name)]:
        raise ConfigError(
            f"WORLD_SIZE={world} says that {world} processes train together, but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set",
            where="environment",
            hint=hint,
        )
    local = _number(found, "LOCAL_RANK", 0)
    place = Place(_number(found, "RANK", 0), world, local, _number(found, "LOCAL_WORLD_SIZE", local + 1))
    if not (0 <= place.rank < world and 0 <= place.local < place.here <= world):
        raise ConfigError(
            f"RANK={place.rank}, LOCAL_RANK={place.local} and LOCAL_WORLD_SIZE={place.here} do not fit "
            f"WORLD_SIZE={world}",
            where="environment",
            hint=hint,
        )
    return place


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or (name == "WORLD_SIZE" and int(text) < 1):
        raise ConfigError(f"`{name}`: got `{text}`; expects a whole number", where="environment")
    return int(text)


def batch_fault(run: RunFolder, batch_size: int, recorded: int, world: int) -> str | None:
    """What is wrong with going on with `run` with `batch_size` samples on each of `world` ranks; None: nothing.

    recorded   the batch size in the run's configuration, for a run without events

    The position in the data is counted in samples, so another number of ranks goes on in the same order, provided
    that all of them together draw as many samples as before.
    """
    starts = [e for e in read_events(run.events) if e["event"] in ("run_started", "run_resumed") and "batch_size" in e]
    before, ranks = (starts[-1]["batch_size"], starts[-1]["world_size"]) if starts else (recorded, 1)
    if batch_size * world == before * ranks:
        return None
    if ranks == world:
        return f"`--batch_size`: got `{batch_size}`, but the run has `{before}`"
    had, has = batch_words(before, ranks), batch_words(batch_size, world)
    each, rest = divmod(before * ranks, world)
    way = f"give --batch_size={each}" if not rest else f"take a number of ranks that divides {before * ranks}"
    return f"`--batch_size`: the run has {had}, and now it would be {has}; {way}"


def batch_words(batch_size: int, world: int) -> str:
    """'batch 8', or 'batch 8 on 2 ranks = 16'."""
    return f"batch {batch_size}" + (f" on {world} ranks = {batch_size * world}" if world > 1 else "")
