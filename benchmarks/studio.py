"""How fast the studio is: a thousand runs listed, a log of a million steps opened, and the memory it takes.

    python benchmarks/studio.py

Everything is made in a temporary folder first (about 350 MB). Then the studio is started as a user starts it, and a
headless Chromium (Debian's packages chromium and chromium-driver) opens its pages: the seconds are those from asking
for a page until its last number stands there. Each is measured several times; median, minimum and maximum are printed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

RUNS, STEPS_OF_A_RUN, STEPS_OF_THE_LONG = 1000, 300, 1_000_000


def write_run(folder: Path, steps: int, began: float, validated_every: int = 50) -> None:
    """A finished run with `steps` logged steps."""
    folder.mkdir(parents=True)
    policy = {"type": "act", "parameters": 51_597_190}
    first = {"event": "run_started", "time": began, "step": 0, "policy": policy, "dataset": {"repo_id": "a/b"}}
    with (folder / "events.jsonl").open("w") as file:
        file.write(json.dumps(first) + "\n")
        for i in range(1, steps + 1):
            loss = 0.1 + 5 / i
            parts = {"loss": loss, "l1_loss": loss / 2, "kld_loss": loss / 20, "grad_norm": 5 + loss, "lr": 1e-5}
            times = {"update_s": 0.3, "data_s": 0.001, "samples": 8 * i, "episodes": i / 50, "epochs": i / 5000}
            event = {"event": "step", "time": began + i, "step": i, **parts, **times, "samples_per_s": 26.6}
            file.write(json.dumps(event) + "\n")
            if i % validated_every == 0:
                file.write(
                    json.dumps({"event": "validation", "time": began + i, "step": i, "action_error": loss}) + "\n"
                )
        file.write(json.dumps({"event": "run_finished", "time": began + steps, "step": steps}) + "\n")
    (folder / "train_config.json").write_text(json.dumps({"steps": steps, "policy": {"type": "act"}}))


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """The studio over `folder`, and its link."""
    words = [sys.executable, "-m", "understudy", "studio", str(folder), "--port=0", "--open=false"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    return running, next(found[0] for line in running.stdout if (found := re.search(r"http://\S+", line)))


def browser() -> webdriver.Chrome:
    """A headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def until(driver: webdriver.Chrome, words: str) -> None:
    """Wait until `words` stand on the page."""
    while words not in driver.find_element(By.TAG_NAME, "body").text:
        time.sleep(0.02)


def timed(times: int, action: Callable[[], object]) -> str:
    """'0.81 s (0.78 to 0.90, n = 5)': the seconds that an action takes."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return told(seconds)


def told(seconds: list[float]) -> str:
    """Median, range and number."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}, n = {len(seconds)})"


def measure(folder: Path, times: int) -> None:
    """Print every figure."""
    from understudy.core.run_folder import RunFolder
    from understudy.studio.event_log import EventLog
    from understudy.studio.run_list import RunList

    def read_long() -> None:
        log = EventLog(RunFolder(folder / "long").events)
        log.read_on()
        log.history()

    print(f"rows of {RUNS:,} runs, first time        {timed(times, lambda: RunList([folder]).rows())}")
    runs = RunList([folder])
    runs.rows()
    print(f"rows of {RUNS:,} runs, nothing changed   {timed(times, runs.rows)}")
    print(f"{STEPS_OF_THE_LONG:,} steps read, sampled     {timed(times, read_long)}")
    firsts = [first_opening(folder) for _ in range(times)]
    print(f"page of the long log, first time      {told(firsts)}")
    running, link = start(folder)
    driver = browser()
    home = link.partition("/?")[0]
    try:
        driver.get(link)
        until(driver, f"{RUNS + 1:,} runs")
        process = psutil.Process(running.pid)
        print(f"memory of the studio, {RUNS:,} runs      {process.memory_info().rss / 1e6:.0f} MB")
        opened = {name: timed(times, lambda name=name: open_run(driver, home, name)) for name in ("long", "run-0001")}
        print(f"page of the long log, with the rest   {opened['long']}")
        print(f"page of a short run                   {opened['run-0001']}")
        listed = timed(times, lambda: open_page(driver, home, f"{RUNS + 1:,} runs"))
        print(f"page of all runs                      {listed}")
        print(f"memory of the studio afterwards       {process.memory_info().rss / 1e6:.0f} MB")
    finally:
        driver.quit()
        stop(running)


def first_opening(folder: Path) -> float:
    """Seconds until the long log is there, in a studio and a browser that have shown nothing but the table of runs."""
    running, link = start(folder)
    driver = browser()
    try:
        driver.get(link)
        until(driver, f"{RUNS + 1:,} runs")
        began = time.perf_counter()
        open_run(driver, link.partition("/?")[0], "long")
        return time.perf_counter() - began
    finally:
        driver.quit()
        stop(running)


def stop(running: subprocess.Popen[str]) -> None:
    """End the studio."""
    running.terminate()
    running.wait()


def open_page(driver: webdriver.Chrome, link: str, words: str) -> None:
    """Open a page and wait for `words` on it."""
    driver.get(link)
    until(driver, words)


def open_run(driver: webdriver.Chrome, home: str, name: str) -> None:
    """Open the page of a run, and wait for its state and for the last of its curves."""
    open_page(driver, f"{home}/run?path=0%2F{name}", "finished")
    until(driver, "Gradient norm")


def main() -> None:
    """Make the runs, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(RUNS):
            write_run(Path(folder) / f"run-{i:04d}", STEPS_OF_A_RUN, 1.7e9 + 1000 * i)
        write_run(Path(folder) / "long", STEPS_OF_THE_LONG, 1.8e9, 1000)
        size = (Path(folder) / "long/events.jsonl").stat().st_size
        print(f"{RUNS:,} runs of {STEPS_OF_A_RUN} steps; one of {STEPS_OF_THE_LONG:,}, {size / 1e6:.0f} MB")
        measure(Path(folder), given.times)


if __name__ == "__main__":
    main()
