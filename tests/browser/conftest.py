"""A studio over a folder made for the test, and a real browser that looks at it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from browser_page import Page
from runs import command


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    program, served = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or served is None:
        pytest.fail("needs Debian's packages chromium and chromium-driver: `make browser` installs them")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1300,1600")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(served))
    yield driver
    driver.quit()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Call it with folders to serve; the link that was printed. Stopped at the end by Ctrl-C."""
    started: list[subprocess.Popen[str]] = []

    def start(*folders: Path) -> str:
        words = [str(folders[0]), "--port=0", "--open=false"]
        if folders[1:]:
            words.append(f"--datasets=[{', '.join(map(str, folders[1:]))}]")
        running = subprocess.Popen(
            command("studio", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
        )
        started.append(running)
        assert running.stdout is not None
        for line in running.stdout:
            if found := re.search(r"http://\S+", line):
                return found[0]
        raise AssertionError("the studio ended without a link")

    yield start
    for running in started:
        running.send_signal(2)
        assert running.wait(30) in (0, 130)


@pytest.fixture
def page(driver: webdriver.Chrome, studio: Callable[..., str], tmp_path: Path) -> Iterator[Page]:
    """The studio over `tmp_path`/outputs."""
    (tmp_path / "outputs").mkdir(exist_ok=True)
    driver.delete_all_cookies()
    driver.get_log("browser")
    yield Page(driver, studio(tmp_path / "outputs"))
    driver.get("about:blank")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir(exist_ok=True)
    return folder
