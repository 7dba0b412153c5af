"""Does LeRobot 0.4.4 read the train_config.json of our checkpoints? Run by LeRobot's own Python:

    $(tests/parity/lerobot_env.sh) tests/parity/read_train_config.py FOLDER

Each FOLDER/<name>/pretrained_model/train_config.json is parsed as `lerobot-train --config_path=FILE --resume=true`
does, validated, and printed as LeRobot would write it: one JSON object, name -> configuration. What it printed is
kept in train_config_lerobot_0_4_4.json, with FOLDER shortened to RUN.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def read_as_lerobot(file: Path) -> dict[str, Any]:
    """The configuration after LeRobot has parsed, validated and written it. Raises what LeRobot raises."""
    # LeRobot's validate() looks at the command line again
    sys.argv = ["lerobot-train", f"--config_path={file}", "--resume=true"]
    import draccus
    import lerobot.policies.act.configuration_act  # registers the policy  # noqa: F401
    from lerobot.configs.train import TrainPipelineConfig

    config = draccus.parse(TrainPipelineConfig, config_path=str(file), args=["--resume=true"])
    config.validate()
    encoded: dict[str, Any] = draccus.encode(config)
    return encoded


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    files = sorted(folder.glob("*/pretrained_model/train_config.json"))
    print(json.dumps({file.parent.parent.name: read_as_lerobot(file) for file in files}, indent=1))
