"""The tables of SmolVLA's training, and the page they stand on. Nothing here measures.

python benchmarks/smolvla_tables.py benchmarks/results/FILE.json
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from contestants import ROOT
from speed_page import END, replace_measured
from tables import Document, Record, busiest, cell, machine_line, markdown

BENCHMARK = "smolvla_training"
PAGE = ROOT / "docs/evidence/smolvla.md"
BEGIN = "<!-- measured: begin. Everything down to `measured: end` is written by benchmarks/smolvla_tables.py -->"
Column = tuple[str, str]  # side, setting
Rounds = dict[int, Record]
_SIDES = {"lerobot": "LeRobot", "understudy": "Understudy", "before": "Understudy before"}
_SETTINGS = {"mixture": "bf16 weights", "bf16": "bf16 autocast"}
_KEPT = {"off": "nothing kept", "features": "features kept", "memory": "memory kept"}
_LEROBOT = [("lerobot", "fp32"), ("lerobot", "mixture"), ("lerobot", "bf16")]


def title(column: Column) -> str:
    """`LeRobot fp32`, `Understudy bf16, memory kept`."""
    side, setting = column
    precision, _, kept = setting.partition("-")
    if kept:
        return f"{_SIDES[side]} {precision}, {_KEPT[kept]}"
    return f"{_SIDES[side]} {_SETTINGS.get(setting, setting)}"


def batches_of(document: Document) -> list[int]:
    """The batch sizes that were measured."""
    return sorted({r["key"]["batch"] for r in document["records"] if r["key"]["benchmark"] == BENCHMARK})


def rounds_of(document: Document, batch: int) -> dict[Column, Rounds]:
    """The runs that did not fail, by side and setting, and round."""
    found: dict[Column, Rounds] = {}
    for record in document["records"]:
        key = record["key"]
        if key["benchmark"] == BENCHMARK and key["batch"] == batch and "failed" not in record:
            found.setdefault((key["side"], key["setting"]), {})[key["round"]] = record
    return found


def ratios(theirs: Rounds, ours: Rounds) -> list[float]:
    """Their median seconds a step by ours, one for each round that both have."""
    return [_median(theirs[number]) / _median(ours[number]) for number in sorted(theirs.keys() & ours.keys())]


def epochs_to_pay(plain: Rounds, kept: Rounds, batch: int) -> list[float]:
    """How often every frame has to be trained on until computing what is kept has been won back, round by round."""
    found = []
    for number in sorted(plain.keys() & kept.keys()):
        saved = (_median(plain[number]) - _median(kept[number])) / batch
        found.append(kept[number]["build_s_per_frame"] / saved if saved > 0 else float("inf"))
    return found


def smolvla_tables(document: Document) -> str:
    """For each batch size: steps, ratios and memory; what keeping costs; and a line for each run that failed."""
    parts = [part for batch in batches_of(document) for part in _tables(rounds_of(document, batch), batch)]
    records = [r for r in document["records"] if r["key"]["benchmark"] == BENCHMARK]
    parts += [
        f"Failed: {title((r['key']['side'], r['key']['setting']))}, batch {r['key']['batch']}: {r['failed']}"
        for r in records
        if "failed" in r
    ]
    return "\n\n".join(parts)


def _tables(columns: dict[Column, Rounds], batch: int) -> list[str]:
    theirs = [column for column in _LEROBOT if column in columns]
    header = [f"batch {batch}", "peak RSS, GB", "without files, GB"]
    rows = [
        [title(column), *(cell([_gb(r[name]) for r in rounds.values()], ".2f") for name in ("rss", "without_files"))]
        for column, rounds in columns.items()
    ]
    return [f"### Batch {batch}", _seconds(columns, theirs, batch), *_keeping(columns, batch), markdown(header, rows)]


def _seconds(columns: dict[Column, Rounds], theirs: list[Column], batch: int) -> str:
    """Ratios are those of seconds by the clock; processor seconds stand beside, of all threads together."""
    rows = []
    for column, rounds in columns.items():
        worked, clock = ([s for r in rounds.values() for s in r[name]] for name in ("step_cpu_s", "step_s"))
        by = [f"{cell(ratios(columns[other], rounds), '.2f')}x" for other in theirs]
        rows.append([title(column), str(len(worked)), cell(clock, ".2f"), *by, cell(worked, ".2f")])
    ratio = [f"{title(other)} / this" for other in theirs]
    return markdown([f"a step, batch {batch}", "n", "seconds by the clock", *ratio, "processor seconds"], rows)


def _keeping(columns: dict[Column, Rounds], batch: int) -> list[str]:
    rows = []
    for (side, setting), rounds in columns.items():
        precision, _, kept = setting.partition("-")
        plain = columns.get((side, f"{precision}-off"), {})
        if kept in ("", "off") or side != "understudy" or not plain:
            continue
        build = cell([r["build_s_per_frame"] for r in rounds.values()], ".2f")
        size = f"{next(iter(rounds.values()))['bytes_per_frame'] / 1e6:.2f}"
        rows.append([f"{precision}, {_KEPT[kept]}", build, size, cell(epochs_to_pay(plain, rounds, batch), ".2f")])
    if not rows:
        return []
    return [
        markdown([f"keeping, batch {batch}", "seconds to compute a frame", "MB a frame", "paid after epochs"], rows)
    ]


def _median(record: Record) -> float:
    return float(statistics.median(record["step_s"]))


def _gb(size: int | None) -> float | None:
    return None if size is None else size / 1e9


def measured(document: Document, name: str) -> str:
    """The block between the page's markers: machine, conditions and all tables of the result file called `name`."""
    records = [r for r in document["records"] if r["key"]["benchmark"] == BENCHMARK]
    days = sorted({record["at"].split()[0] for record in records})
    key = records[0]["key"]
    codes = " and ".join(sorted({f"`{record['code']}`" for record in records}))
    versions = {r["transformers"] for r in records if "transformers" in r}
    line = (
        f"{machine_line(document)}, transformers {' and '.join(sorted(versions))}. "
        f"Threads on both sides: {key['threads']}; "
        f"{key['cameras']} cameras of {key['pixels']}x{key['pixels']}, device {key['device']}. Measured on "
        f"{' and '.join(days)}, source state {codes}; just before a run, other programs used at most "
        f"{busiest({'records': records}):.0f} % of the processor. "
        f"All values, step by step: `benchmarks/results/{name}`."
    )
    return "\n\n".join([line, smolvla_tables(document)])


def write_smolvla_page(document: Document, name: str, page: Path = PAGE) -> None:
    """Replace what stands between the markers of `page` by what `document` says."""
    replace_measured(page, BEGIN, END, measured(document, name))


def main() -> None:
    """Write the page from a result file."""
    path = Path(sys.argv[1])
    write_smolvla_page(json.loads(path.read_text()), path.name)


if __name__ == "__main__":
    main()
