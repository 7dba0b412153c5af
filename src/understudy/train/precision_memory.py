"""What `--precision=auto` found on this machine, kept from run to run: trying takes longer than the rest of a start.

    <cache>/precision.json      key -> [precision, the reason in words]

The key names what decides: processor or GPU, threads, torch's version, batch, every option of the policy, the size of
its pictures. Delete the file to have it tried again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core.errors import ResourceError
from understudy.core.files import json_or_empty, write_atomically

from .machine import machine_facts
from .precision import choose_precision

if TYPE_CHECKING:
    from understudy.policies.base import Policy


def remembered_precision(policy: Policy, batch_size: int, cache: Path, *, fast_paths: bool) -> tuple[str, str]:
    """As `choose_precision`, tried only where it was not tried before.

    cache        the cache folder; a file there that is damaged or cannot be written is done without
    fast_paths   whether the policy takes them: they shorten steps, and not equally in both formats
    """
    path = cache / "precision.json"
    known = json_or_empty(path)
    key = _key(policy, batch_size, fast_paths)
    found = known.get(key)
    if isinstance(found, list) and len(found) == 2 and found[0] in ("fp32", "bf16"):
        return str(found[0]), f"{found[1]} (measured by an earlier run)"
    chosen = choose_precision(policy, batch_size)
    with contextlib.suppress(ResourceError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({**known, key: list(chosen)}, indent=2) + "\n")
    return chosen


def _key(policy: Policy, batch_size: int, fast_paths: bool) -> str:
    facts = machine_facts(policy.device)
    decisive = {name: facts[name] for name in ("cpu", "gpu", "threads", "torch", "device")}
    decisive |= {"machine": platform.machine(), "batch": batch_size, "fast_paths": fast_paths}
    content = json.dumps([decisive, policy.config.model_dump(mode="json")], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
