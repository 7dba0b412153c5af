"""Does LeRobot 0.4.4 read the train_config.json of our checkpoints? Run by LeRobot's own Python:

    $(tests/parity/lerobot_env.sh) tests/parity/read_train_config.py FILE

Parses FILE as `lerobot-train --config_path=FILE --resume=true` does, validates it, and prints it as LeRobot would write
it. Of a default ACT run that output is `train_config_lerobot_0_4_4.json`, which the quick tests compare keys with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(file: Path) -> None:
    # LeRobot's validate() looks at the command line again
    sys.argv = ["lerobot-train", f"--config_path={file}", "--resume=true"]
    import draccus
    import lerobot.policies.act.configuration_act  # registers the policy  # noqa: F401
    from lerobot.configs.train import TrainPipelineConfig

    config = draccus.parse(TrainPipelineConfig, config_path=str(file), args=["--resume=true"])
    config.validate()
    print(json.dumps(draccus.encode(config), indent=4))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
