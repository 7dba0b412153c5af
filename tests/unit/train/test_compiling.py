from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.nn.fast_paths import set_fast_paths
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.train import compiling
from understudy.train.compiling import choose_compile, compiled, warm_up


@pytest.fixture
def policy() -> Policy:
    torch.manual_seed(0)
    config = ActConfig.tiny().model_copy(update={"dropout": 0.0})
    policy = config.build(config.fake_statistics()).train()
    set_fast_paths(policy, False)
    return policy


BATCH = ActConfig.tiny().fake_batch(8)


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, *seconds: float | Exception) -> Any:
    """A policy that says it is on a GPU; the steps that are tried there take so long, the plain one first."""
    answers = iter(seconds)

    def step_s(*_: Any) -> float:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(compiling, "step_s", step_s)
    return SimpleNamespace(device=torch.device("cuda"), loss_given=lambda *_: None)


def test_on_a_cpu_nothing_is_tried(policy: Policy) -> None:
    assert choose_compile(policy, BATCH, "fp32", 10**9) == (False, "")


def test_a_run_that_ends_before_it_pays_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, why = choose_compile(on_a_gpu(monkeypatch, 0.05), BATCH, "bf16", 1000)
    assert not chosen and why == "1,000 steps of 50 ms end before it pays"


@pytest.mark.parametrize(("fast", "wanted"), [(0.02, True), (0.06, False)])
def test_a_long_run_takes_the_shorter_of_both_steps(monkeypatch: pytest.MonkeyPatch, fast: float, wanted: bool) -> None:
    chosen, why = choose_compile(on_a_gpu(monkeypatch, 0.05, fast), BATCH, "bf16", 100_000)
    assert chosen is wanted and why == f"a step takes 50 ms, {fast * 1e3:.0f} ms compiled"


def test_a_compiler_that_fails_leaves_the_run_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = on_a_gpu(monkeypatch, 0.05, RuntimeError("no compiler\nand a long trace"))
    assert choose_compile(failing, BATCH, "bf16", 100_000) == (False, "compiling failed: no compiler")


def test_asked_for_by_name_a_compiler_that_fails_is_an_error_in_words(policy: Policy) -> None:
    def failing(*_: Any) -> Any:
        raise RuntimeError("\nno compiler was found\nand a long trace")

    with pytest.raises(ConfigError, match=r"torch\.compile failed: no compiler was found") as caught:
        warm_up(policy, failing, policy.config.fake_batch(8), "fp32")
    assert caught.value.where == "--compile=on" and "trace" not in str(caught.value)


@pytest.mark.slow
def test_the_compiled_loss_and_its_gradient_are_the_plain_ones(policy: Policy) -> None:
    batch = policy.config.fake_batch(4, seed=3)
    draws = policy.draws(batch, Rng(1))
    fast = compiled(policy)
    warm_up(policy, fast, policy.config.fake_batch(4), "fp32")
    found = []
    for loss_given in (policy.loss_given, fast):
        policy.zero_grad(set_to_none=True)
        loss = loss_given(batch, draws)
        loss.total.backward()
        gradients = {name: p.grad for name, p in policy.named_parameters() if p.grad is not None}
        found.append((loss.total.detach(), loss.parts, gradients))
    # sums are taken in another order: a few roundings of fp32, relative to the largest number of each tensor
    assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)
