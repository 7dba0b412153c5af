"""Cuts the recordings of `understudy demo` out of the original ones: every episode, at a fifth of the width and height.

What is kept: all frames, the tables byte for byte (with their jittered timestamps), names, tasks, numbering. What is
changed: the videos are encoded again at 128x96, and what describes them in info.json and episodes_stats.jsonl is
written anew. Run once, by hand; its result is committed:

    python tests/data/cut_demo_data.py PATH/TO/cr5_banana_v21 src/understudy/demo_data/cr5_banana
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

CAMERA = "observation.images.top"
WIDTH, HEIGHT = 128, 96
# LeRobot's own settings for recordings, so that the videos are as hard to read as real ones
ENCODER, OPTIONS = "libsvtav1", {"crf": "30", "g": "2", "preset": "4"}


def video_path(dataset: Path, episode: int) -> Path:
    return dataset / "videos" / "chunk-000" / CAMERA / f"episode_{episode:06d}.mp4"


def small_frames(source: Path) -> Iterator[np.ndarray]:
    """Every frame of `source` as (96, 128, 3) uint8, each pixel the mean of the 5x5 pixels it stands for."""
    with av.open(str(source)) as video:
        for frame in video.decode(video=0):
            image = Image.fromarray(frame.to_ndarray(format="rgb24"))
            yield np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def encode(frames: Iterator[np.ndarray], target: Path, fps: int) -> None:
    """Write `frames` as an AV1 video."""
    with av.open(str(target), "w") as video:
        stream = video.add_stream(ENCODER, rate=fps, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        video.mux(stream.encode())


def image_statistics(source: Path) -> dict[str, Any]:
    """LeRobot's statistics of one episode's camera, over every pixel that a reader of `source` gets, in 0..1."""
    with av.open(str(source)) as video:
        pixels = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]) / 255.0
    axes = (0, 1, 2)
    statistics = {
        name: getattr(pixels, name)(axis=axes).reshape(3, 1, 1).tolist() for name in ("min", "max", "mean", "std")
    }
    return statistics | {"count": [len(pixels)]}


def cut(source: Path, target: Path) -> None:
    """Make `target` from `source`; refuses to write into a folder that exists."""
    target.mkdir(parents=True)
    shutil.copytree(source / "data", target / "data", copy_function=shutil.copyfile)
    (target / "meta").mkdir()
    for name in ("episodes.jsonl", "tasks.jsonl"):
        shutil.copyfile(source / "meta" / name, target / "meta" / name)
    shutil.copyfile(source / "LICENSE", target / "LICENSE")

    info = json.loads((source / "meta" / "info.json").read_text())
    camera = info["features"][CAMERA]
    camera["shape"] = [HEIGHT, WIDTH, 3]
    camera["info"] |= {"video.height": HEIGHT, "video.width": WIDTH}
    (target / "meta" / "info.json").write_text(json.dumps(info, indent=4))

    lines = []
    for line in (source / "meta" / "episodes_stats.jsonl").read_text().splitlines():
        episode = json.loads(line)
        number = episode["episode_index"]
        video_path(target, number).parent.mkdir(parents=True, exist_ok=True)
        encode(small_frames(video_path(source, number)), video_path(target, number), info["fps"])
        episode["stats"][CAMERA] = image_statistics(video_path(target, number))
        lines.append(json.dumps(episode))
        print(f"episode {number}: {video_path(target, number).stat().st_size / 1e3:.0f} kB")
    (target / "meta" / "episodes_stats.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    cut(arguments.source, arguments.target)
