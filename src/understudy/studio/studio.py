"""Studio: what all pages of one studio share: the served folders, the runs, the logs that are open, the theme."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from understudy.core.run_folder import RunFolder

from .dataset_list import DatasetList
from .event_log import EventLog
from .film import Films
from .places import Places
from .predictor import Predictor
from .run_list import RunList

# logs that are kept open: those of the pages that somebody looks at, and of a comparison
_MOST_LOGS = 24


class Studio:
    """One studio. `dark`: true, false, or None for what the browser prefers."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.runs = RunList(places.roots)
        self.datasets = DatasetList(places)
        self.films = Films(self.datasets)
        self.predictor = Predictor()
        self.dark: bool | None = None
        self._logs: OrderedDict[Path, EventLog] = OrderedDict()

    def log(self, run: Path) -> EventLog:
        """The log of a run, read on by whoever looks at it first."""
        log = self._logs.pop(run, None) or EventLog(RunFolder(run).events)
        self._logs[run] = log
        while len(self._logs) > _MOST_LOGS:
            self._logs.popitem(last=False)
        return log
