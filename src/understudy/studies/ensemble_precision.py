"""`--precision=auto` decided once for all seeds: each trying for itself, they might choose differently, and no run
could be repeated alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.core import log

if TYPE_CHECKING:
    from understudy.train.config import TrainConfig


def settle_precision(shared: TrainConfig, threads: int) -> TrainConfig:
    """The configuration with the number format that is faster with so many threads, tried on a policy without data.

    Raises what loading the dataset raises.
    """
    import torch

    from understudy.core.files import cache_folder
    from understudy.data.lerobot import load_dataset
    from understudy.nn.devices import choose_device
    from understudy.nn.fast_paths import set_fast_paths
    from understudy.train.precision_memory import remembered_precision

    data = shared.dataset
    dataset = load_dataset(data.repo_id, root=data.root, revision=data.revision, rename_map=shared.rename_map)
    config = shared.policy.with_features(dataset.spec)
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        policy = config.skeleton(config.fake_statistics()).to(choose_device(shared.policy.device)).train()
        set_fast_paths(policy, shared.fast_paths)
        chosen, why = remembered_precision(policy, shared.batch_size, cache_folder(), fast_paths=shared.fast_paths)
    finally:
        torch.set_num_threads(usual)
    log.say(f"{'precision':<10} {chosen} for all seeds  {why}")
    return shared.model_copy(update={"precision": chosen})
