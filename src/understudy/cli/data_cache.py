"""`understudy data cache`: what is kept from run to run, how much room it takes, and the clearing of it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.errors import ConfigError
from understudy.core.files import cache_folder
from understudy.core.units import counted, readable_bytes

if TYPE_CHECKING:
    from understudy.data.cache import CacheEntry

_WHAT = {
    "frames": "decoded frames",
    "seen": "what frozen weights made of them (--prefix_cache)",
    "levels": "counts of levels, for statistics",
}
_DAY_S = 86_400


class DataCacheOptions(Options):
    """Tells what the cache holds, and clears it. Whatever is cleared is made again by the next run that needs it."""

    clear: Literal["seen", "frames", "levels", "all"] | None = Field(
        None, description="remove what is kept of this kind; null: nothing, only tell"
    )
    unused_days: float = Field(0, ge=0, description="with clear: only what no run has used for so many days")


def run_cache(arguments: Sequence[str]) -> int:
    """Exit code 0. Raises ConfigError, ResourceError."""
    from understudy.data.cache import clear, entries

    options = parse_options(DataCacheOptions, arguments, verb="data cache")
    if options.clear is None and "unused_days" in options.model_fields_set:
        raise ConfigError("--unused_days says what of it is cleared; give --clear too", hint="--clear=seen")
    cache, now = cache_folder(), time.time()
    found = entries(cache)
    if options.clear is None:
        if options.as_json:
            print(json.dumps(_document(found, str(cache)), indent=2))
        else:
            log.say(_text(found, now))
        return 0
    chosen = [
        entry
        for entry in found
        if options.clear in (entry.kind, "all") and now - entry.used >= options.unused_days * _DAY_S
    ]
    left = clear(chosen)
    removed = [entry for entry in chosen if entry not in left]
    freed = readable_bytes(sum(entry.bytes for entry in removed))
    if options.as_json:
        document = {"removed": [_facts(entry) for entry in removed], "left": [_facts(entry) for entry in left]}
        print(json.dumps({"folder": str(cache), **document}, indent=2))
        return 0
    log.say(f"removed {counted(len(removed), 'folder')}, {freed}")
    for entry in left:
        log.say(f"left {entry.folder}: a program is filling it")
    return 0


def _document(found: Sequence[CacheEntry], cache: str) -> dict[str, object]:
    return {
        "folder": cache,
        "bytes": sum(entry.bytes for entry in found),
        "entries": [_facts(entry) for entry in found],
    }


def _facts(entry: CacheEntry) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "fingerprint": entry.fingerprint,
        "path": str(entry.folder),
        "bytes": entry.bytes,
        "used": entry.used,
    }


def _text(found: Sequence[CacheEntry], now: float) -> str:
    lines = [f"{'cache':<10} {cache_folder()}  {readable_bytes(sum(entry.bytes for entry in found))}"]
    for kind, what in _WHAT.items():
        of_kind = [entry for entry in found if entry.kind == kind]
        size = readable_bytes(sum(entry.bytes for entry in of_kind))
        lines += ["", f"{kind:<10} {size:>9}  {what}"]
        lines += [f"{'':<10} {readable_bytes(e.bytes):>9}  {_age(now - e.used):<14}  {_name(e)}" for e in of_kind]
    lines += ["", "A dataset's fingerprint: understudy data info DATASET. To clear: understudy data cache --clear=seen"]
    return "\n".join(lines)


def _age(seconds: float) -> str:
    days = int(max(0.0, seconds) // _DAY_S)
    return f"used {counted(days, 'day')} ago" if days else "used today"


def _name(entry: CacheEntry) -> str:
    """The fingerprint of the dataset and, of what weights made, theirs."""
    of_weights = f", weights {entry.folder.name}" if entry.folder.name != entry.fingerprint else ""
    return f"dataset {entry.fingerprint}{of_weights}"
