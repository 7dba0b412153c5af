"""Prefix: what a policy makes of a frame before what is trained is known by what decides it, and does for the frame."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.testing import assert_close

from small_act import small_policy
from small_smolvla import small_smolvla
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.policies.smolvla.model import SmolVla

CPU = torch.device("cpu")
TASKS = ["lift", "put the cube into the box, and the box onto the shelf", "drop"]
KINDS = ["features", "memory"]


def told(policy: SmolVla, size: int = 3) -> Batch:
    """Samples with tasks of other lengths."""
    return dataclasses.replace(policy.config.fake_batch(size), task=[TASKS[i % 3] for i in range(size)])


def kept(policy: SmolVla, kind: str, batch: Batch) -> Batch:
    """The batch with what the policy makes of its pictures in their place."""
    entries = policy.prefixes(TASKS)[kind].entries
    with torch.no_grad():
        found = {name: make(batch.observation | policy.instruction(batch.task)) for name, make in entries.items()}
    others = {name: value for name, value in batch.observation.items() if name not in policy.config.cameras}
    return dataclasses.replace(batch, observation=others | found)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_the_pictures(kind: str) -> None:
    found = []
    for once in (False, True):
        policy = small_smolvla().train()
        batch = told(policy)
        loss = policy.loss(kept(policy, kind, batch) if once else batch, Rng(0))
        loss.total.backward()
        found.append((loss.total.detach(), {n: p.grad for n, p in policy.named_parameters() if p.grad is not None}))
    (plain, plain_gradients), (total, gradients) = found
    assert_close(total, plain, rtol=1e-5, atol=1e-5)
    assert len(plain_gradients) > 10
    assert_close(gradients, plain_gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"add_image_special_tokens": True, "empty_cameras": 1}], ids=["usual", "more"])
def test_predictions_are_those_of_the_pictures(kind: str, options: dict[str, bool | int]) -> None:
    policy = small_smolvla(**options)
    batch = told(policy)
    words = policy.instruction(batch.task)
    plain = policy.predict(batch.observation | words, Rng(0))
    again = policy.predict(kept(policy, kind, batch).observation | words, Rng(0))
    assert_close(again, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_gives_the_same_in_whatever_batch_it_stands(kind: str) -> None:
    policy = small_smolvla()
    batch = told(policy)
    together = kept(policy, kind, batch).observation
    for row in range(len(batch)):
        own = {name: value[row : row + 1] for name, value in batch.observation.items()}
        alone = kept(policy, kind, dataclasses.replace(batch, observation=own, task=[batch.task[row]])).observation
        for name in policy.prefixes(TASKS)[kind].entries:
            # what stands for padding is never looked at, and is the only thing that may differ
            valid = together[name][row, :, -1] > 0 if kind == "memory" else slice(None)
            assert together[name].shape[1:] == alone[name].shape[1:]
            assert_close(together[name][row][valid], alone[name][0][valid], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "features", "memory"),
    [
        ({}, [], []),
        ({"train_expert_only": False}, ["the connector"], ["the connector", "the language model"]),
        (
            {"train_expert_only": False, "freeze_vision_encoder": False},
            ["the vision tower", "the connector"],
            ["the vision tower", "the connector", "the language model"],
        ),
    ],
)
def test_parts_that_are_trained_are_named(options: dict[str, bool], features: list[str], memory: list[str]) -> None:
    prefixes = small_smolvla(**options).prefixes(TASKS)
    assert [prefixes[kind].trained() for kind in KINDS] == [features, memory]


@pytest.mark.parametrize("kind", KINDS)
def test_the_identity_is_that_of_weights_sizes_and_scales(kind: str) -> None:
    def identity(policy: SmolVla, tasks: list[str] = TASKS) -> str:
        return policy.prefixes(tasks)[kind].identity(CPU)

    usual = identity(small_smolvla())
    assert identity(small_smolvla(num_steps=7, chunk_size=9, n_action_steps=9)) == usual
    assert identity(small_smolvla(resize_imgs_with_padding=(32, 32))) != usual
    by_range = {"VISUAL": "MEAN_STD", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    assert identity(small_smolvla(normalization_mapping=by_range)) != usual
    assert small_smolvla().prefixes(TASKS)[kind].identity(torch.device("cuda")) != usual
    words_matter = kind == "memory"
    assert (identity(small_smolvla(), TASKS[::-1]) != usual) == words_matter
    assert (identity(small_smolvla(add_image_special_tokens=True)) != usual) == words_matter
    changed = small_smolvla()
    vlm = changed.model.vlm_with_expert.vlm.model
    with torch.no_grad():
        changed.model.state_proj.weight += 1
        assert identity(changed) == usual
        vlm.text_model.embed_tokens.weight[0, 0] += 1e-3
        assert (identity(changed) != usual) == words_matter
        vlm.connector.modality_projection.proj.weight[0, 0] += 1e-6
        assert identity(changed) != usual


def test_a_policy_without_such_a_part_has_none() -> None:
    assert small_policy().prefixes(TASKS) == {}
