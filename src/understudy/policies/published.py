"""Weights published without a configuration: the study's, in the presets `original` of tiny pi0 and tiny pi0-FAST.

    policy = published_policy(TinyPi0Config(preset="original", ...), "tinypi0_20250619_2355.safetensors")
    save_pretrained(policy, "pretrained_model")

Their files are pickles, which nothing here opens: scripts/published_weights.py turns one into safetensors and fills a
preset with it, in two separate steps.
"""

from __future__ import annotations

from pathlib import Path

import torch

from understudy.core.errors import CheckpointError
from understudy.data.spec import Statistics
from understudy.nn.weights import read_safetensors
from understudy.policies.base import Policy
from understudy.policies.config import PolicyConfig
from understudy.policies.weight_fit import as_table, misfits

# ours stand behind this, where a policy keeps its network
_PREFIX = "model."


def published_policy(config: PolicyConfig, weights: str | Path, statistics: Statistics | None = None) -> Policy:
    """The policy of `config`, features filled in, with the network's tensors from a safetensors file; in eval mode.

    statistics   of the features that `config` normalises; the original presets normalise none

    Raises CheckpointError for a file that cannot be read, and unless its names and shapes are exactly the network's;
    StatisticMissing.
    """
    path = Path(weights)
    tensors = {_PREFIX + name: tensor for name, tensor in read_safetensors(path).items()}
    policy = config.skeleton(statistics or {})
    wanted = {name: tuple(tensor.shape) for name, tensor in policy.state_dict().items()}
    differences = misfits(wanted, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    if differences:
        raise CheckpointError(
            f"these are not the weights of {config.type} with these options\n{as_table(differences)}",
            where=str(path),
            hint="the study's files whose names begin with tinypi0_ belong to tiny_pi0, those with tinypi0fast_ to "
            "tiny_pi0_fast, both with preset=original",
        )
    with torch.no_grad():
        policy.load_state_dict(tensors)
    return policy.eval()
