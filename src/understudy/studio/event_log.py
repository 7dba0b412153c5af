"""EventLog: an events.jsonl that is read on from where it stopped, however long it is.

    log = EventLog(path)
    while True:
        if log.read_on():
            history = log.history()      # of a log of a million lines: some thousands of them, evenly spaced

Most lines of a log are steps and telemetry. Of those only the place in the file is kept (eight bytes a line) and some
thousands are parsed when they are asked for; all other events are few, and are kept whole.
"""

from __future__ import annotations

import bisect
import heapq
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from understudy.core.events import Event, parse_event
from understudy.report.events import History, history_of

# points that a curve on a screen can show; more of them are told apart by zooming in
MOST_LINES = 2000
_BLOCK = 1 << 24
_SKIMMED = ("step", "telemetry")
_STARTS = {name: f'{{"event": "{name}"'.encode() for name in _SKIMMED}


class EventLog:
    """The events of one file, as far as it has been read. A file that became shorter is read again from its begin.

    Several pages may look at one log, each from a thread of its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._read = 0
        self._file_id = 0
        self._places = {name: array("q") for name in _SKIMMED}
        self._others: list[tuple[int, Event]] = []
        self._parsed: dict[int, Event] = {}

    @property
    def read(self) -> int:
        """Bytes that have been read."""
        return self._read

    @property
    def others(self) -> list[Event]:
        """All events but steps and telemetry, in order."""
        return [event for _, event in self._others]

    def count(self, name: str) -> int:
        """How many lines there are of "step" or "telemetry"."""
        return len(self._places[name])

    def read_on(self) -> bool:
        """Read what has been written since the last time; whether that was anything. A torn last line waits."""
        with self._lock:
            return self._read_on()

    def _read_on(self) -> bool:
        try:
            facts = self.path.stat()
        except OSError:
            return False
        if facts.st_size < self._read or facts.st_ino != self._file_id:
            self._forget()
            self._file_id = facts.st_ino
        if facts.st_size == self._read:
            return False
        before = self._read
        with self.path.open("rb") as file:
            file.seek(self._read)
            rest = b""
            while block := file.read(_BLOCK):
                rest = self._take(rest + block)
        return self._read > before

    def _take(self, block: bytes) -> bytes:
        """Note the whole lines of a block that begins at `_read`; what is left of it."""
        content = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(content == 10)
        if not len(ends):
            return block
        starts = np.concatenate([[0], ends[:-1] + 1])
        other = np.ones(len(starts), dtype=bool)
        for name, words in _STARTS.items():
            found = _begin_with(content, starts, words)
            self._places[name].frombytes((self._read + starts[found]).astype(np.int64).tobytes())
            other &= ~found
        for first, end in zip(starts[other].tolist(), ends[other].tolist(), strict=True):
            self._note(block[first:end], self._read + first)
        whole = int(ends[-1]) + 1
        self._read += whole
        return block[whole:]

    def _note(self, line: bytes, place: int) -> None:
        event = parse_event(line)
        if event is None:
            return
        if event["event"] in self._places:  # written by somebody who spaces JSON in another way
            self._places[event["event"]].append(place)
        else:
            self._others.append((place, event))

    def history(self, between: tuple[float, float] | None = None) -> History:
        """What happened, from at most MOST_LINES of each kind, evenly spaced, the first and the last among them.

        between   (first, last) step: as many steps more from between these two, so that they stand closer there
        """
        with self._lock:
            return self._history(between)

    def _history(self, between: tuple[float, float] | None) -> History:
        places = _spread(self._places["step"], range(self.count("step")))
        if between is not None:
            places = sorted({*places, *_spread(self._places["step"], self._within(between))})
        telemetry = _spread(self._places["telemetry"], range(self.count("telemetry")))
        lines = heapq.merge(self._others, self._at(places), self._at(telemetry), key=lambda pair: pair[0])
        return history_of([event for _, event in lines])

    def is_sampled(self) -> bool:
        """Whether the log has more steps than `history` shows at once."""
        return self.count("step") > MOST_LINES

    def _within(self, between: tuple[float, float]) -> range:
        """Positions of the lines from the one before the first step to the one after the last."""
        places = self._places["step"]

        def step_of(position: int) -> float:
            return float(self._at([places[position]])[0][1].get("step", 0))

        low = bisect.bisect_left(range(len(places)), between[0], key=step_of)
        high = bisect.bisect_right(range(len(places)), between[1], key=step_of)
        return range(max(0, low - 1), min(len(places), high + 1))

    def _at(self, places: Sequence[int]) -> list[tuple[int, Event]]:
        """The events at these places; what was parsed once is kept while there is room."""
        missing = [place for place in places if place not in self._parsed]
        if missing:
            if len(self._parsed) > 8 * MOST_LINES:
                self._parsed.clear()
                missing = list(places)
            with self.path.open("rb") as file:
                self._parsed.update((place, _parse(file, place)) for place in missing)
        return [(place, self._parsed[place]) for place in places]


def _spread(places: Sequence[int], positions: range) -> list[int]:
    """At most MOST_LINES of the places at these positions, evenly spaced, the first and the last among them."""
    if not positions:
        return []
    chosen = np.linspace(positions[0], positions[-1], min(MOST_LINES, len(positions))).round().astype(np.int64)
    return [places[position] for position in chosen.tolist()]


def _parse(file: BinaryIO, place: int) -> Event:
    file.seek(place)
    return parse_event(file.readline()) or {"event": "damaged"}


def _begin_with(content: np.ndarray, starts: np.ndarray, words: bytes) -> np.ndarray:
    """Which of the lines that begin at `starts` begin with `words`."""
    last = len(content) - 1
    found = np.ones(len(starts), dtype=bool)
    for offset, byte in enumerate(words):
        found &= content[np.minimum(starts + offset, last)] == byte
    return found
