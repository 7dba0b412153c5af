"""Finding: something that a rule has to say, with its evidence and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
# the gravest first
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    severity   error: it will not work as it is; warning: it probably costs quality or time; note: worth knowing
    message    what is the case, in one sentence with its numbers
    remedy     what to do about it
    evidence   the numbers that decided, by name
    episodes   the episodes concerned, in ascending order; () where it is about the whole
    frames     the frames concerned, as (episode, first frame, last frame)
    rule       filled in by whoever runs the rules
    """

    severity: Severity
    message: str
    remedy: str
    evidence: dict[str, Any] = field(default_factory=dict)
    episodes: tuple[int, ...] = ()
    frames: tuple[tuple[int, int, int], ...] = ()
    rule: str = ""

    def to_json(self) -> dict[str, Any]:
        """What `doctor --json` and the `finding` event hold."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "episodes": list(self.episodes),
            "frames": [list(span) for span in self.frames],
            "evidence": self.evidence,
            "remedy": self.remedy,
        }
