"""Writes what was measured into docs/evidence/speed.md, between two markers; the words around them stay as they are.

python benchmarks/speed_page.py benchmarks/results/FILE.json
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from contestants import ROOT, say
from tables import Record, busiest, data_path_table, machine_line, markdown, side_by_side_tables, start_up_table
from understudy.core.files import write_atomically

PAGE = ROOT / "docs/evidence/speed.md"
BEGIN = "<!-- measured: begin. Everything down to `measured: end` is written by benchmarks/speed_page.py -->"
END = "<!-- measured: end -->"
# what the project promises: a command's median seconds, or the share of a step, must stay below
_COMMAND_AIMS = {"understudy --help": 0.5, "understudy train --help": 0.5, "python -c 'import understudy'": 0.2}
_GATHER_AIM_PERCENT = 5.0
_GATHER_FIGURE = "gathering, % of a training step"


def write_page(document: dict[str, Any], name: str, page: Path = PAGE) -> None:
    """Replace what stands between the markers of `page` by what `document`, the result file called `name`, says."""
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    write_atomically(page, before + BEGIN + "\n\n" + measured(document, name) + "\n\n" + END + after)


def measured(document: dict[str, Any], name: str) -> str:
    """The block between the markers: machine, aims, and all tables."""
    records: list[Record] = document["records"]
    days = sorted({record["at"].split()[0] for record in records})
    recordings = sorted(
        {r["key"]["recording"] for r in records if r["key"]["benchmark"] == "side_by_side"}, key=lambda n: (len(n), n)
    )
    threads = sorted({r["key"]["threads"] for r in records if "threads" in r["key"]})
    parts = [
        f"{machine_line(document)}. {' and '.join(map(str, threads))} threads on both sides. "
        f"Measured on {' and '.join(days)}, source state `{document['code']}`; just before a run, other programs used "
        f"at most {busiest(document):.0f} % of the processor. All values, step by step: `benchmarks/results/{name}`.",
        "### Aims",
        aims_table(document),
    ]
    for recording in recordings:
        parts += [f"### Training side by side: `{recording}`", side_by_side_tables(document, recording)]
    parts += ["### What a batch costs", data_path_table(document), "### Answering", start_up_table(document)]
    return "\n\n".join(parts)


def aims_table(document: dict[str, Any]) -> str:
    """Each promise beside what was measured."""
    rows = []
    for record in document["records"]:
        key = record["key"]
        if key["benchmark"] == "start_up" and key["command"] in _COMMAND_AIMS and "seconds" in record:
            aim, found = _COMMAND_AIMS[key["command"]], statistics.median(record["seconds"])
            rows.append([f"`{key['command']}`, s", f"below {aim:g}", f"{found:.3f}", _verdict(found, aim)])
        elif _GATHER_FIGURE in record.get("figures", {}):
            found, aim = record["figures"][_GATHER_FIGURE], _GATHER_AIM_PERCENT
            label = f"gathering a batch of 8, % of a training step, `{key['recording']}`"
            rows.append([label, f"below {aim:g}", f"{found:.3f}", _verdict(found, aim)])
    return markdown(["", "aim", "measured", ""], rows)


def _verdict(found: float, aim: float) -> str:
    return "met" if found < aim else "MISSED"


def main() -> None:
    """Write the page from a result file."""
    path = Path(sys.argv[1])
    write_page(json.loads(path.read_text()), path.name)
    say(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
