"""How findings of the doctor look on a page: the gravest first, told apart by word and icon, not by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nicegui import ui

from .layout import plain_table

if TYPE_CHECKING:
    from understudy.diagnose.target import Diagnosis

_ICONS = {"error": "error", "warning": "warning", "note": "info"}


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """All findings of a diagnosis, and how much was looked at."""
    lines = f", {diagnosis.events_parsed:,} of {diagnosis.events_seen:,} lines" if diagnosis.events_seen else ""
    found = len(diagnosis.findings)
    words = "nothing was found" if not found else "1 finding" if found == 1 else f"{found} findings"
    ui.label(f"{words}: {diagnosis.rules} questions to this {diagnosis.kind}{lines}").props("role=status")
    findings_list([finding.to_json() for finding in diagnosis.findings])


def findings_list(findings: Sequence[Mapping[str, Any]]) -> None:
    """A card for each finding, as the `finding` events hold them."""
    for finding in findings:
        severity = str(finding.get("severity", "note"))
        with ui.card().classes("w-full gap-1").props("flat bordered"):
            with ui.row().classes("items-center gap-2 no-wrap"):
                ui.icon(_ICONS.get(severity, "info")).props("aria-hidden=true")
                ui.label(f"{severity}: {finding.get('message', '')}").classes("font-medium")
            ui.label(str(finding.get("remedy", "")))
            concerned = finding.get("episodes") or []
            if concerned:
                shown = ", ".join(map(str, concerned[:20])) + (" ..." if len(concerned) > 20 else "")
                ui.label(f"Episodes {shown}").classes("text-sm opacity-70")
            evidence = finding.get("evidence")
            if isinstance(evidence, Mapping) and evidence:
                with ui.expansion(f"Evidence ({finding.get('rule', '')})").classes("w-full").props("dense"):
                    plain_table(["What", "Value"], [[name, str(value)] for name, value in evidence.items()])
