"""How long commands take from launch to exit when they have nothing to do but answer.

python benchmarks/start_up.py --runs 5
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contestants import WORK, lerobot_is_there, lerobot_program, run_to_end, say
from result_file import Key, Record, ResultFile, add_results_option, busy_before, open_results
from tables import start_up_table
from watched_process import watch

_LIMIT_S = 120.0
UNDERSTUDY = Path(sys.executable).with_name("understudy")
# what is shown, and the command; the bare interpreter is what any program in Python pays
COMMANDS: dict[str, list[str]] = {
    "understudy --help": [str(UNDERSTUDY), "--help"],
    "understudy train --help": [str(UNDERSTUDY), "train", "--help"],
    "python -c 'import understudy'": [sys.executable, "-c", "import understudy"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "lerobot-train --help": [str(lerobot_program("lerobot-train")), "--help"],
}


def measure(runs: int, results: ResultFile) -> None:
    """Time each command `runs` times, after one run that is not counted and brings its files into the page cache."""
    results.begin("start_up")
    for label, command in COMMANDS.items():
        key: Key = {"benchmark": "start_up", "command": label, "runs": runs}
        if results.find(key):
            continue
        record = _time(label, command, runs)
        results.add(key, record)
        say(f"{label:32} {record.get('failed') or ' '.join(f'{s:.3f}' for s in record['seconds'])}")


def _time(label: str, command: list[str], runs: int) -> Record:
    if label.startswith("lerobot") and not lerobot_is_there():
        return {"failed": "not installed"}
    busy, seconds = busy_before(), []
    for _ in range(1 + runs):
        watched = watch(command, environment={"HF_HUB_OFFLINE": "1"}, limit_s=_LIMIT_S, cwd=WORK, memory=False)
        if watched.exit_code != 0:
            return {"failed": f"exit code {watched.exit_code}: {watched.last_words()}"}
        seconds.append(watched.seconds)
    return {"seconds": seconds[1:], "cpu_busy_before_percent": busy}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time commands that only answer.")
    parser.add_argument("--runs", type=int, default=5)
    add_results_option(parser)
    return parser.parse_args()


def main() -> int:
    """Measure, save, print the table; 1 if a command of Understudy's failed."""
    options = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    results = open_results(options.results)
    measure(options.runs, results)
    print(start_up_table(results.document))
    records = [r for r in results.document["records"] if r["key"]["benchmark"] == "start_up"]
    return int(any("failed" in r and "understudy" in r["key"]["command"] for r in records))


if __name__ == "__main__":
    sys.exit(run_to_end(main))
