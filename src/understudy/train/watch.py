"""The doctor while training: rules are asked of the run's own events, and what they find becomes an event, once each.

It reads what was logged and nothing else, so it cannot change a result; how often it looks is bounded by validations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.core.events import Event, read_events
from understudy.diagnose.rule import Looks, apply_rules
from understudy.diagnose.run_view import view_of_events

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.diagnose.finding import Finding

# of these there are many, and no live rule looks at old ones
_MOST_TELEMETRY = 500


class Watch:
    """A sink that remembers what was logged; `news` tells what the rules find in it that they had not found before.

    before   the events of a run that is gone on with
    config   the complete configuration, as train_config.json holds it
    """

    def __init__(self, before: list[Event], config: dict[str, Any]) -> None:
        self._events = [event for event in before if event["event"] != "telemetry"]
        self._telemetry = [event for event in before if event["event"] == "telemetry"][-_MOST_TELEMETRY:]
        self._config = config
        self._said = {str(event.get("rule")) for event in before if event["event"] == "finding"}

    @classmethod
    def of_run(cls, events: Path, config: dict[str, Any]) -> Watch:
        """The watch over a run that is begun or gone on with."""
        return cls(read_events(events), config)

    def event(self, event: dict[str, Any]) -> None:
        """Remember an event."""
        if event["event"] == "telemetry":
            self._telemetry = [*self._telemetry[-_MOST_TELEMETRY:], event]
        else:
            self._events.append(event)

    def close(self) -> None:
        """Nothing is open."""

    def news(self) -> list[Finding]:
        """What rules that hold on an unfinished run find, each rule once in a run's life."""
        view = view_of_events("run", [*self._events, *self._telemetry], self._config)
        found = [finding for finding in apply_rules(view, Looks.RUN, live=True) if finding.rule not in self._said]
        self._said |= {finding.rule for finding in found}
        return found
