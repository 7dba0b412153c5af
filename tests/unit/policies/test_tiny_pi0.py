"""tiny pi0: its presets, what each option changes, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.testing import assert_close

from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.policies.tiny_pi0.config import TinyPi0Config
from understudy.policies.tiny_pi0.model import TinyPi0

STATE = "observation.state"
FEATURES: dict[str, Any] = {
    "input_features": {STATE: {"type": "STATE", "shape": (4,)}},
    "output_features": {"action": {"type": "ACTION", "shape": (1,)}},
}
SMALL = {"dim_model": 8, "n_heads": 2, "dim_feedforward": 16, "n_layers": 1, "dim_state": 16}
SMALL_ORIGINAL = {"preset": "original", "chunk_size": 6, "n_action_steps": 6, **SMALL}


def config_of(**options: Any) -> TinyPi0Config:
    return TinyPi0Config.model_validate({**FEATURES, **options})


def build(config: TinyPi0Config, seed: int = 0) -> TinyPi0:
    torch.manual_seed(seed)
    return config.build(config.fake_statistics())


def test_the_presets_have_their_sizes() -> None:
    original, modern = (build(config_of(preset=preset)) for preset in ("original", "modern"))
    assert sum(p.numel() for p in original.parameters()) == 537_729
    assert sum(p.numel() for p in modern.parameters()) == sum(p.numel() for p in build(config_of()).parameters())
    assert sum(p.numel() for p in modern.parameters()) < 537_729


def test_the_original_has_every_flaw_and_the_modern_preset_none() -> None:
    flaws = {
        "noise": "fixed",
        "per_action_time": True,
        "time_embedding": "linear",
        "causal": True,
        "pre_norm": False,
        "dropout": 0.1,
        "normalization_mapping": {"STATE": "IDENTITY", "ACTION": "IDENTITY"},
        "temperature": 1.0,
    }
    original, modern = (config_of(preset=preset).model_dump() for preset in ("original", "modern"))
    assert {name: original[name] for name in flaws} == flaws
    assert not [name for name, value in flaws.items() if modern[name] == value]


def test_the_original_starts_from_glorots_numbers_in_every_matrix() -> None:
    network = build(config_of(preset="original")).model
    for parameter, fans in ((network.position_embedding.weight, 51 + 128), (network.flow_output.weight, 1 + 128)):
        bound = (6 / fans) ** 0.5
        assert 0.9 * bound < float(parameter.detach().abs().max()) <= bound


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_action_steps": 30}, "cannot exceed chunk_size"),
        ({"chunk_size": 16}, "divisible by actions_per_token"),
        ({"n_heads": 5}, "divisible by n_heads"),
        ({"per_action_time": True}, "actions_per_token=1"),
        ({"per_action_time": True, "actions_per_token": 1}, "prediction=velocity"),
        ({"n_obs_steps": 2}, "less than or equal to 1"),
        ({"preset": "old"}, "'modern' or 'original'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config_of(**options)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"input_features": {}}, "needs the input feature `observation.state`"),
        ({"output_features": {}}, "needs the output feature `action`"),
        (
            {
                "input_features": {
                    **FEATURES["input_features"],
                    "observation.images.front": {"type": "VISUAL", "shape": (3, 8, 8)},
                }
            },
            "nothing else, but its inputs are also observation.images.front",
        ),
    ],
)
def test_features_it_cannot_work_with_are_refused(features: dict[str, Any], message: str) -> None:
    config = config_of(**features)
    with pytest.raises(ConfigError, match=message):
        config.build({})


def test_any_size_of_state_and_action_works() -> None:
    config = TinyPi0Config.model_validate(
        {
            "input_features": {STATE: {"type": "STATE", "shape": (9,)}},
            "output_features": {"action": {"type": "ACTION", "shape": (7,)}},
            **SMALL,
        }
    )
    policy, batch = build(config), config.fake_batch(2)
    assert torch.isfinite(policy.loss(batch, Rng(0)).total)
    assert policy.predict(batch.observation).shape == (2, 15, 7)


def test_a_state_of_another_size_is_named() -> None:
    with pytest.raises(DataError, match=r"`observation.state` has shape \(1, 5\), expected \(batch, 4\)"):
        build(config_of(**SMALL)).predict({STATE: torch.zeros(1, 5)})


def test_a_window_of_padding_alone_teaches_nothing() -> None:
    config = config_of(**SMALL)
    policy, batch = build(config), config.fake_batch(2)
    batch.action_is_pad[:] = True
    loss = policy.loss(batch, Rng(0)).total
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is None or not p.grad.any() for p in policy.parameters())


def test_fixed_noise_belongs_to_the_window_and_fresh_noise_to_the_step() -> None:
    config = config_of(**SMALL_ORIGINAL)
    policy, batch = build(config), config.fake_batch(3)
    first, later = (policy.draws(batch, Rng(4, step)) for step in (1, 2))
    assert all(torch.equal(first[name], later[name]) for name in ("noise", "time"))
    assert first["time"].shape == (3, 1, 6)
    fresh = build(config_of(**{**SMALL_ORIGINAL, "noise": "fresh"}))
    first, later = (fresh.draws(batch, Rng(4, step)) for step in (1, 2))
    assert not any(torch.equal(first[name], later[name]) for name in ("noise", "time"))


def test_fixed_noise_needs_to_know_the_windows() -> None:
    config = config_of(**SMALL_ORIGINAL)
    batch = config.fake_batch(2)
    batch.rows = None
    with pytest.raises(DataError, match="does not say which"):
        build(config).loss(batch, Rng(0))


def test_several_draws_a_window_are_the_mean_of_single_ones() -> None:
    config = config_of(**SMALL, draws_per_window=3)
    policy, batch = build(config), config.fake_batch(2)
    draws = policy.draws(batch, Rng(0))
    single = [
        policy.loss_given(batch, {name: value[:, k : k + 1] for name, value in draws.items()}).total for k in range(3)
    ]
    assert_close(policy.loss_given(batch, draws).total, torch.stack(single).mean())


def test_a_prediction_is_a_draw_and_follows_the_random_numbers_given() -> None:
    policy = build(config_of(**SMALL, prediction="velocity", temperature=1.0))
    state = {STATE: torch.zeros(2, 4)}
    assert torch.equal(policy.predict(state, Rng(0, 1)), policy.predict(state, Rng(0, 1)))
    assert not torch.equal(policy.predict(state, Rng(0, 1)), policy.predict(state, Rng(0, 2)))
    one, other = policy.predict(state, Rng(0, 1))
    assert not torch.equal(one, other)


def test_at_temperature_0_a_prediction_is_the_same_whatever_is_drawn() -> None:
    policy = build(config_of(**SMALL))
    state = {STATE: torch.randn(2, 4)}
    assert torch.equal(policy.predict(state, Rng(0, 1)), policy.predict(state, Rng(0, 2)))


def test_an_untrained_flow_adds_nothing_to_the_guess() -> None:
    policy = build(config_of(**SMALL, normalization_mapping={}))
    state = torch.randn(2, 4)
    assert_close(policy.predict({STATE: state}), policy.model.read(state)[1])


def test_the_loss_of_a_flow_that_knows_the_answer_is_that_of_the_guess() -> None:
    config = config_of(**SMALL, prediction="velocity")
    policy, batch = build(config), config.fake_batch(3)
    batch.action = policy.predict(batch.observation)  # the guess, so that nothing is left for the flow but its noise
    draws = policy.draws(batch, Rng(0))
    draws["noise"] = torch.zeros_like(draws["noise"])
    loss = policy.loss_given(batch, draws)
    assert float(loss.parts["guess_loss"]) == pytest.approx(0, abs=1e-10)
    assert float(loss.parts["flow_loss"]) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("prediction", ["chunk", "velocity"])
def test_a_flow_learns_a_distribution_and_the_temperature_narrows_it(prediction: str) -> None:
    config = config_of(**SMALL, chunk_size=1, n_action_steps=1, actions_per_token=1, prediction=prediction)
    policy = build(config_of(**config.own_json(), **{**config.lerobot_json(), "normalization_mapping": {}}))
    optimizer = torch.optim.Adam(policy.parameters(), 1e-2)
    for step in range(200):  # half of the demonstrations push with 0.3, half with -0.3, from the same state
        action = torch.tensor([0.3, -0.3]).repeat(64)[:, None, None]
        batch = Batch({STATE: torch.zeros(128, 4)}, action, torch.zeros(128, 1, dtype=torch.bool))
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / 200)
        optimizer.zero_grad()
        policy.loss(batch, Rng(0, step)).total.backward()
        optimizer.step()
    state = {STATE: torch.zeros(400, 4)}
    drawn = _at(policy, 1.0).predict(state).flatten()
    assert 0.3 < float((drawn > 0).float().mean()) < 0.7
    assert float((drawn.abs() - 0.3).abs().mean()) < 0.1
    middle = _at(policy, 0.0).predict(state)
    assert len(middle.unique()) == 1
    assert float(middle.abs().max()) < 0.4


def _at(policy: TinyPi0, temperature: float) -> TinyPi0:
    policy.config = policy.config.model_copy(update={"temperature": temperature})
    return policy


def test_bf16_is_refused() -> None:
    with pytest.raises(ConfigError, match="too small to gain"):
        build(config_of(**SMALL)).predict_in_bf16()


@pytest.mark.parametrize("options", [{}, {"causal": False}, {"actions_per_token": 3, "per_action_time": False}])
def test_the_beginning_of_a_prediction_is_the_predictions_beginning(options: dict[str, Any]) -> None:
    policy = build(config_of(**{**SMALL_ORIGINAL, **options}))
    state = {STATE: torch.randn(3, 4)}
    whole, first = policy.predict(state, Rng(0)), policy.predict_first(state, 4, Rng(0))
    assert first.shape == (3, 4, 1)
    assert_close(first, whole[:, :4], rtol=0, atol=1e-5)


def test_with_a_causal_mask_later_actions_do_not_reach_earlier_ones_and_without_they_do() -> None:
    for causal in (True, False):
        network = build(config_of(**{**SMALL_ORIGINAL, "causal": causal})).eval().model
        seen, noisy, time = network.read(torch.zeros(1, 4))[0], torch.randn(1, 6, 1), torch.full((1, 1), 0.3)
        changed = noisy.clone()
        changed[0, 4] += 1
        moved = (network(seen, noisy, time) - network(seen, changed, time)).abs().flatten() > 1e-6
        assert bool(moved[:4].any()) is not causal
        assert moved[4:].all()


@pytest.mark.parametrize("options", [SMALL, SMALL_ORIGINAL], ids=["modern", "original"])
def test_many_networks_computed_as_one_have_the_losses_and_gradients_of_each(options: dict[str, Any]) -> None:
    config = config_of(**{**options, "dropout": 0.0})
    policies = [build(config, seed).train() for seed in range(3)]
    batches = [config.fake_batch(4, seed) for seed in range(3)]
    draws = [policy.draws(batch, Rng(seed)) for seed, (policy, batch) in enumerate(zip(policies, batches, strict=True))]

    def loss(
        weights: dict[str, Tensor], state: Tensor, action: Tensor, pad: Tensor, drawn: dict[str, Tensor]
    ) -> Tensor:
        batch = Batch({STATE: state}, action, pad, rows=np.arange(4))
        return functional_call(_Given(policies[0]), {f"policy.{k}": v for k, v in weights.items()}, (batch, drawn))

    weights, _ = stack_module_state(policies)  # type: ignore[arg-type]
    together = vmap(grad(loss))(
        weights,
        torch.stack([batch.observation[STATE] for batch in batches]),
        torch.stack([batch.action for batch in batches]),
        torch.stack([batch.action_is_pad for batch in batches]),
        {name: torch.stack([drawn[name] for drawn in draws]) for name in draws[0]},
    )
    for number, policy in enumerate(policies):
        policy.loss_given(batches[number], draws[number]).total.backward()
        for name, parameter in policy.named_parameters():
            assert parameter.grad is not None
            assert_close(together[name][number], parameter.grad, rtol=1e-4, atol=1e-6)


class _Given(torch.nn.Module):
    """`loss_given` as a forward pass, which is what `functional_call` calls."""

    def __init__(self, policy: TinyPi0) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: Batch, draws: dict[str, Tensor]) -> Tensor:
        return self.policy.loss_given(batch, draws).total


def test_the_schedules_are_those_of_the_presets() -> None:
    assert config_of().scheduler_preset() == {"type": "cosine_annealing_with_warmup", "num_warmup_steps": 200}
    original = config_of(preset="original")
    assert original.scheduler_preset() == {"type": "reduce_on_plateau", "factor": 0.6, "patience": 6}
    assert original.optimizer_preset().grad_clip_norm == 0
