"""An episode as a video for people: what happens, and below it the task, the step, the progress and the outcome."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from understudy.core.files import write_atomically
from understudy.data.write.video import VideoWriter
from understudy.envs.environment import Environment, Expert, Observation, Outcome
from understudy.rollout.episode import Episode

BAND = 44  # pixels below the picture, for words
_TEXT, _QUIET = (235, 235, 235), (160, 160, 160)
_GOOD, _BAD = (110, 210, 120), (240, 130, 100)
# how long the last picture stays, so that the outcome can be read
_HELD_S = 1.0


class Filmed(Environment):
    """`env`, filmed: every state is drawn once, after the step that led to it."""

    def __init__(self, env: Environment, seed: int, width: int, height: int, *, horizon: int | None) -> None:
        super().__init__(env.task)
        self._env, self._seed, self._size = env, seed, (width, height)
        self._horizon = horizon or env.task.horizon
        self._video = VideoWriter((height + BAND, width), env.task.fps, "h264")
        self._step, self._progress = 0, 0.0
        self._instruction = ""
        self._last = np.zeros((height, width, 3), np.uint8)

    def begin(self, seed: int) -> str:
        self._instruction = self._env.begin(seed)
        self._draw()
        return self._instruction

    def advance(self, action: np.ndarray) -> Outcome:
        outcome = self._env.advance(action)
        self._step, self._progress = self._step + 1, outcome.progress
        self._draw()
        return outcome

    def look(self, names: Collection[str] | None = None) -> Observation:
        return self._env.look(names)

    def picture(self, width: int, height: int) -> np.ndarray:
        return self._env.picture(width, height)

    def expert(self) -> Expert:
        return self._env.expert()

    def _draw(self) -> None:
        self._last = self._env.picture(*self._size)
        self._add("", _TEXT)

    def _add(self, outcome: str, color: tuple[int, int, int]) -> None:
        first = f"{self.task.name}  ·  seed {self._seed}"
        seconds = self._step / self.task.fps
        second = f"step {self._step}/{self._horizon}  ·  {seconds:.1f} s  ·  progress {self._progress:.2f}"
        self._video.add(
            captioned(self._last, first, second, outcome or self._instruction, color if outcome else _QUIET)
        )

    def save(self, file: Path, episode: Episode) -> None:
        """Hold the last picture with the outcome, and write the mp4. Raises DiskFull."""
        for _ in range(max(1, round(_HELD_S * self.task.fps))):
            self._add(episode.reason, _GOOD if episode.success else _BAD)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, self._video.finish())


def captioned(
    picture: np.ndarray, first: str, second: str, third: str, color: tuple[int, int, int] = _TEXT
) -> np.ndarray:
    """`picture` (h, w, 3) with a band of three lines below it: (h + BAND, w, 3)."""
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (width, height + BAND), (24, 24, 28))
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=11)
    for line, (words, shade) in enumerate(((first, _TEXT), (second, _TEXT), (third, color))):
        draw.text((5, height + 2 + 13 * line), _fitting(draw, words, font, width - 10), fill=shade, font=font)
    return np.asarray(canvas)


def _fitting(
    draw: ImageDraw.ImageDraw, words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> str:
    """`words`, cut with dots behind where they would leave the picture."""
    if draw.textlength(words, font=font) <= width:
        return words
    while words and draw.textlength(words + "...", font=font) > width:
        words = words[:-1]
    return words + "..."
