"""tiny pi0-FAST: what it writes, what teaches it, its tokenizer in checkpoints, and many of them at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import STATE, Batch, DatasetSpec, FeatureSpec, FeatureType
from understudy.nn.fast_tokens import EOS, PAD
from understudy.policies.base import Policy
from understudy.policies.config import Feature
from understudy.policies.facts import read_checkpoint
from understudy.policies.pretrained import load_policy, load_weights_into, save_pretrained
from understudy.policies.tiny_pi0_fast.coefficients import CoefficientNetwork
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.policies.tiny_pi0_fast.merged import MergedNetwork
from understudy.policies.tiny_pi0_fast.model import TOKENIZER, TinyPi0Fast

BOTH = ["coefficients", "merged"]
SMALL: dict[str, Any] = {
    "device": "cpu",
    "chunk_size": 4,
    "n_action_steps": 4,
    "dim_model": 8,
    "n_heads": 2,
    "dim_feedforward": 16,
    "n_layers": 2,
    "coefficients_per_token": 3,
    "dim_state": 16,
    "dct_scale": 10.0,
    "vocabulary_size": 160,
    "max_tokens": 12,
}


def config(tokens: str = "coefficients", **more: Any) -> TinyPi0FastConfig:
    features = {
        "input_features": {STATE: Feature(type=FeatureType.STATE, shape=(4,))},
        "output_features": {"action": Feature(type=FeatureType.ACTION, shape=(2,))},
    }
    return TinyPi0FastConfig.model_validate({**SMALL, **features, "tokens": tokens, **more})


def some_windows(count: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """States, actions that follow from them, and what is padding: nothing but in the last window."""
    generator = torch.Generator().manual_seed(3)
    state = torch.randn(count, 4, generator=generator)
    time = torch.arange(4) / 4
    actions = torch.stack([state[:, :1] + state[:, 1:2] * time, state[:, 2:3] - time], dim=-1) * 0.3 + 0.5
    is_pad = torch.zeros(count, 4, dtype=torch.bool)
    is_pad[-1, 2:] = True
    return state, actions, is_pad


def fitted(tokens: str = "coefficients", **more: Any) -> TinyPi0Fast:
    made = config(tokens, **more)
    torch.manual_seed(0)
    policy = made.build(made.fake_statistics())
    _, actions, is_pad = some_windows()
    policy.fit_actions([(actions[:120], is_pad[:120]), (actions[120:], is_pad[120:])])
    return policy


def a_batch(size: int = 6) -> Batch:
    state, actions, is_pad = some_windows()
    return Batch({STATE: state[-size:]}, actions[-size:], is_pad[-size:], rows=np.arange(size))


# -- configuration ----------------------------------------------------------------------------------------------------


def test_the_presets_have_the_published_and_our_number_of_parameters() -> None:
    one = {"output_features": {"action": Feature(type=FeatureType.ACTION, shape=(1,))}}
    features = {"input_features": {STATE: Feature(type=FeatureType.STATE, shape=(4,))}, **one}
    original = TinyPi0FastConfig(preset="original", **features)
    policy = original.build(original.fake_statistics())
    assert sum(p.numel() for p in policy.parameters()) == 864_768
    assert isinstance(policy.model, MergedNetwork)
    assert original.normalization_mapping == {"STATE": "IDENTITY", "ACTION": "IDENTITY"}
    assert original.optimizer_preset().grad_clip_norm == 1.0
    assert original.scheduler_preset() == {"type": "reduce_on_plateau", "factor": 0.6, "patience": 6}
    modern = TinyPi0FastConfig(**features)
    assert isinstance(modern.build(modern.fake_statistics()).model, CoefficientNetwork)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n_action_steps": 5}, "cannot exceed chunk_size"),
        ({"n_heads": 3}, "divisible by n_heads"),
        ({"logit_dropout": 0.1}, "needs tokens=merged"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        config(**options)


def test_cameras_and_a_missing_state_are_refused() -> None:
    camera = FeatureSpec("observation.images.front", FeatureType.VISUAL, (3, 8, 8))
    state = FeatureSpec(STATE, FeatureType.STATE, (4,))
    action = FeatureSpec("action", FeatureType.ACTION, (1,))
    with pytest.raises(ConfigError, match=r"nothing else.*images\.front"):
        TinyPi0FastConfig().with_features(DatasetSpec({f.name: f for f in (camera, state, action)}, 25))
    with pytest.raises(ConfigError, match=r"needs the input feature `observation\.state`"):
        TinyPi0FastConfig().with_features(DatasetSpec({f.name: f for f in (camera, action)}, 25))


# -- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("tokens", BOTH)
def test_kept_keys_and_values_change_nothing(tokens: str, temperature: float) -> None:
    policy = fitted(tokens).eval()
    state = some_windows()[0]
    with torch.no_grad():
        cached = policy.model.write(state, Rng(5), temperature=temperature, cached=True)
        again = policy.model.write(state, Rng(5), temperature=temperature, cached=False)
        assert_close(cached, again, rtol=0, atol=1e-5)


def test_predicting_in_bf16_is_refused() -> None:
    with pytest.raises(ConfigError, match="coarser than its integers"):
        fitted().predict_in_bf16()


@pytest.mark.parametrize("tokens", BOTH)
def test_with_a_temperature_each_prediction_is_a_draw(tokens: str) -> None:
    observation = {STATE: some_windows()[0]}
    drawing = fitted(tokens, temperature=1.0)
    assert torch.equal(drawing.predict(observation, Rng(1)), drawing.predict(observation, Rng(1)))
    assert not torch.equal(drawing.predict(observation, Rng(1)), drawing.predict(observation, Rng(2)))
    greedy = fitted(tokens)
    assert torch.equal(greedy.predict(observation, Rng(1)), greedy.predict(observation, Rng(2)))


def test_nothing_but_padding_follows_the_end_and_no_token_is_written_that_means_nothing() -> None:
    policy = fitted("merged", vocabulary_size=4000)
    with torch.no_grad():
        policy.model.output_layer.bias[EOS] += 2
        written = policy.model.sequences(some_windows()[0], Rng(0), temperature=1.0)
    ended = (written == EOS).cumsum(1) > 0
    assert ended[:, :-1].any()
    assert (written[:, 1:][ended[:, :-1]] == PAD).all()
    assert int(written.max()) < policy.model.tokenizer.size < policy.config.vocabulary_size


def test_what_is_written_is_whole_numbers_in_the_range_of_the_training_chunks() -> None:
    policy = fitted().eval()
    state = some_windows()[0] * 100
    with torch.no_grad():
        policy.model.state_embedding.guess.weight.normal_(generator=torch.Generator().manual_seed(0))
        chunks = policy.model.write(state, Rng(0))
    integers = policy.model.integers(chunks)
    assert_close(policy.model.actions(integers), chunks, rtol=0, atol=1e-4)
    assert (integers.abs() <= policy.model.high).all()
    assert (integers.abs() == policy.model.high).float().mean() > 0.3
    decoded = policy.model.tokenizer.actions(integers.flatten(1)[:, :8].numpy())
    assert_close(chunks.double(), torch.from_numpy(decoded), rtol=0, atol=1e-4)


def test_the_networks_integers_are_the_tokenizers() -> None:
    policy = fitted()
    actions = policy.normalizer.normalize("action", some_windows()[1])
    ours = policy.model.integers(actions).flatten(1)[:, :8]
    assert ours.tolist() == policy.model.tokenizer.integers(actions.double().numpy()).tolist()


@pytest.mark.parametrize("tokens", BOTH)
def test_it_learns_to_write_what_was_demonstrated(tokens: str) -> None:
    policy = fitted(tokens).train()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    state, actions, is_pad = some_windows()
    batch = Batch({STATE: state}, actions, is_pad)
    before = (policy.predict(batch.observation) - actions)[:-1].abs().mean()
    for step in range(150):
        optimizer.zero_grad()
        policy.loss(batch, Rng(0, step)).total.backward()
        optimizer.step()
    after = (policy.predict(batch.observation) - actions)[:-1].abs().mean()
    assert after < 0.3 * before


# -- what teaches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", BOTH)
def test_windows_past_the_end_are_left_out_or_trained_with_the_last_action_held(tokens: str) -> None:
    batch = a_batch()
    inside = Batch({STATE: batch.observation[STATE][:-1]}, batch.action[:-1], batch.action_is_pad[:-1])
    skipping, holding = fitted(tokens).eval(), fitted(tokens, past_the_end="hold").eval()
    assert_close(skipping.loss(batch, Rng(0)).total, skipping.loss(inside, Rng(0)).total)
    held = batch.action.clone()
    held[-1, 2:] = held[-1, 1]
    whole = Batch(batch.observation, held, torch.zeros_like(batch.action_is_pad))
    assert_close(holding.loss(batch, Rng(0)).total, holding.loss(whole, Rng(0)).total)
    assert not torch.equal(holding.loss(batch, Rng(0)).total, skipping.loss(batch, Rng(0)).total)


def test_integers_that_the_vocabulary_does_not_have_are_counted() -> None:
    policy, batch = fitted("merged").eval(), a_batch()
    assert float(policy.loss(batch, Rng(0)).parts["unknown_tokens"]) == 0
    far = Batch(batch.observation, batch.action * 100, batch.action_is_pad)
    assert float(policy.loss(far, Rng(0)).parts["unknown_tokens"]) > 1


def test_a_batch_in_which_nothing_teaches_has_a_loss_of_zero() -> None:
    batch = a_batch(1)
    assert float(fitted().loss(batch, Rng(0)).total.detach()) == 0.0


def test_a_chunk_longer_than_every_episode_is_refused_unless_the_last_action_is_held() -> None:
    _, actions, is_pad = some_windows()
    is_pad[:, -1] = True
    skipping = config().build(config().fake_statistics())
    with pytest.raises(DataError, match="no episode is as long as a chunk"):
        skipping.fit_actions([(actions, is_pad)])
    holding = config(past_the_end="hold")
    assert holding.build(holding.fake_statistics()).fit_actions([(actions, is_pad)])


def test_the_loss_is_the_cross_entropy_of_the_right_integers() -> None:
    policy = fitted().eval()
    batch = a_batch()
    inside = ~batch.action_is_pad.any(1)
    model = policy.model
    with torch.no_grad():
        integers = model.integers(policy.normalizer.normalize("action", batch.action))
        model.log_width.fill_(2.0)  # wide enough for the sum below, which is taken without logarithms
        state = policy.normalizer.normalize(STATE, batch.observation[STATE])
        middles, widths = model(state, integers[:, :-1]).double(), model._widths().double()
        edges = (torch.arange(-5000, 5001)[:, None, None, None] - 0.5 - middles) / widths
        chances = (edges + 1 / widths).sigmoid() - edges.sigmoid()
        right = chances.gather(0, (integers.long() + 5000)[None])[0].flatten(1)[inside, :8]
        assert_close(chances.sum(0), torch.ones_like(middles), rtol=0, atol=1e-6)
        assert_close(policy.loss(batch, Rng(0)).total, -right.log().mean().float(), rtol=1e-4, atol=0)


def test_a_neighbour_of_the_right_integer_costs_less_than_one_far_away() -> None:
    def loss_with(away: float) -> float:
        policy = fitted().eval()
        batch = a_batch(2)
        integers = policy.model.integers(policy.normalizer.normalize("action", batch.action))
        with torch.no_grad():
            for parameter in (policy.model.output_layer.weight, policy.model.state_embedding.guess.weight):
                parameter.zero_()
            wanted = (integers[0] + away) / policy.model.spread
            policy.model.state_embedding.guess.bias.copy_(wanted.flatten())
        return float(policy.loss(batch, Rng(0)).total.detach())

    losses = [loss_with(away) for away in (0, 1, 4, 40)]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] < losses[2] < losses[3]


def test_noise_on_what_is_read_is_drawn_while_training_only() -> None:
    policy = fitted(input_noise=1.0).train()
    batch = a_batch()
    assert policy.draws(batch, Rng(0, 1))["input_noise"].shape == (6, 2, 3)
    assert policy.loss(batch, Rng(0, 1)).total != policy.loss(batch, Rng(0, 2)).total
    assert policy.eval().draws(batch, Rng(0, 1)) == {}


@pytest.mark.parametrize(
    ("tokens", "option"),
    [(tokens, option) for tokens in BOTH for option in ("dropout", "state_dropout")] + [("merged", "logit_dropout")],
)
def test_each_dropout_acts_while_training_and_not_when_measuring(tokens: str, option: str) -> None:
    policy = fitted(tokens, **{option: 0.5}).train()
    batch = a_batch()
    assert policy.loss(batch, Rng(0)).total != policy.loss(batch, Rng(0)).total
    policy.eval()
    assert policy.loss(batch, Rng(0)).total == policy.loss(batch, Rng(0)).total


@pytest.mark.parametrize("conditioning", ["every_token", "cross_attention"])
@pytest.mark.parametrize("tokens", BOTH)
def test_the_state_is_seen_either_way(tokens: str, conditioning: str) -> None:
    policy = fitted(tokens, state_conditioning=conditioning, temperature=0.0)
    batch = a_batch()
    other = Batch({STATE: batch.observation[STATE] + 1}, batch.action, batch.action_is_pad)
    assert policy.loss(batch, Rng(0)).total != policy.loss(other, Rng(0)).total


@pytest.mark.parametrize("tokens", BOTH)
def test_many_networks_with_their_own_tokenizers_and_batches_are_computed_as_one(tokens: str) -> None:
    policies = [fitted(tokens).eval(), config(tokens).build(config(tokens).fake_statistics()).eval()]
    state, actions, is_pad = some_windows()
    batches = [Batch({STATE: state[i : i + 5]}, actions[i : i + 5], is_pad[i : i + 5]) for i in (0, 195)]
    draws = [policy.draws(batch, Rng(0)) for policy, batch in zip(policies, batches, strict=True)]
    stacked = {name: torch.stack([d[name] for d in draws]) for name in draws[0]}
    parameters, buffers = torch.func.stack_module_state(policies)  # type: ignore[arg-type]

    class LossOf(torch.nn.Module):
        def __init__(self, policy: Policy) -> None:
            super().__init__()
            self.policy = policy

        def forward(self, *given: Any) -> Tensor:
            states, acts, pads, drawn = given
            return self.policy.loss_given(Batch({STATE: states}, acts, pads), drawn).total

    template = LossOf(policies[0])

    def one(weights: dict[str, Tensor], kept: dict[str, Tensor], *given: Any) -> Tensor:
        named = {f"policy.{name}": value for name, value in {**weights, **kept}.items()}
        return torch.func.functional_call(template, named, given)

    inputs = [torch.stack([getattr(b, name) for b in batches]) for name in ("action", "action_is_pad")]
    states = torch.stack([b.observation[STATE] for b in batches])
    found = torch.func.vmap(one)(parameters, buffers, states, *inputs, stacked)
    alone = [p.loss_given(b, d).total for p, b, d in zip(policies, batches, draws, strict=True)]
    assert_close(found, torch.stack(alone), rtol=1e-5, atol=1e-6)


# -- checkpoints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", BOTH)
def test_the_tokenizer_lies_in_the_checkpoint_and_comes_back(tokens: str, tmp_path: Path) -> None:
    policy = fitted(tokens)
    save_pretrained(policy, tmp_path / "saved")
    assert (tmp_path / "saved" / TOKENIZER).is_file()
    loaded = load_policy(tmp_path / "saved", device="cpu")
    observation = {STATE: some_windows()[0]}
    assert isinstance(loaded, TinyPi0Fast)
    assert loaded.model.tokenizer == policy.model.tokenizer
    assert torch.equal(loaded.predict(observation), policy.predict(observation))
    assert torch.equal(loaded.loss(a_batch(), Rng(0)).total, policy.eval().loss(a_batch(), Rng(0)).total)
    fresh = config(tokens).build(config(tokens).fake_statistics())
    load_weights_into(fresh, tmp_path / "saved")
    assert torch.equal(fresh.predict(observation), policy.predict(observation))
    assert read_checkpoint(tmp_path / "saved").problems == []


@pytest.mark.parametrize("tokens", BOTH)
@pytest.mark.parametrize("damage", ["missing", "torn", "other", "bytes"])
def test_a_missing_or_damaged_tokenizer_is_named_and_nothing_is_changed(
    tokens: str, damage: str, tmp_path: Path
) -> None:
    save_pretrained(fitted(tokens), tmp_path / "saved")
    file = tmp_path / "saved" / TOKENIZER
    if damage == "missing":
        file.unlink()
    elif damage == "torn":
        file.write_text(file.read_text()[:-20])
    elif damage == "bytes":
        file.write_bytes(b"\xff\xfe\xfd")
    else:
        content = json.loads(file.read_text())
        repeated = {name: content[name] * 2 for name in ("high", "spread") if name in content}
        file.write_text(json.dumps(content | {"horizon": 8} | repeated))
    with pytest.raises(CheckpointError, match="tokenizer") as caught:
        load_policy(tmp_path / "saved", device="cpu")
    assert caught.value.where == str(file)
    assert any("tokenizer" in problem for problem in read_checkpoint(tmp_path / "saved").problems)
    policy = fitted(tokens)
    before = [p.clone() for p in policy.parameters()]
    with pytest.raises(CheckpointError):
        load_weights_into(policy, tmp_path / "saved")
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))


def test_what_was_fitted_is_told_in_words() -> None:
    _, actions, is_pad = some_windows()
    told = config("merged", max_tokens=5).build(config().fake_statistics()).fit_actions([(actions, is_pad)])
    assert told is not None
    for part in ("199 windows", "160 tokens", "at most", "cut to 5", "rounding 0.0"):
        assert part in told
    told = config().build(config().fake_statistics()).fit_actions([(actions, is_pad)])
    assert told is not None
    for part in ("199 windows", "8 integers in 3 tokens", "rounding 0.0"):
        assert part in told
