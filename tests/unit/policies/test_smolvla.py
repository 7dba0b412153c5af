"""SmolVLA by itself: what is read apart from what is drawn, what is trained, and the options that shape it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from small_smolvla import small_smolvla
from understudy.core.errors import ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import IMAGES, STATE, Batch
from understudy.nn.bf16 import autocast
from understudy.nn.fast_paths import set_fast_paths
from understudy.policies.smolvla import aloha
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.model import TOKENS, SmolVla
from understudy.policies.smolvla.pictures import fitted
from understudy.train.optim import build_optimizer
from understudy.train.schedule import build_schedule
from understudy.train.schedule_config import SchedulerConfig

FEATURES = {name: SmolVlaConfig.tiny().model_dump()[name] for name in ("input_features", "output_features")}


def tiny(**options: Any) -> SmolVlaConfig:
    return SmolVlaConfig.model_validate(SmolVlaConfig.tiny().model_dump() | options)


def seen(policy: SmolVla, size: int = 2) -> dict[str, Tensor]:
    batch = policy.config.fake_batch(size)
    return batch.observation | policy.instruction(batch.task)


# -- what is read, and what is drawn ----------------------------------------------------------------------------------


@torch.no_grad()
def test_pictures_and_words_can_be_read_once_for_many_states_and_many_steps_of_the_flow() -> None:
    policy = small_smolvla()
    network, observation = policy.model, seen(policy)
    looked = [network.look(fitted(observation[name] / 255, (64, 64))) for name in policy.config.cameras]
    kept = network.read(looked, observation[TOKENS], torch.ones_like(observation[TOKENS], dtype=torch.bool))
    noisy, time = torch.randn(2, 5, 32), torch.tensor([0.3, 0.8])
    drawn = []
    for number in range(2):
        state = torch.full((2, 32), float(number))
        fresh = network.read(looked, observation[TOKENS], torch.ones_like(observation[TOKENS], dtype=torch.bool))
        drawn.append(network(noisy, time, network.observe(state, kept)))
        assert_close(drawn[-1], network(noisy, time, network.observe(state, fresh)))
    assert (drawn[0] - drawn[1]).abs().max() > 1e-5


def test_what_is_frozen_is_read_without_a_graph_and_the_state_with_one() -> None:
    policy = small_smolvla()
    network, observation = policy.model, seen(policy)
    looked = [network.look(fitted(observation[name] / 255, (64, 64))) for name in policy.config.cameras]
    memory = network.read(looked, observation[TOKENS], torch.ones_like(observation[TOKENS], dtype=torch.bool))
    assert not any(tensor.requires_grad for tensor in [*looked, *memory.keys, *memory.values])
    assert network.observe(torch.zeros(2, 32), memory).keys[-1].requires_grad


@pytest.mark.parametrize(
    ("options", "trained", "frozen"),
    [
        ({}, ("state_proj", "lm_expert"), ("vlm.",)),
        ({"train_state_proj": False}, ("lm_expert",), ("vlm.", "state_proj")),
        (
            {"train_expert_only": False},
            ("connector", "text_model.layers.2.", "text_model.embed_tokens"),
            ("vision_model", "lm_head", "text_model.norm", "text_model.layers.3."),
        ),
        (
            {"train_expert_only": False, "freeze_vision_encoder": False, "num_expert_layers": 2},
            ("vision_model", "text_model.layers.1."),
            ("text_model.layers.2.", "text_model.layers.3."),
        ),
    ],
)
def test_what_the_options_freeze(options: dict[str, Any], trained: tuple[str, ...], frozen: tuple[str, ...]) -> None:
    policy = small_smolvla(**options)
    named = dict(policy.named_parameters())
    assert all(p.requires_grad for name, p in named.items() if any(part in name for part in trained))
    assert not any(p.requires_grad for name, p in named.items() if any(part in name for part in frozen))
    policy.train()
    policy.loss(policy.config.fake_batch(2), Rng(0)).total.backward()
    assert all((p.grad is not None) == p.requires_grad for p in named.values())


def test_padding_words_to_a_length_changes_no_action() -> None:
    batch = small_smolvla().config.fake_batch(2)
    tasks = ["lift", "put the cube into the box"]
    chunks = []
    for padding in ("longest", "max_length"):
        policy = small_smolvla(pad_language_to=padding)
        chunks.append(policy.predict(batch.observation | policy.instruction(tasks), Rng(0)))
    assert_close(*chunks, rtol=0, atol=1e-5)


def test_each_sample_is_drawn_as_if_it_were_alone() -> None:
    policy = small_smolvla()
    batch = policy.config.fake_batch(2)
    tasks = ["lift", "put the cube into the box"]
    draws = policy.draws(batch, Rng(0))
    together = [policy._observed(batch.observation | policy.instruction(tasks))]
    for row, task in enumerate(tasks):
        own = {name: value[row : row + 1] for name, value in batch.observation.items()}
        alone = policy.model(
            draws["noise"][row : row + 1],
            draws["time"][row : row + 1],
            policy._observed(own | policy.instruction([task])),
        )
        assert_close(policy.model(draws["noise"], draws["time"], together[0])[row : row + 1], alone, rtol=0, atol=1e-5)


def test_the_task_decides_what_is_done() -> None:
    policy = small_smolvla()
    observation = policy.config.fake_batch(1).observation
    chunks = [policy.predict(observation | policy.instruction([task]), Rng(0)) for task in ("lift", "drop")]
    assert (chunks[0] - chunks[1]).abs().max() > 1e-5


def test_tasks_of_any_length_are_read_in_training_at_few_widths() -> None:
    policy = small_smolvla()
    batch = policy.config.fake_batch(2)
    widths = set()
    for length in range(1, 40):
        batch.task = ["x" * length] * 2
        widths.add(policy.draws(batch, Rng(0))[TOKENS].shape[1])
    assert widths == {16, 32, 48}
    told = batch.observation | policy.instruction(batch.task)
    assert told[TOKENS].shape[1] == 40


def test_times_are_drawn_early_more_often_than_late() -> None:
    policy = small_smolvla()
    batch = policy.config.fake_batch(2)
    times = torch.cat([policy.draws(batch, Rng(0, step))["time"] for step in range(400)])
    assert 0.001 <= float(times.min()) <= float(times.max()) <= 1
    # the mean of Beta(1.5, 1) is 0.6, its standard deviation 0.262
    assert abs(float(times.mean()) - 0.6) < 4 * 0.262 / 800**0.5


@pytest.mark.parametrize("task", ["", "  \n"])
def test_an_empty_task_is_refused(task: str) -> None:
    with pytest.raises(DataError, match="the task is empty"):
        small_smolvla().instruction(["lift", task])


def test_an_observation_without_an_instruction_is_told_how_to_get_one() -> None:
    policy = small_smolvla()
    with pytest.raises(DataError, match="lacks an instruction") as caught:
        policy.predict(policy.config.fake_batch(1).observation)
    assert "policy.instruction" in str(caught.value.hint)


def test_predictions_in_bf16_are_close_to_those_in_float32() -> None:
    policy, coarse = small_smolvla(), small_smolvla()
    coarse.predict_in_bf16()
    a, b = policy.predict(seen(policy), Rng(0)), coarse.predict(seen(coarse), Rng(0))
    assert 0 < float((a - b).abs().max()) < 0.05 * float(a.std())


def test_a_step_in_bf16_has_nearly_the_gradient_of_one_in_float32() -> None:
    gradients = []
    for precision in ("fp32", "bf16"):
        policy = small_smolvla().train()
        batch = policy.config.fake_batch(4)
        draws = policy.draws(batch, Rng(0))
        with autocast(precision, policy.device):
            loss = policy.loss_given(batch, draws)
        loss.total.backward()
        trained = [p.grad.flatten() for p in policy.parameters() if p.grad is not None]
        gradients.append(torch.cat(trained))
        assert gradients[-1].dtype == torch.float32
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.99


def test_fast_paths_leave_the_loss_as_it_is() -> None:
    policy = small_smolvla().train()
    losses = []
    for fast in (False, True):
        set_fast_paths(policy, fast)
        losses.append(float(policy.loss(policy.config.fake_batch(2), Rng(0)).total.detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_fresh_weights_are_small_and_norms_begin_at_one() -> None:
    policy = small_smolvla()
    named = dict(policy.model.named_parameters())
    assert all(torch.isfinite(p).all() for p in named.values())
    streams = [p for n, p in named.items() if n.startswith("vlm_with_expert.") and n.endswith("o_proj.weight")]
    assert all(float(p.detach().std()) == pytest.approx(0.02, rel=0.1) for p in streams)
    norms = [p for n, p in named.items() if "norm" in n and n.endswith("weight")]
    assert all((p == 1).all() for p in norms)
    # torch's own: uniform within 1 / sqrt(inputs), which are 2 heads of 16
    crossing = named["vlm_with_expert.lm_expert.layers.1.self_attn.k_proj.weight"]
    assert float(crossing.detach().std()) == pytest.approx((1 / 96) ** 0.5, rel=0.1)


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_action_steps": 60}, r"n_action_steps \(60\) cannot exceed chunk_size"),
        ({"use_delta_joint_actions_aloha": True}, "not implemented"),
        ({"rtc_config": {"enabled": True}}, "real-time chunking is not supported yet"),
        ({"vlm": {"heads": 4, "kv_heads": 3}}, r"heads \(4\) must be a multiple of kv_heads"),
    ],
)
def test_options_that_contradict_each_other_or_are_not_there_yet(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SmolVlaConfig(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_vlm_layers": 9}, "tiny has 4 layers, fewer than 9"),
        ({"num_expert_layers": 3}, "no multiple of the expert's 3"),
        ({"max_action_dim": 5}, "`action` has 6 numbers, and the policy has room for 5"),
        ({"resize_imgs_with_padding": [64, 48]}, "64 x 48 cannot be cut into tokens"),
        ({"resize_imgs_with_padding": None}, "64 x 48 cannot be cut into tokens"),
        ({"adapt_to_pi_aloha": True}, "two arms of 7 joints"),
        ({"input_features": {STATE: {"type": "STATE", "shape": [6]}}}, "needs a camera"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_a_weight_is_made(options: dict[str, Any], words: str) -> None:
    config = tiny(**options)
    with pytest.raises(ConfigError, match=re.escape(words)):
        config.skeleton(config.fake_statistics())


def test_the_features_lerobot_adds_for_empty_cameras_are_not_looked_for() -> None:
    empty = {f"{IMAGES}empty_camera_0": {"type": "VISUAL", "shape": [3, 480, 640]}}
    config = tiny(input_features=FEATURES["input_features"] | empty, empty_cameras=1)
    assert config.cameras == [f"{IMAGES}front", f"{IMAGES}wrist"]


def test_rtc_that_is_off_is_kept_as_it_came() -> None:
    config = tiny(rtc_config={"enabled": False, "execution_horizon": 10})
    assert config.lerobot_json()["rtc_config"] == {"enabled": False, "execution_horizon": 10}


def test_the_two_ways_of_counting_the_loss() -> None:
    valid, everything = small_smolvla(), small_smolvla(loss_normalization="all")
    batch = valid.config.fake_batch(3)
    losses = [float(policy.loss(batch, Rng(0)).total.detach()) for policy in (valid, everything)]
    # padded dimensions are counted in the second: their targets are noise alone, and the network begins near zero
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


# -- ALOHA ------------------------------------------------------------------------------------------------------------


def test_alohas_joints_are_flipped_and_actions_come_back_as_they_were() -> None:
    actions = torch.rand(2, 5, 14)
    there = aloha.actions_to_pi0(actions)
    assert torch.equal(there[..., [1, 2, 8, 9]], -actions[..., [1, 2, 8, 9]])
    assert torch.equal(there[..., [0, 3, 4, 5, 7]], actions[..., [0, 3, 4, 5, 7]])
    assert_close(aloha.actions_from_pi0(there), actions, rtol=0, atol=1e-6)


def test_alohas_grippers_become_angles_of_the_motor() -> None:
    state = torch.zeros(3, 14)
    state[:, 6] = torch.tensor([0.0, 0.5, 1.0])
    # asin((0.022^2 + x^2 - 0.036^2) / (2 * 0.022 * x)) at x = 0.01844, 0.03822, 0.058; then (angle - 0.4) / 1.1
    angles = torch.tensor([-0.6208145, 0.3960595, torch.pi / 2])
    assert_close(aloha.state_to_pi0(state)[:, 6], (angles - 0.4) / 1.1, rtol=0, atol=1e-4)


def test_an_aloha_robot_trains_and_acts() -> None:
    wide = {STATE: {"type": "STATE", "shape": [14]}, f"{IMAGES}top": {"type": "VISUAL", "shape": [3, 48, 64]}}
    action = {"action": {"type": "ACTION", "shape": [14]}}
    policies: dict[bool, SmolVla] = {
        adapt: small_smolvla(input_features=wide, output_features=action, adapt_to_pi_aloha=adapt)
        for adapt in (False, True)
    }
    batch = policies[True].config.fake_batch(2)
    what: list[Callable[[SmolVla], Tensor]] = [
        lambda policy: policy.loss(batch, Rng(0)).total.detach(),
        lambda policy: policy.predict(batch.observation | policy.instruction(batch.task), Rng(0)),
    ]
    for found in what:
        plain, adapted = (found(policy) for policy in policies.values())
        assert torch.isfinite(adapted).all()
        assert (plain - adapted).abs().max() > 1e-4


# -- learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_learns_what_only_the_words_say() -> None:
    """Everything lifts by one deviation or lowers by one, and neither picture nor state tells which."""
    policy = small_smolvla(scheduler_warmup_steps=20, resize_imgs_with_padding=[32, 32])
    statistics = policy.normalizer.statistics["action"]
    mean, deviation = (torch.from_numpy(statistics[name]) for name in ("mean", "std"))
    up = torch.arange(16) % 2
    tasks = [("lower the cube", "lift the cube")[which] for which in up]
    action = mean + deviation * (2.0 * up - 1)[:, None, None].expand(-1, 5, 6)

    def windows(step: int) -> Batch:
        seen = policy.config.fake_batch(16, seed=step).observation
        return Batch(seen, action, torch.zeros(16, 5, dtype=torch.bool), tasks)

    steps = 150
    optimizer = build_optimizer(policy, policy.config.optimizer_preset(), use_groups=True)
    schedule = build_schedule(SchedulerConfig.model_validate(policy.config.scheduler_preset()), optimizer, steps)
    assert schedule is not None
    for step in range(steps):
        optimizer.zero_grad()
        policy.loss(windows(step), Rng(0, step)).total.backward()
        optimizer.step()
        schedule.step()
    seen = windows(steps).observation
    told = {name: policy.predict(seen | policy.instruction(words), Rng(0)) for name, words in _both(tasks).items()}
    errors = {name: float(((chunk - action) / deviation).abs().mean()) for name, chunk in told.items()}
    assert errors["right"] < 0.5
    assert errors["wrong"] > 1.5


def _both(tasks: list[str]) -> dict[str, list[str]]:
    return {"right": tasks, "wrong": tasks[::-1]}
