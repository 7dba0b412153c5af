"""Datasets and the player of episodes, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from selenium.webdriver.common.keys import Keys

from browser_page import Page, files
from make_dataset import make_dataset
from small_smolvla import small_smolvla
from understudy.data.lerobot import load_dataset
from understudy.policies.act.config import ActConfig
from understudy.policies.config import Feature
from understudy.policies.pretrained import save_pretrained

pytestmark = pytest.mark.browser

CAMERAS = ("front", "wrist")
PLAYER = "/episode?dataset=0%2Fblocks&episode=1"


@pytest.fixture
def blocks(outputs: Path) -> Path:
    return make_dataset(outputs / "blocks", frames=40, cameras=CAMERAS, size=(48, 64), tasks=("stack <b>blocks</b>",))


def shown_frame(page: Page) -> tuple[str, list[str]]:
    """The frame that the player tells, and those of its pictures."""
    told = page.one("[role=timer]").text
    pictures = [image.get_attribute("src") or "" for image in page.all("img[src*='/frame?']")]
    return told.partition(" /")[0], [source.rpartition("frame=")[2].partition("&")[0] for source in pictures]


def test_a_dataset_is_found_looked_at_and_left_as_it_was(blocks: Path, page: Page, outputs: Path) -> None:
    before = files(outputs)
    page.open("/datasets")
    page.see("blocks", "3 episodes", "120 frames", "2 cameras")
    page.named("blocks").click()
    page.see("stack <b>blocks</b>", "observation.images.wrist 64x48", "episode 2")
    page.until(lambda: len([i for i in page.all("img") if i.get_property("naturalWidth")]) == 6, "all pictures")
    page.named("Ask the doctor").click()
    page.see("questions to this dataset")
    assert files(outputs) == before
    assert page.errors() == []


def test_cameras_and_curves_step_together(blocks: Path, page: Page) -> None:
    page.open(PLAYER)
    page.see("Episode 1", "40 frames")
    page.until(lambda: "decoded" not in page.text() and len(shown_frame(page)[1]) == 2, "both cameras")
    body = page.one("body")
    for key, expected in ((Keys.ARROW_RIGHT, "1"), (Keys.ARROW_RIGHT, "2"), (Keys.ARROW_LEFT, "1"), (Keys.END, "39")):
        body.send_keys(key)
        page.until(lambda: shown_frame(page) == (expected, [expected] * 2), expected)  # noqa: B023
    assert page.errors() == []


def test_it_plays_to_the_end_and_stops(blocks: Path, page: Page) -> None:
    page.open(PLAYER + "&frame=5")
    page.see("Episode 1", "5 / 39")
    page.until(lambda: "decoded" not in page.text(), "all frames")
    page.one("button[aria-label=play]").click()
    page.until(lambda: shown_frame(page)[0] == "39", "the last frame")
    page.one("button[aria-label=play]")
    assert page.errors() == []


def test_what_a_policy_predicts_is_drawn_over_what_was_demonstrated(blocks: Path, page: Page, outputs: Path) -> None:
    inputs = {f"observation.images.{camera}": Feature(type="VISUAL", shape=(3, 48, 64)) for camera in CAMERAS}
    inputs["observation.state"] = Feature(type="STATE", shape=(6,))
    options = {"input_features": inputs, "output_features": {"action": Feature(type="ACTION", shape=(6,))}}
    config = ActConfig.model_validate(ActConfig.tiny().model_dump() | options)
    torch.manual_seed(0)
    folder = outputs / "cube/checkpoints/000100/pretrained_model"
    folder.parent.mkdir(parents=True)
    save_pretrained(config.build(config.fake_statistics()), folder)
    page.open(PLAYER)
    choose_policy(page)
    page.see(f"predicted from frame 0 on: {config.chunk_size} actions")
    assert "told" not in page.one("[role=status]").text
    assert page.errors() == []


def test_a_policy_that_reads_is_told_the_task_and_finds_cameras_that_its_run_renamed(
    blocks: Path, page: Page, outputs: Path
) -> None:
    names = {f"observation.images.{camera}": f"observation.images.camera{n}" for n, camera in enumerate(CAMERAS, 1)}
    policy = small_smolvla(load_dataset(str(blocks), rename_map=names).spec)
    folder = outputs / "cube/checkpoints/000100/pretrained_model"
    folder.parent.mkdir(parents=True)
    save_pretrained(policy, folder, train_config={"rename_map": names})
    page.open(PLAYER + "&frame=3")
    choose_policy(page)
    page.see(f"predicted from frame 3 on: {policy.config.chunk_size} actions, told “stack <b>blocks</b>”")
    assert page.errors() == []


def choose_policy(page: Page) -> None:
    page.see("Prediction of the run")
    page.one("input[aria-label='Prediction of the run']").send_keys("cube")

    def chosen() -> bool:
        # the list is drawn anew with each letter: one that has just gone is looked for again
        for option in page.all("[role=option]"):
            if "cube" in option.text:
                option.click()
                return True
        return False

    page.until(chosen, "the run")


def test_a_damaged_video_is_told_where_the_player_would_be(blocks: Path, page: Page) -> None:
    for video in blocks.rglob("*.mp4"):
        content = video.read_bytes()
        video.write_bytes(content[: len(content) // 3])
    page.open(PLAYER)
    page.until(lambda: ".mp4" in page.text(), "the file's name")


def test_an_episode_that_is_not_there_is_told(blocks: Path, page: Page) -> None:
    page.open("/episode?dataset=0%2Fblocks&episode=7")
    page.see("There is no episode at position 7")
    assert page.errors() == []
