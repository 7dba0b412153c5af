"""`understudy train` as an ensemble sees it, without torch: reads its words, leaves a run folder, exits.

What each seed does stands in behaviour.json beside the ensemble: {"1001": "fails"}; a seed that is not in it
finishes at once. "slow" runs until it is interrupted, saves, and would finish when gone on with; "stubborn" has to be
interrupted twice.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

STEPS = 10


def options(words: list[str]) -> dict[str, str]:
    found = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
    if "--resume" in words:
        found["resume"] = words[words.index("--resume") + 1]
    return found


def append(run: Path, event: str, step: int, **keys: Any) -> None:
    with (run / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, "time": time.time(), "step": step, **keys}) + "\n")


def log_step(run: Path, seed: int, step: int) -> None:
    loss = seed / 1000 + 1 / step
    append(run, "step", step, loss=loss, update_s=0.5, data_s=0.0)
    append(run, "validation", step, loss=loss, action_error=loss / 2, baselines={"hold": 0.7, "mean": 0.9})


def wait_for_interruption(run: Path, *, at_once: bool) -> None:
    asked = run / "asked"

    def stop(number: int, frame: object) -> None:
        if not at_once and not asked.exists():
            asked.touch()
            return
        append(run, "run_interrupted", 5, reason="stopped after step 5", seconds=1.0)
        sys.exit(130)

    signal.signal(signal.SIGINT, stop)
    (run / "ready").touch()
    for _ in range(600):
        time.sleep(0.1)


def main() -> None:
    found = options(sys.argv[2:])
    run = Path(found.get("resume") or found["output_dir"])
    started = (run / "train_config.json").exists()
    config = json.loads((run / "train_config.json" if started else Path(found["config_path"])).read_text())
    config |= {} if started else {"seed": int(found["seed"]), "steps": STEPS}
    behaviour_file = run.parent.parent / "behaviour.json"
    behaviour = json.loads(behaviour_file.read_text()) if behaviour_file.exists() else {}
    what = behaviour.get(str(config["seed"]))
    print(f"threads {os.environ['OMP_NUM_THREADS']} gpu {os.environ.get('CUDA_VISIBLE_DEVICES')}", flush=True)
    if what == "fails":
        print("error: the disk is full\n  where: /somewhere\n  hint: free some space")
        sys.exit(5)
    run.mkdir(parents=True, exist_ok=True)
    (run / "train_config.json").write_text(json.dumps(config))
    append(run, "run_resumed" if started else "run_started", 5 if started else 0, from_step=5)
    log_step(run, config["seed"], 5)
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what in ("slow", "stubborn") and not started:
        wait_for_interruption(run, at_once=what == "slow")
    log_step(run, config["seed"], STEPS)
    append(run, "run_finished", STEPS, reason="all steps done", seconds=2.0)


if __name__ == "__main__":
    main()
