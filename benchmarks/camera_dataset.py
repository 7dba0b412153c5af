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
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from dataset_layouts import QUANTILES, V3Layout

CAMERA = "observation.images.front"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
FPS = 30
TASK = "push the block to the edge"
_ENCODERS = {
    "av1": ("libsvtav1", {"crf": "30", "g": "2", "preset": "10"}),
    "h264": ("libx264", {"crf": "23", "g": "2", "preset": "veryfast"}),
}
_NOISE_LEVELS = 4.0  # standard deviation of the sensor noise, in grey levels of 255
_NOISE_FIELDS = 7  # cut from one larger field at another place for every frame, so no two frames share theirs
_RECIPE = 1  # raise it when the pictures change: an older dataset on disk is then made anew


@dataclass(frozen=True)
class Recording:
    """What is recorded: sizes and numbers, the seed included."""

    height: int
    width: int
    episodes: int = 10
    frames: int = 200
    codec: str = "av1"
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
    tables = [_columns(recording, episode) for episode in range(recording.episodes)]
    writer = _CameraLayout(folder, recording, tables)
    writer.write_info()
    pixels = writer.write_video()
    writer.write_meta(
        [_statistics(table, pixels[episode]) for episode, table in enumerate(tables)],
        _statistics(_joined(tables), np.concatenate(pixels)),
        [CAMERA],
    )
    writer.write_tables(tables)
    stamp.write_text(recipe)
    return folder


class _CameraLayout(V3Layout):
    """The layout of the tests' datasets, with a camera's pictures instead of flat grey."""

    def __init__(self, root: Path, recording: Recording, tables: Sequence[dict[str, np.ndarray]]) -> None:
        lengths = [recording.frames] * recording.episodes
        super().__init__(root, "v3.0", lengths, _features(recording), [TASK], FPS, 1000, recording.episodes)
        self._recording, self._joints = recording, [table["observation.state"] for table in tables]

    def write_video(self) -> list[np.ndarray]:
        """Encode every frame; returns a sample of each episode's pixels, (samples, 3) in 0..1, for the statistics."""
        recording = self._recording
        path = self.root / self.templates["video_path"].format(video_key=CAMERA, **self.place(0))
        path.parent.mkdir(parents=True)
        encoder, options = _ENCODERS[recording.codec]
        os.environ.setdefault("SVT_LOG", "1")  # errors only; the encoder prints thirty lines otherwise
        samples: list[np.ndarray] = []
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(encoder, rate=FPS, options=options)
            stream.height, stream.width, stream.pix_fmt = recording.height, recording.width, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, FPS)
            for number, picture in enumerate(camera_frames(recording, np.concatenate(self._joints))):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))
                if number % recording.frames == 0:
                    samples.append(picture[::8, ::8].reshape(-1, 3) / 255.0)
            container.mux(stream.encode(None))
        return samples


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


def _columns(recording: Recording, episode: int) -> dict[str, np.ndarray]:
    """One episode's columns; every joint is a sum of two slow waves, and the action is the next state."""
    rng = np.random.default_rng([recording.seed, 2, episode])
    time = np.arange(recording.frames + 1)[:, None] / FPS
    waves = [
        rng.uniform(8, 30, 6) * np.sin(2 * np.pi * rng.uniform(0.1, 0.5, 6) * time + rng.uniform(0, 6, 6))
        for _ in range(2)
    ]
    joints = (waves[0] + waves[1]).astype(np.float32)
    joints[:, 5] = np.abs(joints[:, 5])  # a gripper opens from 0
    frame = np.arange(recording.frames)
    return {
        "observation.state": joints[:-1],
        "action": joints[1:],
        "timestamp": (frame / FPS).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(recording.frames, episode),
        "index": episode * recording.frames + frame,
        "task_index": np.zeros(recording.frames, np.int64),
    }


def _joined(tables: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _statistics(columns: dict[str, np.ndarray], pixels: np.ndarray) -> dict[str, dict[str, Any]]:
    """What meta/ holds per feature; pictures (3, 1, 1) in 0..1, everything else per dimension."""
    stats: dict[str, dict[str, Any]] = {}
    for name, values in {**columns, CAMERA: pixels}.items():
        rows = values.reshape(len(values), -1).astype(np.float64)
        found = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
        found |= {key: np.quantile(rows, q, axis=0) for key, q in QUANTILES.items()}
        shape = (3, 1, 1) if name == CAMERA else (-1,)
        stats[name] = {key: value.reshape(shape).tolist() for key, value in found.items()} | {"count": [len(rows)]}
    return stats


def _features(recording: Recording) -> dict[str, dict[str, Any]]:
    vector = {"dtype": "float32", "shape": [len(JOINTS)], "names": [f"{joint}.pos" for joint in JOINTS]}
    facts = {
        "video.height": recording.height,
        "video.width": recording.width,
        "video.codec": recording.codec,
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": FPS,
        "video.channels": 3,
        "has_audio": False,
    }
    shape = [recording.height, recording.width, 3]
    features: dict[str, dict[str, Any]] = {
        "observation.state": vector,
        "action": vector,
        CAMERA: {"dtype": "video", "shape": shape, "names": ["height", "width", "channels"], "info": facts},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    }
    for name in ("frame_index", "episode_index", "index", "task_index"):
        features[name] = {"dtype": "int64", "shape": [1], "names": None}
    return features


def size_of(text: str) -> tuple[int, int]:
    """`480x640` as (height, width); raises ValueError."""
    height, width = text.split("x")
    return int(height), int(width)


def main() -> None:
    """Write one recording."""
    parser = argparse.ArgumentParser(description="Write a made-up LeRobot v3.0 recording that looks like a camera's.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=size_of, default=(96, 96), metavar="HEIGHTxWIDTH")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--frames", type=int, default=200, help="per episode")
    parser.add_argument("--codec", choices=sorted(_ENCODERS), default="av1")
    options = parser.parse_args()
    height, width = options.size
    recording = Recording(height, width, options.episodes, options.frames, options.codec)
    print(make_recording(recording, options.folder))


if __name__ == "__main__":
    main()
