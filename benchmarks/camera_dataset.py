"""A made-up recording that costs a decoder what a real one costs: an arm over a textured table, seen by a noisy camera.

Flat test pictures would decode several times faster than a camera's. Here every frame has a fine-grained background, a
two-joint arm and a block that move, and sensor noise of its own. The layout is LeRobot v3.0, one mp4 for all episodes,
encoded as LeRobot's recorder does (AV1, crf 30, a key frame every second frame). State and action are the joints that
the picture shows; nothing here is random but for the seed.

Try it: python benchmarks/camera_dataset.py FOLDER --size 480x640
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image, ImageDraw

from understudy.data.spec import FeatureSpec, FeatureType
from understudy.data.write.dataset import DatasetWriter
from understudy.data.write.form import Codec, DatasetForm

CAMERA = "observation.images.front"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
FPS = 30
NAMES = tuple(f"{joint}.pos" for joint in JOINTS)
TASK = "push the block to the edge"
_NOISE_LEVELS = 4.0  # standard deviation of the sensor noise, in grey levels of 255
_NOISE_FIELDS = 7  # cut from one larger field at another place for every frame, so no two frames share theirs
_RECIPE = 2  # raise it when the pictures change: an older dataset on disk is then made anew


@dataclass(frozen=True)
class Recording:
    """What is recorded: sizes and numbers, the seed included."""

    height: int
    width: int
    episodes: int = 10
    frames: int = 200
    codec: Codec = "av1"
    seed: int = 0

    @property
    def total_frames(self) -> int:
        return self.episodes * self.frames

    @property
    def name(self) -> str:
        return f"camera_{self.height}x{self.width}_{self.episodes}x{self.frames}_{self.codec}"


def make_recording(recording: Recording, folder: Path) -> Path:
    """Write the recording into `folder` unless it is there already, whole and of the same recipe; returns `folder`."""
    stamp = folder / "recording.json"
    recipe = json.dumps({"recipe": _RECIPE, **asdict(recording)})
    if stamp.exists() and stamp.read_text() == recipe:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    shape = (3, recording.height, recording.width)
    features = {
        "observation.state": FeatureSpec("observation.state", FeatureType.STATE, (len(JOINTS),), NAMES),
        CAMERA: FeatureSpec(CAMERA, FeatureType.VISUAL, shape),
        "action": FeatureSpec("action", FeatureType.ACTION, (len(JOINTS),), NAMES),
    }
    joints = [_joints(recording, episode) for episode in range(recording.episodes)]
    # the action is the next state
    pictures = camera_frames(recording, np.concatenate([j[:-1] for j in joints]))
    with DatasetWriter(folder, DatasetForm(features, FPS, recording.codec, "made_up")) as writer:
        for angles in joints:
            with writer.episode(TASK) as episode:
                for now, after in pairwise(angles):
                    episode.add({"observation.state": now, CAMERA: next(pictures), "action": after})
    stamp.write_text(recipe)
    return folder


def camera_frames(recording: Recording, joints: np.ndarray) -> Iterator[np.ndarray]:
    """One picture, uint8 (height, width, 3), for each row of `joints` (rows, 6; degrees)."""
    height, width = recording.height, recording.width
    rng = np.random.default_rng([recording.seed, 1])
    table = Image.fromarray(_texture(rng, height, width))
    fields = rng.normal(0, _NOISE_LEVELS, (_NOISE_FIELDS, 2 * height, 2 * width, 1)).astype(np.int16)
    for row, angles in enumerate(joints):
        picture = table.copy()
        _draw_arm(ImageDraw.Draw(picture), angles, height, width)
        top, left = rng.integers(height), rng.integers(width)
        noise = fields[row % _NOISE_FIELDS, top : top + height, left : left + width]
        yield np.clip(np.asarray(picture, dtype=np.int16) + noise, 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Blotches of many sizes: what wood, cloth and shadows have in common."""
    light = np.zeros((height, width, 1))
    cells, amplitude = 3, 28.0
    while cells < max(height, width):
        coarse = Image.fromarray(rng.normal(0, amplitude, (cells, cells)).astype(np.float32))
        light[..., 0] += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
        cells, amplitude = cells * 2, amplitude * 0.75
    coloured = np.array([125.0, 108.0, 92.0]) + light * np.array([1.0, 0.95, 0.85])
    texture: np.ndarray = coloured.clip(0, 255).astype(np.uint8)
    return texture


def _draw_arm(draw: ImageDraw.ImageDraw, angles: np.ndarray, height: int, width: int) -> None:
    """Two links from the bottom edge, a gripper, and a block that slides with the pan joint."""
    size = min(height, width)
    at = np.array([width * 0.5, height * 0.98])
    direction = np.radians(-90 + angles[0])
    for link, (bend, colour) in enumerate(((angles[1], (235, 235, 240)), (angles[2], (40, 42, 48)))):
        direction += np.radians(bend)
        end = at + size * 0.42 * np.array([np.cos(direction), np.sin(direction)])
        draw.line([tuple(at), tuple(end)], fill=colour, width=max(2, size // (14 + 6 * link)))
        at = end
    reach = size * (0.03 + 0.02 * angles[5] / 100)
    draw.ellipse([*(at - reach), *(at + reach)], outline=(220, 120, 30), width=max(1, size // 60))
    block = np.array([width * (0.5 + angles[0] / 180), height * 0.25])
    draw.rectangle([*(block - size * 0.06), *(block + size * 0.06)], fill=(170, 30, 35))


def _joints(recording: Recording, episode: int) -> np.ndarray:
    """(frames + 1, 6) degrees; every joint is a sum of two slow waves."""
    rng = np.random.default_rng([recording.seed, 2, episode])
    time = np.arange(recording.frames + 1)[:, None] / FPS
    waves = [
        rng.uniform(8, 30, 6) * np.sin(2 * np.pi * rng.uniform(0.1, 0.5, 6) * time + rng.uniform(0, 6, 6))
        for _ in range(2)
    ]
    joints: np.ndarray = (waves[0] + waves[1]).astype(np.float32)
    joints[:, 5] = np.abs(joints[:, 5])  # a gripper opens from 0
    return joints


def size_of(text: str) -> tuple[int, int]:
    """`480x640` as (height, width); raises ValueError."""
    height, width = text.split("x")
    return int(height), int(width)


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """How long a recording is, and its codec; its `--size` is for the caller to offer."""
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--frames", type=int, default=200, help="per episode")
    parser.add_argument("--codec", choices=get_args(Codec), default="av1")


def recording_of(options: argparse.Namespace) -> Recording:
    """The recording that parsed options ask for."""
    height, width = options.size
    return Recording(height, width, options.episodes, options.frames, options.codec)


def main() -> None:
    """Write one recording."""
    parser = argparse.ArgumentParser(description="Write a made-up LeRobot v3.0 recording that looks like a camera's.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=size_of, default=(96, 96), metavar="HEIGHTxWIDTH")
    add_recording_options(parser)
    options = parser.parse_args()
    print(make_recording(recording_of(options), options.folder))


if __name__ == "__main__":
    main()
