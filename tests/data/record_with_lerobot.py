"""Writes lerobot_0_4_4/, the small dataset that LeRobot's own writer made. Runs in LeRobot's environment:

    HF_LEROBOT_HOME=/tmp/x $python tests/data/record_with_lerobot.py tests/data/lerobot_0_4_4

Three episodes of 5, 8 and 4 frames, a camera of 64x64 pixels (AV1, LeRobot's default), two tasks. Frame f of episode e
is flat grey of the level 20 + (31 e + 11 f) mod 216; the state is [e, f], the action [e + f / 10].
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def main(folder: Path) -> None:
    features = {
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["a.pos", "b.pos"]},
        "observation.images.front": {
            "dtype": "video",
            "shape": (64, 64, 3),
            "names": ["height", "width", "channels"],
        },
        "action": {"dtype": "float32", "shape": (1,), "names": ["a.pos"]},
    }
    dataset = LeRobotDataset.create("tests/made_up", 10, features, root=folder, robot_type="made_up")
    for episode, length in enumerate((5, 8, 4)):
        for frame in range(length):
            level = 20 + (31 * episode + 11 * frame) % 216
            dataset.add_frame(
                {
                    "observation.state": np.array([episode, frame], np.float32),
                    "observation.images.front": np.full((64, 64, 3), level, np.uint8),
                    "action": np.array([episode + frame / 10], np.float32),
                    "task": ["lift", "push"][episode % 2],
                }
            )
        dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
