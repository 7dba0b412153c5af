"""The tables of the roofline: what a step's parts cost, and what they would cost at this machine's limits.

at peak        the part's FLOP at the greatest matmul rate measured in the precision of the step
at bandwidth   the part's bytes at the bandwidth measured: what it would take if nothing but moving operands cost time
of peak        the share of that matmul rate that the part reaches
limit          the matmuls at their peak, then the optimiser at the bandwidth, then the masks at the rate of drawing:
               one after the other, and without doing less, a step cannot be shorter
of LeRobot's   the arithmetic that is done, against that of a step in which nothing is left out
"""

from __future__ import annotations

from typing import Any

from act_flop import Sizes, act_step_flop
from tables import Document, Record, markdown

_GIGA = 1e9


def roofline_tables(document: Document) -> str:
    """The machine's limits, a summary of the steps, and a table for each step."""
    limits = limits_of(document)
    steps = [r for r in document["records"] if r["key"]["benchmark"] == "roofline"]
    good = [r for r in steps if "failed" not in r]
    parts = [limits_table(limits)] if limits else []
    if limits and good:
        parts.append(step_summary(good, limits))
        parts += [part_table(record, limits) for record in good]
        parts.append(kind_table(good))
    parts += [f"Failed: {_name(r)}: {r['failed']}" for r in steps if "failed" in r]
    return "\n\n".join(parts)


def limits_of(document: Document) -> Record | None:
    """The machine's limits, as `machine_limits.measure_limits` found them."""
    found = [r for r in document["records"] if r["key"]["benchmark"] == "machine_limits" and "failed" not in r]
    return found[-1] if found else None


def limits_table(limits: dict[str, Any]) -> str:
    """Rates that the machine reached at its best."""
    shapes = list(limits["matmul"]["fp32"])
    rows = [
        [f"matrix product {shape}, GFLOP/s", *(f"{rates[shape] / _GIGA:.0f}" for rates in limits["matmul"].values())]
        for shape in shapes
    ]
    rows.append(["greatest of these: the peak, GFLOP/s", *(f"{v / _GIGA:.0f}" for v in limits["peak"].values())])
    label = "3x3 convolution, 64 channels, 120x160, GFLOP/s"
    rows.append([label, *(f"{v / _GIGA:.0f}" for v in limits["convolution"].values())])
    rows.append(["copy of 256 MiB, GB/s read and written", f"{limits['copy'] / _GIGA:.1f}", "—"])
    rows.append(["triad of 256 MiB, GB/s read and written", f"{limits['triad'] / _GIGA:.1f}", "—"])
    rows.append(["dropout mask by `bernoulli_`, million elements/s", f"{limits['draws'] / 1e6:.0f}", "—"])
    rows.append(["random words of 64 bits by `random_`, million/s", f"{limits['words'] / 1e6:.0f}", "—"])
    return markdown(["the machine at its best", *limits["matmul"]], rows)


def step_summary(records: list[Record], limits: Record) -> str:
    """One line for each step: how much of the machine's peak it reaches."""
    rows = []
    for record in records:
        peak, fastest = limits["peak"][precision_of(record)], max(limits["peak"].values())
        rate = record["flop"] / record["step_s"]
        rows.append(
            [
                _name(record),
                f"{record['flop'] / _GIGA:.0f}",
                f"{100 * record['flop'] / step_flop(record['key']['recording']):.0f}",
                f"{1000 * record['step_s']:,.0f}",
                f"{rate / _GIGA:.0f}",
                f"{1000 * record['flop'] / peak:,.0f}",
                f"{1000 * (record['flop'] / peak + _beyond_matmuls(record, limits)):,.0f}",
                f"{100 * rate / peak:.0f}",
                f"{100 * rate / fastest:.0f}",
            ]
        )
    header = ["training step", "GFLOP", "of LeRobot's, %", "measured, ms", "GFLOP/s", "at peak, ms", "limit, ms"]
    return markdown([*header, "of peak, %", "of the fastest peak, %"], rows)


def part_table(record: Record, limits: Record) -> str:
    """The parts of one step. Masks are shown on their own and left out of the parts they are drawn for."""
    peak, bandwidth = limits["peak"][precision_of(record)], _bandwidth(limits)
    rows = []
    for part, spent in record["parts"].items():
        masks = record["masks"][part]
        own = {name: spent[name] - masks[name] for name in ("flop", "bytes", "seconds")}
        rows.append(_part_row(part, own, record["step_s"], peak, bandwidth))
    masks = record["kinds"]["dropout masks"]
    rows.sort(key=lambda row: -float(row[3].replace(",", "")))
    drawn = _part_row("dropout masks", masks, record["step_s"], peak, bandwidth)
    drawn[5] = f"{1000 * _drawing_s(record, limits):,.0f} (drawing alone)"
    rows.append(drawn)
    seconds = sum(spent["seconds"] for spent in record["parts"].values())
    between = record["step_s"] - seconds
    rows.append(["between operations", "—", "—", f"{1000 * between:,.0f}", _percent(between, record), "—", "—", "—"])
    header = [_name(record), "GFLOP", "GB", "measured, ms", "of the step, %", "at peak, ms", "at bandwidth, ms"]
    return markdown([*header, "of peak, %"], rows)


def _part_row(part: str, spent: dict[str, float], step_s: float, peak: float, bandwidth: float) -> list[str]:
    seconds, flop = spent["seconds"], spent["flop"]
    return [
        part,
        f"{flop / _GIGA:.1f}" if flop else "—",
        f"{spent['bytes'] / _GIGA:.2f}",
        f"{1000 * seconds:,.0f}",
        f"{100 * seconds / step_s:.0f}",
        f"{1000 * flop / peak:,.0f}" if flop else "—",
        f"{1000 * spent['bytes'] / bandwidth:,.0f}",
        f"{100 * flop / peak / seconds:.0f}" if flop and seconds else "—",
    ]


def kind_table(records: list[Record]) -> str:
    """What kind of operation the time of each step goes to, in per cent of it."""
    kinds = list(records[0]["kinds"])
    rows = [[kind, *(_percent(r["kinds"][kind]["seconds"], r) for r in records)] for kind in kinds]
    return markdown(["of the step, %", *map(_name, records)], rows)


def _bandwidth(limits: Record) -> float:
    return float(max(limits["copy"], limits["triad"]))


def _drawing_s(record: Record, limits: Record) -> float:
    """Seconds that drawing the step's masks takes at the machine's rate."""
    masks = record["kinds"]["dropout masks"]
    return float(masks["drawn"] / limits["draws"] + masks["words"] / limits["words"])


def _beyond_matmuls(record: Record, limits: Record) -> float:
    """Seconds at the machine's limits of what no arithmetic unit bounds: the optimiser and the masks."""
    moved = record["parts"].get("clipping and optimiser", {"bytes": 0.0})["bytes"]
    return float(moved / _bandwidth(limits) + _drawing_s(record, limits))


def step_flop(recording: str) -> int:
    """The arithmetic of LeRobot's step, counted by hand (act_flop.py), for the pictures of `recording`."""
    height, width = map(int, recording.split("_")[1].split("x"))
    return sum(act_step_flop(Sizes(height, width)).values())


def precision_of(record: Record) -> str:
    """The precision whose peak bounds a step: bf16 where its operations were converted to it."""
    return "bf16" if record["precision"] == "bf16" else "fp32"


def _name(record: Record) -> str:
    size = record["key"]["recording"].split("_")[1]
    return f"{size}, {record['key']['setting']}"


def _percent(seconds: float, record: Record) -> str:
    return f"{100 * seconds / record['step_s']:.0f}"
