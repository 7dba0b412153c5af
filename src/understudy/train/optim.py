"""The optimiser of a run: the policy's parameter groups and preset, unless the user's own settings say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer

from .eager_optimizer import without_compiler

if TYPE_CHECKING:
    from understudy.policies.base import Policy
    from understudy.policies.config import OptimizerPreset


def build_optimizer(policy: Policy, settings: OptimizerPreset, *, use_groups: bool, fused: bool = False) -> Optimizer:
    """Optimiser over the policy's own groups (`use_groups`), or over one flat list, as LeRobot without its preset.

    fused   one pass over weights, gradients and moments instead of one for each operation, and no copies of them
    LeRobot's order of groups and parameters is kept: stored optimiser states refer to parameters by position.
    """
    if use_groups:
        groups = [{k: v for k, v in group.items() if k != "name"} for group in policy.param_groups()]
    else:
        groups = [{"params": list(policy.parameters())}]
    common: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay, "fused": fused or None}
    if settings.type == "sgd":
        return without_compiler(SGD)(groups, **common)
    common |= {"betas": settings.betas, "eps": settings.eps}
    return without_compiler(AdamW if settings.type == "adamw" else Adam)(groups, **common)


def group_names(policy: Policy, *, use_groups: bool) -> list[str]:
    """A name for each parameter group, for the learning rates in the event log."""
    return [str(group["name"]) for group in policy.param_groups()] if use_groups else ["all"]


def weight_bytes(policy: Policy) -> int:
    """Bytes that a checkpoint keeps of a policy: its parameters and buffers, or its adapter alone."""
    kept = policy.state_dict() if policy.adapter is None else policy.adapter.tensors()
    return sum(tensor.numel() * tensor.element_size() for tensor in kept.values())


def state_bytes(optimizer: Optimizer) -> int:
    """Bytes that the optimiser keeps once it has stepped: the moments of every trained parameter."""
    moments = 1 if isinstance(optimizer, SGD) else 2
    trained = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    return int(moments * sum(p.numel() * p.element_size() for p in trained))


def flatten_state(optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's state as flat tensors `state/<parameter index>/<name>`, LeRobot's layout."""
    flat = {}
    for index, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            tensor = value if isinstance(value, torch.Tensor) else torch.tensor(float(value))
            tensor = tensor.detach().cpu().contiguous()
            # one count of updates may be that of many parameters, and a file has a place for each
            flat[f"state/{index}/{name}"] = tensor if tensor.dim() else tensor.clone()
    return flat


def restore_state(optimizer: Optimizer, flat: dict[str, torch.Tensor]) -> None:
    """Put a flat state back. Hyper-parameters stay those of the live optimiser, which the configuration decides."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in flat.items():
        parts = key.split("/")
        state.setdefault(int(parts[1]), {})[parts[2]] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
