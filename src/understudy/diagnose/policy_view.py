"""PolicyView: a policy as rules see it, by what evaluations found out about it. Files only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from understudy.core.files import json_or_empty
from understudy.core.run_folder import RunFolder
from understudy.report.events import lookup, number
from understudy.report.judgements import Judgement


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

    def was_tried(self, option: str) -> bool:
        """Whether the evaluation tried to execute chunks with this option, which only policies have that know it."""
        tried = lookup(self.held_out, "horizon_choice.settings")
        return isinstance(tried, list) and any(setting.get(option) is not None for setting in tried)

    def beside(self, who: str) -> tuple[int, int] | None:
        """Successes and episodes of what was evaluated beside the policy; None where it was not."""
        found = (self.simulated.get("beside") or {}).get(who) or {}
        k, n = number(found.get("successes")), number(found.get("n"))
        return None if k is None or n is None else (int(k), int(n))


def view_of_policy(run: RunFolder) -> PolicyView | None:
    """What evaluations in a run's folder found; None where there is none."""
    paths = sorted(run.eval.glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    judged = [Judgement(path.parent, json_or_empty(path)) for path in paths]
    found = [judgement.summary for judgement in judged if judgement.is_own]
    recorded = [summary for summary in found if "action_mae" in summary]
    executed = [summary for summary in found if "successes" in summary]
    if not recorded and not executed:
        return None
    return PolicyView(recorded[-1] if recorded else {}, executed[-1] if executed else {})
