"""Writes what was measured into docs/evidence/speed.md, between two markers; the words around them stay as they are.

python benchmarks/speed_page.py benchmarks/results/FILE.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aims import aims_table
from contestants import ROOT, say
from inference_tables import inference_tables
from roofline_tables import roofline_tables
from tables import Record, busiest, data_path_table, machine_line, start_up_table
from training_tables import recordings_of, training_tables
from understudy.core.files import write_atomically

PAGE = ROOT / "docs/evidence/speed.md"
BEGIN = "<!-- measured: begin. Everything down to `measured: end` is written by benchmarks/speed_page.py -->"
END = "<!-- measured: end -->"


def write_page(document: dict[str, Any], name: str, page: Path = PAGE) -> None:
    """Replace what stands between the markers of `page` by what `document`, the result file called `name`, says."""
    replace_measured(page, BEGIN, END, measured(document, name))


def replace_measured(page: Path, begin: str, end: str, text: str) -> None:
    """Put `text` between two markers of a page, in place of what stands there; the words around them stay."""
    before, rest = page.read_text().split(begin)
    _, after = rest.split(end)
    write_atomically(page, before + begin + "\n\n" + text + "\n\n" + end + after)


def measured(document: dict[str, Any], name: str) -> str:
    """The block between the markers: machine, aims, and all tables."""
    records: list[Record] = document["records"]
    days = sorted({record["at"].split()[0] for record in records})
    threads = sorted({r["key"]["threads"] for r in records if "threads" in r["key"]})
    parts = [
        f"{machine_line(document)}. {' and '.join(map(str, threads))} threads on both sides. "
        f"Measured on {' and '.join(days)}, {_source_states(records)}; just before a run, other programs used "
        f"at most {busiest(document):.0f} % of the processor. All values, step by step: `benchmarks/results/{name}`.",
        "### Aims",
        aims_table(document),
    ]
    for recording in recordings_of(document, "side_by_side"):
        parts += [f"### Training side by side: `{recording}`", training_tables(document, recording)]
    measured_benchmarks = {record["key"]["benchmark"] for record in records}
    if "inference" in measured_benchmarks:
        parts += ["### Predicting", inference_tables(document)]
    if "roofline" in measured_benchmarks:
        parts += ["### Where a step's time goes", roofline_tables(document)]
    parts += ["### What a batch costs", data_path_table(document), "### Answering", start_up_table(document)]
    return "\n\n".join(parts)


def _source_states(records: list[Record]) -> str:
    """Which state of the source was measured; where there are several, which benchmark belongs to which."""
    by_code: dict[str, list[str]] = {}
    for record in records:
        by_code.setdefault(record["code"], []).append(record["key"]["benchmark"])
    if len(by_code) == 1:
        return f"source state `{next(iter(by_code))}`"
    states = [f"`{code}` ({', '.join(dict.fromkeys(names))})" for code, names in by_code.items()]
    return "source states " + " and ".join(states)


def main() -> None:
    """Write the page from a result file."""
    path = Path(sys.argv[1])
    write_page(json.loads(path.read_text()), path.name)
    say(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
