"""`--precision=auto` decided once for all seeds: each trying for itself, they might choose differently, and no run
could be repeated alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.core import log

if TYPE_CHECKING:
    from understudy.policies.config import PolicyConfig
    from understudy.train.config import TrainConfig


def settle_precision(shared: TrainConfig, threads: int) -> TrainConfig:
    """The configuration with the number format that is faster with so many threads, tried on a policy without data.

    Raises what loading the dataset raises.
    """
    import torch

    from understudy.core.files import cache_folder
    from understudy.train.batched_choice import fake_policy
    from understudy.train.precision_memory import remembered_precision

    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        policy = fake_policy(shared, policy_of(shared))
        chosen, why = remembered_precision(policy, shared.batch_size, cache_folder(), fast_paths=shared.fast_paths)
    finally:
        torch.set_num_threads(usual)
    log.say(f"{'precision':<10} {chosen} for all seeds  {why}")
    return shared.model_copy(update={"precision": chosen})


def policy_of(shared: TrainConfig) -> PolicyConfig:
    """The policy's configuration with the features of the dataset. Raises what loading the dataset raises."""
    from understudy.train.run_data import load

    return shared.policy.with_features(load(shared).spec)
