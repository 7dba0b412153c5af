"""PolicyView: a policy as rules see it, by what evaluations found out about it. Files only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.report.events import lookup, number


@dataclass(frozen=True)
class PolicyView:
    """The newest evaluation on recordings and the newest in simulation, as their summaries; {} where there is none."""

    held_out: dict[str, Any]
    simulated: dict[str, Any]

    def figure(self, name: str) -> float | None:
        """A number of the evaluation on recordings, by its dotted name."""
        return number(lookup(self.held_out, name))

    def ratio(self, probe: str) -> float | None:
        """Error with one input spoiled, divided by that with none."""
        return number(lookup(self.held_out, f"probes.{probe}.ratio"))

    def beside(self, who: str) -> tuple[int, int] | None:
        """Successes and episodes of what was evaluated beside the policy; None where it was not."""
        found = (self.simulated.get("beside") or {}).get(who) or {}
        k, n = number(found.get("successes")), number(found.get("n"))
        return None if k is None or n is None else (int(k), int(n))


def view_of_policy(run: RunFolder) -> PolicyView | None:
    """What evaluations in a run's folder found; None where there is none."""
    paths = sorted(run.eval.glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    found = [json_or_empty(path) for path in paths]
    recorded = [summary for summary in found if "action_mae" in summary]
    executed = [
        summary
        for summary in found
        if "successes" in summary and not summary.get("reference") and not lookup(summary, "protocol.probe")
    ]
    if not recorded and not executed:
        return None
    return PolicyView(recorded[-1] if recorded else {}, executed[-1] if executed else {})
