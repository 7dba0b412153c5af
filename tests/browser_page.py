"""What a person sees and does in a browser, for the tests of the studio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

# generous: how fast a loaded machine is, is no promise of ours
WAIT_S = 60


class Page:
    """What a person sees and does in the browser."""

    def __init__(self, driver: webdriver.Chrome, link: str) -> None:
        self.driver, self.link = driver, link
        self.home = link.partition("/?")[0]

    def open(self, path: str = "/") -> None:
        """A page of the studio, after the link with its token has been opened once."""
        if not self.driver.current_url.startswith(self.home):
            self.driver.get(self.link)
        self.driver.get(self.home + path)

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def see(self, *words: str) -> None:
        """Wait until all these words stand on the page."""
        self.until(lambda: all(word in self.text() for word in words), f"{words} on the page")

    def until(self, condition: Callable[[], object], what: str) -> None:
        # what has just been drawn anew is asked for again
        stale = [StaleElementReferenceException]
        waiting = WebDriverWait(self.driver, WAIT_S, poll_frequency=0.1, ignored_exceptions=stale)
        waiting.until(lambda _: condition(), f"waited for {what}")

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        self.until(lambda: self.all(selector), selector)
        return self.all(selector)[0]

    def named(self, text: str) -> WebElement:
        """The link or button with this text."""
        path = f"//*[self::a or self::button][contains(normalize-space(.), '{text}')]"
        self.until(lambda: self.driver.find_elements(By.XPATH, path), text)
        return self.driver.find_element(By.XPATH, path)

    def errors(self) -> list[str]:
        """What the browser complained about on these pages."""
        told = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in told if self.home in message]


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and time: what must not change."""
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()} | {
        str(p): (0, 0) for p in folder.rglob("*") if p.is_dir()
    }
