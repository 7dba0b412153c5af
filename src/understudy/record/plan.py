"""What a recording is about to do, printed before it starts, so that a wrong number is seen in time."""

from __future__ import annotations

from pathlib import Path

from understudy.core import log
from understudy.core.files import free_bytes
from understudy.core.units import readable_bytes
from understudy.data.write.form import DatasetForm
from understudy.envs.environment import Task

from .config import RecordConfig

# bytes per pixel; the content decides. h264 as measured on so101/lift at 96x96
_PER_PIXEL = {"h264": 0.15, "av1": 0.1, None: 1.2}


def most_bytes(form: DatasetForm, frames: int) -> int:
    """About what so many frames take on disk."""
    pixels = sum(int(height * width) for height, width in map(form.size_of, form.cameras))
    numbers = sum(form.features[name].shape[0] for name in form.vectors)
    return int(frames * (pixels * _PER_PIXEL[form.codec] + 4 * numbers + 16))


def print_plan(config: RecordConfig, task: Task, form: DatasetForm, target: Path, workers: int, done: int) -> None:
    """The rows of the plan.

    workers   processes; 0: all episodes at once, in this one
    done      attempts of an earlier start that are there already
    """
    n = config.dataset.num_episodes
    cameras = ", ".join(
        f"{name.rpartition('.')[2]} {form.size_of(name)[1]}x{form.size_of(name)[0]}" for name in form.cameras
    )
    _row("task", f"{task.name} version {task.version}, {task.fps} Hz, {task.horizon} steps at most")
    _row("actor", f"{config.policy.name}{_disturbance(config)}")
    kept = (
        "" if config.keep_failures else " if all succeed; one that fails is dropped and the next seed takes its place"
    )
    _row("episodes", f"{n}, seeds {config.seed} to {config.seed + n - 1}{kept}")
    stored = f"{form.codec} video" if form.codec else "PNG"
    _row("cameras", f"{cameras} as {stored}" if cameras else "none")
    size = most_bytes(form, n * task.horizon)
    _row("dataset", f"{target}  about {readable_bytes(size)} if every episode took all its time")
    how = str(workers) if workers else "none: all episodes at once, in this process"
    _row("workers", how + (f"; {done} attempts of an earlier start are there" if done else ""))
    # the episodes are there twice while the dataset is put together
    if 2 * size > (free := free_bytes(target)):
        log.warn(f"the disk has {readable_bytes(free)} free; recording may need up to {readable_bytes(2 * size)}")


def _disturbance(config: RecordConfig) -> str:
    words = ""
    if config.noise:
        fading = f", fading over {config.noise_correlation_s:g} s" if config.noise_correlation_s else ""
        words += f"; noise of {config.noise:.1%} of each joint's range{fading}"
    if config.pushes_per_s and config.push_size:
        words += f"; {config.pushes_per_s:g} pushes a second of up to {config.push_size:.1%} for {config.push_s:g} s"
    return words + ("; the clean action is stored" if words else "")


def _row(label: str, text: str) -> None:
    log.say(f"{label:<10} {text}")
