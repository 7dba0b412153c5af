"""Loads a dataset recorded here in LeRobot 0.4.4 and decodes every frame of it. Runs in LeRobot's environment:

    $python tests/parity/check_recorded_in_lerobot.py DATASET [APPENDED]

Prints one JSON document: what LeRobot takes the dataset to be. With a second folder, which has to be a copy of the
first, LeRobot joins both into APPENDED_joined, then appends an episode to the copy, and says how many there are.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def main(folder: Path, copy: Path | None) -> None:
    torch.set_num_threads(1)
    dataset = LeRobotDataset("parity/recorded", root=folder, video_backend="pyav")
    cameras = dataset.meta.camera_keys
    frames = [dataset[i] for i in range(len(dataset))]
    episodes = dataset.meta.episodes
    outcome = {
        "lerobot": version("lerobot"),
        "fps": dataset.fps,
        "features": {name: list(f["shape"]) for name, f in dataset.features.items()},
        "tasks": [frame["task"] for frame in frames],
        "boundaries": [(e["dataset_from_index"], e["dataset_to_index"]) for e in episodes],
        "episode_index": [int(frame["episode_index"]) for frame in frames],
        "frame_index": [int(frame["frame_index"]) for frame in frames],
        "action": [frame["action"].reshape(-1).tolist() for frame in frames],
        "state": [frame["observation.state"].reshape(-1).tolist() for frame in frames],
        "pictures": {name: [tuple(frame[name].shape) for frame in frames][:1] for name in cameras},
        "levels": {name: [float(frame[name].mean() * 255) for frame in frames] for name in cameras},
        "stats": {
            name: {key: np.asarray(value).tolist() for key, value in stats.items()}
            for name, stats in dataset.meta.stats.items()
        },
    }
    if copy is not None:
        outcome |= join(folder, copy) | append(copy)
    print(json.dumps(outcome))


def append(folder: Path) -> dict[str, int]:
    """One more episode, written by LeRobot."""
    dataset = LeRobotDataset("parity/appended", root=folder, video_backend="pyav")
    for number in range(5):
        frame = {"task": "something new"}
        for name, feature in dataset.features.items():
            if name in dataset.meta.camera_keys:
                frame[name] = np.full(feature["shape"], 40 * number, np.uint8)
            elif name.startswith("observation") or name == "action":
                frame[name] = np.full(feature["shape"], number, np.float32)
        dataset.add_frame(frame)
    dataset.save_episode()
    dataset.finalize()
    again = LeRobotDataset("parity/appended", root=folder, video_backend="pyav")
    assert all(again[i]["index"] == i for i in range(len(again)))
    return {"appended_episodes": again.num_episodes, "appended_frames": len(again)}


def join(first: Path, second: Path) -> dict[str, int]:
    """LeRobot's own joining of two datasets."""
    from lerobot.datasets.aggregate import aggregate_datasets

    target = second.with_name(f"{second.name}_joined")
    aggregate_datasets(["parity/first", "parity/second"], "parity/joined", roots=[first, second], aggr_root=target)
    joined = LeRobotDataset("parity/joined", root=target, video_backend="pyav")
    assert all(joined[i]["index"] == i for i in range(len(joined)))
    return {"joined_episodes": joined.num_episodes}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
