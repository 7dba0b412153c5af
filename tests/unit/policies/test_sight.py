"""Sight: what a policy sees in a frame, apart from all else, is known by what decides it and does for the frame."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.testing import assert_close

from small_smolvla import small_smolvla
from understudy.core.rng import Rng
from understudy.data.spec import Batch, seen_name
from understudy.policies.smolvla.model import SmolVla

CPU = torch.device("cpu")


def seen_once(policy: SmolVla, batch: Batch) -> Batch:
    """The batch with what the policy sees in place of its pictures."""
    cameras = policy.sight().cameras
    with torch.no_grad():
        seen = {seen_name(camera): policy.look(camera, batch.observation[camera]) for camera in cameras}
    others = {name: value for name, value in batch.observation.items() if name not in cameras}
    return dataclasses.replace(batch, observation=others | seen)


def test_loss_and_gradients_are_those_of_the_pictures() -> None:
    found = []
    for once in (False, True):
        policy = small_smolvla().train()
        batch = policy.config.fake_batch(4)
        loss = policy.loss(seen_once(policy, batch) if once else batch, Rng(0))
        loss.total.backward()
        found.append((loss.total.detach(), {n: p.grad for n, p in policy.named_parameters() if p.grad is not None}))
    (plain, plain_gradients), (kept, kept_gradients) = found
    assert_close(kept, plain, rtol=1e-5, atol=1e-5)
    assert len(plain_gradients) > 10
    assert_close(kept_gradients, plain_gradients, rtol=1e-5, atol=1e-5)


def test_a_frame_looks_the_same_in_whatever_batch_it_stands() -> None:
    policy = small_smolvla()
    camera = policy.sight().cameras[0]
    pictures = policy.config.fake_batch(8).observation[camera]
    with torch.no_grad():
        together = policy.look(camera, pictures)
        alone = torch.cat([policy.look(camera, picture[None]) for picture in pictures])
    assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_predictions_are_those_of_the_pictures() -> None:
    policy = small_smolvla()
    batch = policy.config.fake_batch(3)
    words = policy.instruction(batch.task)
    plain = policy.predict(batch.observation | words, Rng(0))
    assert_close(policy.predict(seen_once(policy, batch).observation | words, Rng(0)), plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({}, []),
        ({"train_expert_only": False}, ["the connector"]),
        ({"train_expert_only": False, "freeze_vision_encoder": False}, ["the vision tower", "the connector"]),
    ],
)
def test_parts_that_are_trained_are_named(options: dict[str, bool], trained: list[str]) -> None:
    assert small_smolvla(**options).sight().trained() == trained


def test_the_identity_is_that_of_weights_sizes_and_scales() -> None:
    def identity(policy: SmolVla) -> str:
        return policy.sight().identity(CPU)

    usual = identity(small_smolvla())
    assert identity(small_smolvla(num_steps=7, chunk_size=9, n_action_steps=9)) == usual
    assert identity(small_smolvla(resize_imgs_with_padding=(32, 32))) != usual
    by_range = {"VISUAL": "MEAN_STD", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    assert identity(small_smolvla(normalization_mapping=by_range)) != usual
    assert small_smolvla().sight().identity(torch.device("cuda")) != usual
    changed = small_smolvla()
    with torch.no_grad():
        changed.model.state_proj.weight += 1
    assert identity(changed) == usual
    with torch.no_grad():
        changed.model.vlm_with_expert.vlm.model.connector.modality_projection.proj.weight[0, 0] += 1e-6
    assert identity(changed) != usual
