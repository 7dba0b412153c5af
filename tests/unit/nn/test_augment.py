"""Random changes of pictures: who gets which is a function of seed, draw, camera and place in the batch."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from understudy.core.rng import Rng
from understudy.nn.augment import Augment, Change, Transform

CAMERA = "observation.images.top"
STILL = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0))


def factor(kind: str, low: float, high: float | None = None, *, weight: float = 1.0) -> Transform:
    return Transform(weight, (Change(kind, ((low, low if high is None else high),)),))


# the changes of LeRobot's defaults
ALL = [
    factor("brightness", 0.8, 1.2),
    factor("contrast", 0.8, 1.2),
    factor("saturation", 0.5, 1.5),
    factor("hue", -0.05, 0.05),
    factor("sharpness", 0.5, 1.5),
    Transform(1.0, (Change("affine", ((-5.0, 5.0), (-0.05, 0.05), (-0.05, 0.05), *STILL[3:])),)),
]


def noise(count: int = 6) -> Tensor:
    pixels = torch.randint(0, 256, (count, 12, 16, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return pixels.permute(0, 3, 1, 2)


def changed(augment: Augment, pictures: Tensor, rng: Rng, camera: str = CAMERA) -> Tensor:
    return augment({camera: pictures}, rng)[camera]


def brightness_of_grey(transforms: list[Transform], most: int, *, random_order: bool = False) -> Tensor:
    """What becomes of 400 pictures of one grey, 0.4."""
    pictures = torch.full((400, 3, 4, 4), 0.4)
    return changed(Augment(transforms, most, random_order=random_order), pictures, Rng(3))[:, 0, 2, 2]


def test_bytes_become_floats_in_0_to_1_and_what_is_no_picture_passes() -> None:
    state, pictures = torch.randn(6, 4), noise()
    before = pictures.clone()
    result = Augment(ALL, 6)({CAMERA: pictures, "observation.state": state}, Rng(0))
    assert result["observation.state"] is state
    assert result[CAMERA].dtype == torch.float32 and result[CAMERA].shape == pictures.shape
    assert result[CAMERA].min() >= 0 and result[CAMERA].max() <= 1
    assert torch.equal(pictures, before)
    unchanged = changed(Augment([Transform(1.0, ())], 1), pictures, Rng(0))
    assert torch.equal(unchanged, pictures.float() / 255)


def test_floats_given_are_left_as_they_are() -> None:
    pictures = noise().float() / 255
    before = pictures.clone()
    assert not torch.equal(changed(Augment(ALL, 3), pictures, Rng(0)), before)
    assert torch.equal(pictures, before)


def test_the_same_draw_changes_pictures_alike_and_seed_draw_and_camera_each_count() -> None:
    augment, pictures = Augment(ALL, 3), noise()
    first = changed(augment, pictures, Rng(5, 9))
    torch.manual_seed(123)
    assert torch.equal(first, changed(Augment(ALL, 3), pictures, Rng(5, 9)))
    for other in (Rng(6, 9), Rng(5, 10)):
        assert not torch.equal(first, changed(augment, pictures, other))
    assert not torch.equal(first, changed(augment, pictures, Rng(5, 9), "observation.images.wrist"))


def test_each_picture_of_a_batch_has_a_draw_of_its_own() -> None:
    one = noise(1).expand(8, -1, -1, -1)
    result = changed(Augment(ALL, 3), one, Rng(0))
    assert len({tuple(picture.flatten().tolist()) for picture in result}) == 8


def test_a_picture_is_changed_as_if_it_were_alone_whichever_process_has_it() -> None:
    pictures = noise(6)
    for random_order in (False, True):
        augment = Augment(ALL, 3, random_order=random_order)
        whole = changed(augment, pictures, Rng(1, 2))
        alone = [changed(augment, pictures[i : i + 1], Rng(1, 2, rank=i, world=6)) for i in range(6)]
        torch.testing.assert_close(torch.cat(alone), whole, rtol=0, atol=1e-6)


def test_so_many_transforms_happen_to_each_picture_and_never_one_twice() -> None:
    transforms = [factor("brightness", 0.5), factor("brightness", 0.7), factor("brightness", 0.9)]
    found = {round(value, 4) for value in brightness_of_grey(transforms, 2).tolist()}
    assert found == {0.14, 0.18, 0.252}
    assert {round(value, 4) for value in brightness_of_grey(transforms, 9).tolist()} == {0.126}


def test_heavier_transforms_are_drawn_more_often() -> None:
    values = brightness_of_grey([factor("brightness", 0.5, weight=9.0), factor("brightness", 0.25)], 1)
    counts = Counter(round(value, 3) for value in values.tolist())
    # 9 of 10 expected, of 400: 360, standard deviation 6
    assert counts.keys() == {0.2, 0.1} and 336 <= counts[0.2] <= 384


def test_amounts_are_spread_over_their_whole_range() -> None:
    values = brightness_of_grey([factor("brightness", 0.5, 1.5)], 1) / 0.4
    assert 0.5 <= values.min() < 0.52 and 1.48 < values.max() <= 1.5
    assert abs(values.mean() - 1) < 0.06


def test_transforms_come_in_the_listed_order_or_at_random() -> None:
    # 0.4 * 3 is cut off at 1: the order is seen
    transforms = [factor("brightness", 3.0), factor("brightness", 0.25)]
    assert {round(value, 3) for value in brightness_of_grey(transforms, 2).tolist()} == {0.25}
    either = Counter(round(v, 3) for v in brightness_of_grey(transforms, 2, random_order=True).tolist())
    assert either.keys() == {0.25, 0.3} and min(either.values()) > 150


def test_several_changes_of_one_transform_come_in_random_order() -> None:
    both = Transform(1.0, (Change("brightness", ((3.0, 3.0),)), Change("brightness", ((0.25, 0.25),))))
    either = Counter(round(v, 3) for v in brightness_of_grey([both], 1).tolist())
    assert either.keys() == {0.25, 0.3} and min(either.values()) > 150


def test_moves_are_shares_of_the_picture_s_own_size_in_whole_pixels() -> None:
    move = Change("affine", (STILL[0], (0.25, 0.25), (0.26, 0.26), *STILL[3:]))
    pictures = noise(2).float() / 255
    moved = changed(Augment([Transform(1.0, (move,))], 1), pictures, Rng(0))
    assert torch.equal(moved[:, :, 3:, 4:], pictures[:, :, :-3, :-4])
    assert not moved[:, :, :3].any() and not moved[:, :, :, :4].any()


def test_pictures_too_small_to_be_blurred_stay() -> None:
    pictures = torch.rand(2, 3, 2, 5)
    assert torch.equal(changed(Augment([factor("sharpness", 0.0)], 1), pictures, Rng(0)), pictures)
