"""How findings of the doctor look on a page: the gravest first, told apart by word and icon, not by colour alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nicegui import ui

from .layout import plain_table

if TYPE_CHECKING:
    from understudy.diagnose.target import Diagnosis

# (episode, frame or None) -> link to its picture, "" where there is no camera; link to the player there
FrameLinks = Callable[[int, int | None], tuple[str, str]]

_MOST_EPISODES = 18
_ICONS = {"error": "error", "warning": "warning", "note": "info"}


def show_diagnosis(diagnosis: Diagnosis, frames: FrameLinks | None = None) -> None:
    """All findings of a diagnosis, and how much was looked at; of a dataset with the pictures they speak of."""
    lines = f", {diagnosis.events_parsed:,} of {diagnosis.events_seen:,} lines" if diagnosis.events_seen else ""
    found = len(diagnosis.findings)
    words = "nothing was found" if not found else "1 finding" if found == 1 else f"{found} findings"
    ui.label(f"{words}: {diagnosis.rules} questions to this {diagnosis.kind}{lines}").props("role=status")
    findings_list([finding.to_json() for finding in diagnosis.findings], frames)


def findings_list(findings: Sequence[Mapping[str, Any]], frames: FrameLinks | None = None) -> None:
    """A card for each finding, as the `finding` events hold them."""
    for finding in findings:
        severity = str(finding.get("severity", "note"))
        with ui.card().classes("w-full gap-1").props("flat bordered"):
            with ui.row().classes("items-center gap-2 no-wrap"):
                ui.icon(_ICONS.get(severity, "info")).props("aria-hidden=true")
                ui.label(f"{severity}: {finding.get('message', '')}").classes("font-medium")
            ui.label(str(finding.get("remedy", "")))
            concerned = [int(number) for number in finding.get("episodes") or []]
            if concerned and frames is None:
                shown = ", ".join(map(str, concerned[:_MOST_EPISODES])) + (" ..." if concerned[_MOST_EPISODES:] else "")
                ui.label(f"Episodes {shown}").classes("text-sm opacity-70")
            elif concerned and frames is not None:
                _pictures(concerned, finding.get("frames") or [], frames)
            evidence = finding.get("evidence")
            if isinstance(evidence, Mapping) and evidence:
                with ui.expansion(f"Evidence ({finding.get('rule', '')})").classes("w-full").props("dense"):
                    plain_table(["What", "Value"], [[name, str(value)] for name, value in evidence.items()])


def _pictures(episodes: Sequence[int], spans: Sequence[Sequence[int]], frames: FrameLinks) -> None:
    """A picture of each episode concerned, at the frame that is named, and the way to the player there."""
    named = {int(episode): int(first) for episode, first, _ in reversed(spans)}
    with ui.row().classes("gap-2"):
        for episode in episodes[:_MOST_EPISODES]:
            still, player = frames(episode, named.get(episode))
            with ui.link(target=player).classes("w-32 no-underline"):
                if still:
                    ui.image(still).classes("w-full").props(f'alt="episode {episode}"')
                frame = f", frame {named[episode]}" if episode in named else ""
                ui.label(f"episode {episode}{frame}").classes("text-sm")
        if len(episodes) > _MOST_EPISODES:
            ui.label(f"and {len(episodes) - _MOST_EPISODES:,} more").classes("text-sm opacity-70")
