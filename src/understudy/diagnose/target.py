"""One way in: a dataset, a run folder or a log -> what all rules find in it.

diagnosis = diagnose("outputs/train/x")
for finding in diagnosis.findings: print(finding.severity, finding.message)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from understudy.core.errors import DataError
from understudy.core.run_folder import RunFolder
from understudy.data.tree import has_info

from .dataset_view import DatasetView, view_of_dataset
from .finding import SEVERITIES, Finding
from .policy_view import view_of_policy
from .rule import Looks, all_rules, apply_rules
from .run_view import RunView, view_of_log, view_of_run

Kind = Literal["dataset", "run", "log", "installation"]


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    kind            what the target was taken for
    findings        the gravest first
    events_parsed   lines with numbers that were understood, of a run or a log; 0 for a dataset
    events_seen     lines with numbers that there are
    rules           how many questions were asked
    """

    target: str
    kind: Kind
    findings: tuple[Finding, ...]
    rules: int
    events_parsed: int = 0
    events_seen: int = 0

    @property
    def has_errors(self) -> bool:
        """Whether something was found that will not work as it is."""
        return any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """What `doctor --json` prints."""
        return {
            "target": self.target,
            "kind": self.kind,
            "findings": [finding.to_json() for finding in self.findings],
            "events_parsed": self.events_parsed,
            "events_seen": self.events_seen,
            "rules": self.rules,
        }


def diagnose(target: str | Path, *, pictures: bool = True) -> Diagnosis:
    """Ask every rule about `target`.

    target     a dataset (folder, or owner/name on the Hub), a run folder of ours, or a log of LeRobot, W&B, TensorBoard
               or of a loop that prints its numbers (file, or folder that holds one)
    pictures   False: do not look at a dataset's pictures, which takes most of the time

    Raises DataError for what is none of these. A dataset that cannot be read is a finding, not an error.
    """
    path = Path(target).expanduser()
    kind = kind_of(path)
    if kind == "dataset":
        return _dataset(str(target), pictures=pictures)
    view = run_view_of(path)
    findings = tuple(findings_of(view, path))
    parsed = len(view.events) if view.log is None else view.log.read_lines
    seen = parsed if view.log is None else view.log.metric_lines
    return Diagnosis(str(target), kind, findings, _asked(Looks.RUN, Looks.POLICY), parsed, seen)


def findings_of(view: RunView, path: Path) -> list[Finding]:
    """What all rules find in a run, and in the evaluations that lie in its folder; the gravest first."""
    findings = apply_rules(view, Looks.RUN)
    policy = view_of_policy(RunFolder(path)) if view.log is None and path.is_dir() else None
    if policy is not None:
        findings += apply_rules(policy, Looks.POLICY)
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def kind_of(path: Path) -> Kind:
    """What a path is. Raises DataError when nothing is there and the name is none of the Hub's."""
    if path.is_dir():
        if has_info(path):
            return "dataset"
        return "run" if RunFolder(path).events.exists() else "log"
    if path.is_file():
        return "run" if path.name == "events.jsonl" else "log"
    if path.is_absolute() or len(path.parts) != 2:
        raise DataError(
            "there is nothing to look at",
            where=str(path),
            hint="a dataset's folder or owner/name on the Hub, a run's folder, or a log file",
        )
    return "dataset"


def run_view_of(path: Path) -> RunView:
    """The view of a run folder, of its events.jsonl, or of a log."""
    if kind_of(path) == "run":
        return view_of_run(RunFolder(path.parent if path.is_file() else path))
    return view_of_log(path)


def _dataset(target: str, *, pictures: bool) -> Diagnosis:
    from understudy.data.lerobot import load_dataset

    try:
        view: DatasetView = view_of_dataset(load_dataset(target), pictures=pictures)
    except DataError as error:
        if not has_info(Path(target).expanduser()):
            raise
        broken = Finding(
            "error",
            f"the dataset cannot be read: {error.what}" + (f" ({error.where})" if error.where else ""),
            error.hint or "mend the file that is named",
            {"where": error.where},
            rule="readable",
        )
        return Diagnosis(target, "dataset", (broken,), 1)
    return Diagnosis(target, "dataset", tuple(apply_rules(view, Looks.DATASET)), _asked(Looks.DATASET))


def _asked(*looks_at: Looks) -> int:
    return sum(rule.looks_at in looks_at for rule in all_rules())
