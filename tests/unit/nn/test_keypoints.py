"""The small backbone: keypoints are where things are, in the picture's own coordinates."""

from __future__ import annotations

import torch
from torch import nn

from understudy.nn.keypoints import KEYPOINTS, KeypointNet, KeypointTokens


class _Bright(nn.Module):
    """Stands in for the convolutions: every filter responds to how bright a pixel is."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :1].expand(-1, KEYPOINTS, -1, -1) * 50


def pointing_at_brightness() -> KeypointNet:
    net = KeypointNet()
    net.stem, net.maps = _Bright(), nn.Identity()
    return net


def keypoints(net: KeypointNet, images: torch.Tensor) -> torch.Tensor:
    return net(images)[:, : 3 * KEYPOINTS]


def spot(row: int, column: int, size: int = 9) -> torch.Tensor:
    image = torch.zeros(1, 3, size, size)
    image[0, :, row, column] = 1
    return image


def test_a_keypoint_is_the_place_of_what_its_filter_responds_to() -> None:
    x, y, _ = keypoints(pointing_at_brightness(), spot(0, 8)).chunk(3, dim=-1)
    torch.testing.assert_close(x, torch.ones_like(x), atol=1e-4, rtol=0)
    torch.testing.assert_close(y, -torch.ones_like(y), atol=1e-4, rtol=0)


def test_between_two_equal_spots_a_keypoint_is_halfway() -> None:
    x, y, _ = keypoints(pointing_at_brightness(), torch.maximum(spot(2, 0), spot(6, 8))).chunk(3, dim=-1)
    torch.testing.assert_close(torch.stack([x, y]), torch.zeros(2, 1, KEYPOINTS), atol=1e-4, rtol=0)


def test_the_strength_tells_a_spot_from_nothing() -> None:
    net = pointing_at_brightness()
    there, nothing = keypoints(net, spot(4, 4))[0, -1], keypoints(net, torch.zeros(1, 3, 9, 9))[0, -1]
    assert there > 0.9
    assert nothing == 0


def test_the_network_is_small_and_takes_any_size() -> None:
    net = KeypointNet()
    assert sum(p.numel() for p in net.parameters()) < 40_000
    for height, width in ((96, 96), (33, 17), (120, 160)):
        assert net(torch.rand(2, 3, height, width)).shape == (2, KeypointNet.outputs)


def test_every_camera_has_a_network_and_a_token_of_its_own() -> None:
    tokens = KeypointTokens(2, width=16)
    front, wrist = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 24, 40)
    before = tokens([front, wrist])
    after = tokens([front, torch.rand(1, 3, 24, 40)])
    assert before.shape == (1, 2, 16)
    torch.testing.assert_close(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_gradients_reach_every_parameter() -> None:
    tokens = KeypointTokens(1, width=8)
    (tokens([torch.rand(2, 3, 32, 32)]) * torch.randn(2, 1, 8)).sum().backward()
    without = {name for name, p in tokens.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == {"positions.weight"}  # added by whoever asks for positions


def test_a_thing_of_a_few_pixels_is_found() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(KeypointNet(), nn.Linear(KeypointNet.outputs, 2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    places = torch.randint(4, 60, (256, 2))
    pictures = torch.zeros(256, 3, 64, 64)
    for picture, (row, column) in zip(pictures, places.tolist(), strict=True):
        picture[0, row : row + 3, column : column + 3] = 4
    targets = places / 32 - 1
    for step in range(80):
        some = torch.arange(step * 32, step * 32 + 32) % 224
        loss = (net(pictures[some]) - targets[some]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        error = (net(pictures[224:]) - targets[224:]).abs().mean()
    assert error < 0.1  # three pixels; saying "the middle" errs by 0.44
