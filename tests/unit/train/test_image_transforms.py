"""Options for random changes of pictures: LeRobot's names, read, refused where they mean nothing here, applied."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.data.spec import Batch
from understudy.policies.act.config import ActConfig
from understudy.policies.base import Loss
from understudy.train.command import read_command
from understudy.train.config import TrainConfig
from understudy.train.image_transforms import ImageTransformsConfig, TransformConfig
from understudy.train.step import Update

BASE = ("--policy.type=act", "--dataset.repo_id=u/n")
GROUP = "--dataset.image_transforms"


def config_of(*words: str) -> TrainConfig:
    return read_command([*BASE, *words]).config


def changes(kind: str, **kwargs: Any) -> Any:
    return TransformConfig(type=kind, kwargs=kwargs).changes()


def test_they_are_off_unless_asked_for_and_then_lerobots_six() -> None:
    assert config_of().dataset.image_transforms.build() is None
    options = config_of(f"{GROUP}.enable=true").dataset.image_transforms
    assert list(options.tfs) == ["brightness", "contrast", "saturation", "hue", "sharpness", "affine"]
    assert (options.max_num_transforms, options.random_order) == (3, False)
    assert options.build() is not None


def test_what_was_typed_comes_back_from_the_files_of_the_run() -> None:
    tfs = "{turn: {weight: 2.0, type: RandomAffine, kwargs: {degrees: 10}}, dim: {type: ColorJitter, kwargs: {}}}"
    config = config_of(f"{GROUP}.enable=true", f"{GROUP}.tfs={tfs}", f"{GROUP}.random_order=true")
    assert config.dataset.image_transforms.tfs["turn"].kwargs == {"degrees": 10}
    assert TrainConfig.model_validate(config.to_json()) == config
    written = config.lerobot_json()["dataset"]["image_transforms"]
    assert ImageTransformsConfig.model_validate(written) == config.dataset.image_transforms


def test_they_belong_to_the_mathematics_of_a_run() -> None:
    assert config_of().hash() != config_of(f"{GROUP}.enable=true").hash()


@pytest.mark.parametrize(
    ("kind", "kwargs", "expected"),
    [
        ("ColorJitter", {"brightness": 0.3}, [("brightness", ((0.7, 1.3),))]),
        ("ColorJitter", {"contrast": 2}, [("contrast", ((0.0, 3.0),))]),
        ("ColorJitter", {"hue": 0.1}, [("hue", ((-0.1, 0.1),))]),
        ("ColorJitter", {"saturation": (0.5, 1.5), "hue": 0}, [("saturation", ((0.5, 1.5),))]),
        ("SharpnessJitter", {"sharpness": [0, 2]}, [("sharpness", ((0.0, 2.0),))]),
        ("Identity", {}, []),
    ],
)
def test_numbers_stand_for_the_ranges_that_torchvision_makes_of_them(
    kind: str, kwargs: dict[str, Any], expected: Any
) -> None:
    assert changes(kind, **kwargs) == expected


def test_an_affine_change_has_six_ranges() -> None:
    none = (0.0, 0.0)
    assert changes("RandomAffine", degrees=4) == [("affine", ((-4.0, 4.0), none, none, (1.0, 1.0), none, none))]
    ((_, ranges),) = changes("RandomAffine", degrees=[0, 9], translate=[0.1, 0.2], scale=[0.9, 1.1], shear=[1, 2, 3, 4])
    assert ranges == ((0.0, 9.0), (-0.1, 0.1), (-0.2, 0.2), (0.9, 1.1), (1.0, 2.0), (3.0, 4.0))
    ((_, ranges),) = changes("RandomAffine", degrees=0, shear=5)
    assert ranges[4:] == ((-5.0, 5.0), none)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{type: GaussianBlur, kwargs: {kernel_size: 3}}", "tfs, a: `GaussianBlur` is not offered"),
        ("{type: ColorJitter, kwargs: {brightnes: 1}}", "not brightnes"),
        ("{type: ColorJitter, kwargs: {brightness: [1.2, 0.8]}}", "brightness: [low, high] from 0 on is expected"),
        ("{type: ColorJitter, kwargs: {brightness: [-1, 1]}}", "got [-1, 1]"),
        ("{type: ColorJitter, kwargs: {hue: 0.6}}", "hue: [low, high] between -0.5 and 0.5"),
        ("{type: ColorJitter, kwargs: {contrast: -1}}", "contrast: a single number must not be negative"),
        ("{type: ColorJitter, kwargs: {contrast: true}}", "contrast: a number or [low, high] is expected"),
        ("{type: ColorJitter, kwargs: {contrast: ab}}", "contrast: a number or [low, high] is expected"),
        ("{type: SharpnessJitter, kwargs: {sharpness: [1]}}", "sharpness: a number or [low, high] is expected"),
        ("{type: RandomAffine}", "RandomAffine needs degrees"),
        ("{type: RandomAffine, kwargs: {degrees: 5, fill: 1}}", "not fill"),
        ("{type: RandomAffine, kwargs: {degrees: 5, translate: [0.1, 2]}}", "translate: shares"),
        ("{type: RandomAffine, kwargs: {degrees: 5, scale: [0, 1]}}", "scale: numbers above 0"),
        ("{type: ColorJitter, weight: 0}", "nothing would be changed"),
    ],
)
def test_what_cannot_be_done_is_told_by_name(entry: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(f"{GROUP}.enable=true", f"{GROUP}.tfs={{a: {entry}}}")
    assert reason in str(caught.value)


def test_transforms_that_are_off_may_be_of_any_kind() -> None:
    options = config_of(f"{GROUP}.tfs={{a: {{type: GaussianBlur, kwargs: {{kernel_size: 3}}}}}}").dataset
    assert options.image_transforms.tfs["a"].type == "GaussianBlur"


class _Looking(torch.nn.Module):
    """Stands for a policy; remembers the batches it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.config = ActConfig.tiny()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.seen: list[Batch] = []

    def draws(self, batch: Batch, rng: Rng) -> dict[str, torch.Tensor]:
        return {}

    def loss_given(self, batch: Batch, draws: dict[str, torch.Tensor]) -> Loss:
        self.seen.append(batch)
        return Loss(self.weight.sum(), {})


def test_an_update_changes_the_pictures_by_seed_and_draw_and_leaves_the_batch_alone() -> None:
    batch = ActConfig.tiny().fake_batch(2, seed=0)
    cameras = [name for name, value in batch.observation.items() if value.dim() == 4]
    before = {name: value.clone() for name, value in batch.observation.items()}
    augment = ImageTransformsConfig(enable=True).build()
    policies = [_Looking(), _Looking()]
    for policy in policies:
        optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
        update = Update(
            policy, optimizer, None, clip=0, precision="bf16", seed=7, device=torch.device("cpu"), augment=augment
        )
        update([batch, batch], 3)
    one, two = policies[0].seen
    assert cameras and all(torch.equal(batch.observation[name], before[name]) for name in before)
    for name in cameras:
        assert one.observation[name].dtype == torch.float32
        assert not torch.equal(one.observation[name], two.observation[name])
        assert torch.equal(one.observation[name], policies[1].seen[0].observation[name])
