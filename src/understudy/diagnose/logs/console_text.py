"""Console output: LeRobot's of every era, W&B's `output.log` of it, and home-made loops that print `name: number`.

    INFO 2025-07-16 20:35:31 ts/train.py:232 step:18K smpl:211K ep:514 epch:513.87 loss:0.046 grdn:6.848 lr:1.0e-05 ...
    2025-10-28 14:56:12,086 - INFO - Step 100/100000 | Loss: 55.7550 | L1: 0.7429 | KLD: 5.5012 | LR: 1.01e-06

LeRobot rounds its counters (`step:18K` for 17,600). Its epochs have two decimals, so with the batch and the number of
frames, which its header gives, the step is found again; without them, lines are counted.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from understudy.core.events import Event
from understudy.core.lerobot_policies import LEROBOT_POLICIES

from .metric_names import events_of
from .parsed import ParsedLog

_SUFFIX = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "Q": 1e15}
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|nan|inf)"
_STEP = re.compile(rf"\bsteps?\s*[:= ]\s*({_NUMBER})([KMBTQ]?)(?:\s*/\s*(\d+))?(?=[:\s|,\])]|$)", re.IGNORECASE)
_PAIR = re.compile(rf"([∑A-Za-z_][\w/. ]*?)\s*[:=]\s*({_NUMBER})([KMBTQ]?)(?=[%\s|,\])]|$)", re.IGNORECASE)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FAULT = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*|.*\b(?:ERROR|CRITICAL)\b.*")
# what the headers of LeRobot and of home-made loops say, by our names
_FACTS = {
    "batch_size": re.compile(r"['\s]batch[_ ]size['\s]*[:=]\s*(\d+)", re.IGNORECASE),
    "log_freq": re.compile(r"['\s]log_freq['\s]*[:=]\s*(\d+)"),
    "total_steps": re.compile(r"(?:cfg\.steps=|^\s*[{ ]'steps':\s*|\btotal steps: )(\d+)", re.IGNORECASE),
    "frames": re.compile(r"(?:dataset\.num_frames=|number of frames: )(\d+)", re.IGNORECASE),
    "episodes": re.compile(r"(?:dataset\.num_episodes=|number of episodes: )(\d+)", re.IGNORECASE),
    "eval_batch_size": re.compile(r"'eval': \{'batch_size': (\d+)"),
    # of all processes together
    "update_batch_size": re.compile(r"Effective batch size: \d+ x \d+ = (\d+)"),
    "save_freq": re.compile(r"'save_freq': (\d+)"),
    "chunk_size": re.compile(r"'chunk_size': (\d+)"),
    "kl_weight": re.compile(r"'kl_weight': (\d+(?:\.\d+)?)"),
    "grad_clip": re.compile(r"'grad_clip_norm': (\d+(?:\.\d+)?)"),
}
_NAMES = {
    "policy": re.compile(rf"'type': '({'|'.join(sorted(LEROBOT_POLICIES))})'"),
    # None becomes ""
    "pretrained": re.compile(r"'pretrained_path': (?:PosixPath\()?'?([^',)}\s]+)"),
    "precision": re.compile(r"'mixed_precision': '(fp16|bf16)'"),
    "dataset": re.compile(r"(?:'repo_id': '|Loading dataset: )([\w.-]+/[\w.-]+)"),
}
_ENDED = re.compile(
    r"\b(?:End of training|Training (?:completed|finished|complete)|Finished training)\b", re.IGNORECASE
)


def read_console_text(lines: Iterable[str]) -> ParsedLog:
    """The training that console output tells of; of several starts in one file, the last."""
    log = ParsedLog("console text", ends_whole=False)
    last = -1.0
    for number, raw in enumerate(lines, start=1):
        line = _COLOUR.sub("", raw).rstrip()
        if events := _metrics(line, log):
            log.metric_lines += 1
            if events[0]["step"] < last:
                log.starts += 1
                log.events.clear()
            last = events[0]["step"]
            log.events += events
            log.read_lines += 1
            continue
        _note_facts(log, line)
        if _FAULT.match(line) and not line.startswith(" "):
            log.errors.append((number, line[-300:]))
        log.ends_whole = log.ends_whole or bool(_ENDED.search(line))
    if "update_batch_size" in log.facts:
        log.facts["batch_size"] = log.facts.pop("update_batch_size")
    _unround(log)
    return log


def _metrics(line: str, log: ParsedLog) -> list[Event]:
    """The events of a line that counts steps and gives numbers; [] for any other line."""
    step = _STEP.search(line)
    if step is None:
        return []
    found = events_of({n: float(x) * _SUFFIX[suffix.upper()] for n, x, suffix in _PAIR.findall(line[step.end() :])})
    if found and step[3]:
        log.facts["total_steps"] = int(step[3])
    log.rounds = log.rounds or bool(found and step[2])
    stamp = _stamp(line)
    when = {} if stamp is None else {"time": stamp}
    return [{**event, "step": float(step[1]) * _SUFFIX[step[2].upper()], **when} for event in found]


def _stamp(line: str) -> float | None:
    found = _STAMP.search(line)
    if found is None:
        return None
    text = f"{found[1]}T{found[2]}.{(found[3] or '0').ljust(6, '0')}+00:00"
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _note_facts(log: ParsedLog, line: str) -> None:
    for name, pattern in _FACTS.items():
        if (found := pattern.search(line)) and name not in log.facts:
            log.facts[name] = int(found[1]) if found[1].isdigit() else float(found[1])
    for name, pattern in _NAMES.items():
        if found := pattern.search(line):
            log.facts.setdefault(name, found[1].removeprefix("None"))


def _unround(log: ParsedLog) -> None:
    """Give lines whose step was printed in thousands the step that they were written at."""
    lines = [event for event in log.events if event["event"] == "step"]
    batch, frames = log.facts.get("batch_size"), log.facts.get("frames")
    every = log.facts.get("log_freq")
    if not log.rounds or not lines:
        return
    spacing = float(every) if isinstance(every, int) else lines[0]["step"] or 1.0
    first = max(1, round(lines[0]["step"] / spacing)) * spacing
    for number, event in enumerate(lines):
        event["step"] = first + spacing * number
        if "epochs" in event and isinstance(batch, int) and isinstance(frames, int):
            event["step"] = round(event["epochs"] * frames / batch / spacing) * spacing
        if isinstance(batch, int):
            event["samples"] = event["step"] * batch
