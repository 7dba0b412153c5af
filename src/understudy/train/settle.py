"""What `auto` leaves open, made definite before the first update: a resumed run keeps to what it was begun with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.files import cache_folder

from .compiling import choose_compile, compiled, warm_up
from .precision_memory import remembered_precision
from .prefix_cache import choose_prefix_cache, example_batch

if TYPE_CHECKING:
    from understudy.policies.base import Policy

    from .compiling import LossGiven
    from .config import TrainConfig
    from .prepare import Prepared


# what an option is called in the plan, where its own name is too long for it
_LABELS = {"prefix_cache": "prefix"}


def settled(config: TrainConfig, policy: Policy, prepared: Prepared) -> TrainConfig:
    """The configuration with a definite precision, and definite answers to what is kept and whether steps are compiled.

    One rank tries, and all do what it says.
    """
    if config.precision == "auto":
        with prepared.start_up.phase("precision"):
            found = ("", "")
            if prepared.ranks.leads:
                found = remembered_precision(policy, config.batch_size, cache_folder(), fast_paths=config.fast_paths)
        config = _with(config, prepared, "precision", *found)
    if config.prefix_cache != "off":
        with prepared.start_up.phase("prefix"):
            found = choose_prefix_cache(config, policy, prepared) if prepared.ranks.leads else ("", "")
        config = _with(config, prepared, "prefix_cache", *found)
    if config.compile == "auto":
        with prepared.start_up.phase("compiling"):
            found = ("", "")
            if prepared.ranks.leads:
                pays, why = choose_compile(
                    policy, example_batch(config, policy, prepared.dataset.tasks), config.precision, config.steps
                )
                found = ("on" if pays else "off", why)
        config = _with(config, prepared, "compile", *found)
    return config


def _with(config: TrainConfig, prepared: Prepared, option: str, chosen: str, why: str) -> TrainConfig:
    words = prepared.ranks.of_leader(f"{chosen}  {why}")
    if words.strip() != words.split()[0]:
        log.say(f"{_LABELS.get(option, option):<10} {words}")
    return config.model_copy(update={option: words.split()[0]})


def loss_to_train(config: TrainConfig, policy: Policy, prepared: Prepared) -> LossGiven:
    """The policy's loss, compiled if that was decided. Raises ConfigError where it cannot be."""
    if config.compile != "on":
        return policy.loss_given
    fast = compiled(policy)
    with prepared.start_up.phase("compiling"):
        seconds = warm_up(policy, fast, example_batch(config, policy, prepared.dataset.tasks), config.precision)
    log.say(f"{'compiled':<10} in {seconds:.0f} s")
    return fast
