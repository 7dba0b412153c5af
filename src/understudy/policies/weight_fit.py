"""Do tensors fit the policy that they are to fill? What is missing, extra or of another shape, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core.errors import CheckpointError
from understudy.policies.kinds import WEIGHTS
from understudy.policies.migration import is_statistic

if TYPE_CHECKING:
    from understudy.policies.base import Policy

_LINES_SHOWN = 12

Shapes = Mapping[str, tuple[int, ...]]


def check_fit(policy: Policy, found: Shapes, folder: Path) -> None:
    """Raises CheckpointError unless the weights in `folder`, of these names and shapes, are the policy's."""
    wanted = {name: tuple(tensor.shape) for name, tensor in policy.state_dict().items()}
    if not (differences := misfits(wanted, found)):
        return
    if wanted.keys().isdisjoint(found):
        raise CheckpointError(
            f"these are the weights of another network: not one of their {len(found)} tensors belongs to "
            f"{policy.config.type}, which config.json names",
            where=str(folder / WEIGHTS),
            hint="take all files of a checkpoint from one place",
        )
    raise CheckpointError(
        f"the weights do not fit the policy that is to be filled\n{as_table(differences)}",
        where=str(folder / WEIGHTS),
        hint="features and options that shape the network (chunk_size, dim_model, ...) must be as in training",
    )


def misfits(wanted: Shapes, found: Shapes) -> list[tuple[str, str, str]]:
    """(what, tensor, detail) for each missing, extra or misshapen tensor; old statistics and counters do not count."""
    differences = [("missing", name, str(shape)) for name, shape in wanted.items() if name not in found]
    for name, shape in found.items():
        if name in wanted and shape != wanted[name]:
            differences.append(("shape", name, f"{shape}, expected {wanted[name]}"))
        elif name not in wanted and not is_statistic(name) and not name.endswith("num_batches_tracked"):
            differences.append(("extra", name, str(shape)))
    return differences


def as_table(differences: Iterable[tuple[str, str, str]]) -> str:
    """The first of the differences, a line each, and how many more there are."""
    rows = list(differences)
    width = max(len(name) for _, name, _ in rows[:_LINES_SHOWN])
    lines = [f"  {what:<8} {name:<{width}}  {detail}" for what, name, detail in rows[:_LINES_SHOWN]]
    if len(rows) > _LINES_SHOWN:
        lines.append(f"  and {len(rows) - _LINES_SHOWN} more")
    return "\n".join(lines)
