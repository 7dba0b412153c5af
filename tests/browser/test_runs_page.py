"""The table of runs and the page of one, in a real browser."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser_page import Page, files
from fake_run import started, step, validation, write_evaluation, write_events, write_run
from understudy.core.run_folder import RunFolder

pytestmark = pytest.mark.browser


def append(run: RunFolder, *events: dict[str, object]) -> float:
    """Write events as a training does; the time at which they were written."""
    with run.events.open("a") as file:
        file.writelines(json.dumps({"event": event["event"], "time": time.time(), **event}) + "\n" for event in events)
    return time.monotonic()


def rows(page: Page) -> int:
    return len(page.all(".ag-center-cols-container .ag-row"))


def last_step(page: Page) -> str:
    return page.one("[role=status]").text


def test_runs_are_listed_searched_and_opened_by_keyboard(outputs: Path, page: Page) -> None:
    for name in ("cube", "banana", "ensemble/seed-1000"):
        write_run(outputs / name)
    page.open()
    page.see("3 runs", "cube", "banana", "ensemble/seed-1000", "finished", "somebody/banana")
    search = page.one("input[type=search]")
    search.send_keys("seed-1000")
    page.until(lambda: rows(page) == 1, "one row")
    search.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)
    page.until(lambda: rows(page) == 3, "three rows")
    for _ in range(40):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        focused = page.driver.switch_to.active_element
        if focused.tag_name == "a" and focused.text == "banana":
            break
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.see("banana", "Gradient norm before clipping", "step 1,000")
    assert page.errors() == []


def test_a_run_that_begins_and_grows_is_followed_within_seconds(outputs: Path, page: Page) -> None:
    page.open()
    page.see("No runs in")
    run = RunFolder(outputs / "live")
    write_events(run, [started(), step(1, 100)])
    page.see("1 run, 1 running")
    page.named("live").click()
    page.see("running: step 1")
    took = []
    for number in (2, 3, 4, 5):
        written = append(run, step(number, 100), validation(number, 100))
        page.until(lambda: f"step {number}" in last_step(page), f"step {number}")  # noqa: B023
        took.append(time.monotonic() - written)
    print(f"seconds until a step was on the page: {[round(seconds, 2) for seconds in took]}")
    page.see("Held-out action error")
    append(run, {"event": "finding", "rule": "r", "severity": "warning", "message": "the loss jumps", "remedy": "rest"})
    page.see("warning: the loss jumps", "rest")
    append(run, {"event": "run_finished", "step": 5})
    page.see("finished: step 5")
    assert page.errors() == []


def test_a_runs_page_shows_evaluations_checkpoints_and_options_and_changes_nothing(outputs: Path, page: Page) -> None:
    run = write_run(outputs / "cube")
    summary = write_evaluation(run) / "summary.json"
    told = json.loads(summary.read_text()) | {"episodes": [7], "baselines": {"hold": {}, "mean": {}}}
    summary.write_text(json.dumps(told))
    (run.eval / "torn").mkdir()
    (run.eval / "torn/summary.json").write_text("{")
    append(
        run, {"event": "checkpoint", "step": 1000, "path": "x/001000", "reasons": ["final"], "bytes": 5, "seconds": 1}
    )
    config = {"policy": {"type": "act", "kl_weight": 7.5}, "dataset": {"repo_id": "somebody/banana"}, "steps": 1000}
    run.config.write_text(json.dumps(config))
    run.split.write_text(json.dumps({"train": [0, 1], "validation": [3, 9], "test": []}))
    before = files(outputs)
    page.open("/run?path=0%2Fcube")
    page.see("Held out", "to choose by", "somebody/banana", "18 episodes")
    page.see("Checkpoints", "x/001000", "Evaluations", "held-out episodes", "torn", "policy.kl_weight", "7.5")
    page.open("/doctor?target=0%2Fcube")
    page.see("questions to this run")
    assert files(outputs) == before
    assert page.errors() == []


def test_curves_are_smoothed_and_drawn_on_a_logarithmic_scale(outputs: Path, page: Page) -> None:
    write_run(outputs / "cube")
    page.open("/run?path=0%2Fcube")
    page.see("Gradient norm")

    def lines() -> list[str]:
        return [path.get_attribute("d") or "" for path in page.all("[aria-label=Loss] svg path[fill=none]")]

    page.until(lambda: any(len(line) > 500 for line in lines()), "a curve")
    before = lines()
    page.one(".q-toggle").click()
    page.until(lambda: lines() != before, "another scale")
    before = lines()
    page.one(".q-slider").click()
    page.until(lambda: len(lines()) > len(before), "a smoothed curve before the raw one")
    assert page.errors() == []


def test_ticked_runs_are_compared(outputs: Path, page: Page) -> None:
    for name, weight in (("cube", 10.0), ("banana", 1.0), ("other", 5.0)):
        run = write_run(outputs / name)
        run.config.write_text(json.dumps({"policy": {"type": "act", "kl_weight": weight}, "seed": 1}))
    page.open()
    page.see("3 runs")
    page.named("Compare ticked").click()
    page.see("Tick two runs or more")
    for name in ("cube", "banana"):
        row = page.named(name).find_element(By.XPATH, "ancestor::*[@row-id]").get_attribute("row-id")
        page.one(f"[row-id='{row}'] input[type=checkbox]").click()
    page.named("Compare ticked").click()
    page.see("Options that differ", "policy.kl_weight", "10.0", "1.0")
    shown = page.one("[aria-label='Held-out action error, standard deviations']")
    page.until(lambda: {"cube", "banana"} <= set(shown.text.split()), "both curves named")
    assert "other" not in page.text()
    assert page.errors() == []


def test_names_that_look_like_html_are_shown_as_text(outputs: Path, page: Page) -> None:
    name = "<img src=x onerror=document.title='owned'>"
    write_run(outputs / name)
    page.open()
    page.see("1 run", name)
    page.named("onerror").click()
    page.see("Gradient norm", name)
    assert page.driver.title != "owned"
    assert page.all("img[src=x]") == []


def test_a_long_log_opens_with_some_of_its_points_and_shows_the_rest_when_zoomed(outputs: Path, page: Page) -> None:
    events = [started(), *({"event": "step", "step": i, "loss": 1 + (i == 15000)} for i in range(1, 20001))]
    write_events(RunFolder(outputs / "long"), events)
    page.open("/run?path=0%2Flong")
    page.see("Of 20,000 logged steps 2,000 are drawn")
    assert page.errors() == []


def test_dark_and_light_are_changed_by_a_button(outputs: Path, page: Page) -> None:
    page.open()
    for words, is_dark in (("light", False), ("dark", True)):
        page.one("header button").click()
        page.until(lambda: bool(page.all("body.body--dark")) == is_dark, words)  # noqa: B023
        page.one(f"header button[aria-label*='{words}']")
    page.open("/datasets")
    page.until(lambda: page.all("body.body--dark"), "dark on the next page too")
    assert page.errors() == []


def test_nothing_wider_than_a_narrow_window_but_tables_of_their_own(outputs: Path, page: Page) -> None:
    write_run(outputs / "cube")
    page.driver.set_window_size(420, 900)
    try:
        for path, words in (("/", "1 run"), ("/run?path=0%2Fcube", "Gradient norm"), ("/doctor", "Ask")):
            page.open(path)
            page.see(words)
            widths = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            scroll, client = page.driver.execute_script(widths)
            assert scroll <= client, path
    finally:
        page.driver.set_window_size(1300, 1600)


def status(link: str, **headers: str) -> int:
    from urllib.error import HTTPError

    try:
        return int(urlopen(Request(link, headers=headers)).status)
    except HTTPError as error:
        return int(error.code)


def test_requests_of_others_are_refused(outputs: Path, page: Page) -> None:
    write_run(outputs / "cube")
    page.open()
    page.see("1 run")
    port = page.home.rpartition(":")[2]
    (cookie,) = [f"{c['name']}={c['value']}" for c in page.driver.get_cookies() if c["name"].endswith(f"_{port}")]
    assert status(f"{page.home}/run?path=0%2Fcube", Cookie=cookie) == 200
    assert status(page.home) == 403
    assert status(f"{page.home}/?token=wrong") == 403
    assert status(f"{page.home}/_nicegui_ws/socket.io/?EIO=4&transport=polling") == 403
    assert status(page.home, Cookie=cookie, Origin="http://evil.example") == 403
    assert status(page.home, Cookie=cookie, Host="evil.example") == 403
    assert status(f"{page.home}/run?path=0%2F..%2F..", Cookie=cookie) == 403
    assert status(f"{page.home}/media?path=0%2F..%2F..%2Fetc%2Fpasswd", Cookie=cookie) == 403
    assert status(f"{page.home}/media?path=0%2Fcube%2Fevents.jsonl", Cookie=cookie) == 404
    assert status(f"{page.home}/run?path=0%2Fnone", Cookie=cookie) == 404


def test_a_run_that_is_removed_while_one_looks_leaves_the_page_standing(outputs: Path, page: Page) -> None:
    write_run(outputs / "cube")
    page.open("/run?path=0%2Fcube")
    page.see("Gradient norm")
    shutil.rmtree(outputs / "cube")
    time.sleep(3)
    page.see("Gradient norm")
    page.open()
    page.see("No runs in")
