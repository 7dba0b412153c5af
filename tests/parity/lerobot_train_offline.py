"""`lerobot-train` for SmolVLA without the Hub, in LeRobot's environment; lerobot_smolvla.py says what is put right."""

from __future__ import annotations

from lerobot.scripts.lerobot_train import main
from lerobot_smolvla import offline

if __name__ == "__main__":
    with offline():
        main()
