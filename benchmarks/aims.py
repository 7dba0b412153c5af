"""What the project aims at, beside what was measured: one row for each aim, met or not.

A ratio is Understudy as it comes against LeRobot as it comes (fp32, with the number of loader processes that is its
fastest); the last column is against the fastest of all of LeRobot's settings. Ratios are taken within a round, then
their median. What was not measured says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from inference_tables import Column, columns_of, late_percent, median_ms, speed_ups
from tables import Document, Record, markdown
from training_tables import (
    KNOWN,
    KNOWN_FP32,
    Measure,
    Rounds,
    VariantId,
    fastest,
    first_step,
    gigabytes,
    pace,
    ratios,
    recordings_of,
    runs_of,
)

HEADER = ["what", "LeRobot 0.4.4", "Understudy", "ratio", "aim", "", "ratio to LeRobot's best setting"]
Row = list[str]
# the step's aim depends on what the processor can do with bfloat16
_STEP_AIM, _STEP_AIM_AMX = 2.0, 4.0
_LAUNCH_AIM, _MEMORY_AIM, _WINDOWS_AIM, _INFERENCE_AIM = 4.0, 0.5, 20.0, 3.0
_START_AIM_S = 2.0  # from launch to the first step, without torch's import and the step itself
_DATA_AIM_PERCENT, _GATHER_AIM_PERCENT = 1.0, 5.0
_RATE_AIM_MS = 1000 / 30
_COMMAND_AIMS = {"understudy --help": 0.5, "understudy train --help": 0.5, "python -c 'import understudy'": 0.2}
_GATHER_FIGURE = "gathering, % of a training step"


def aims_table(document: Document) -> str:
    """Each aim beside what was measured."""
    rows: list[Row] = []
    for recording in recordings_of(document, "side_by_side"):
        rows += _training_rows(document, recording)
    for recording in recordings_of(document, "data_path"):
        rows += _data_rows(document, recording)
    for size in dict.fromkeys(r["key"]["size"] for r in document["records"] if r["key"]["benchmark"] == "inference"):
        rows += _inference_rows(document, size)
    rows += _command_rows(document)
    rows.append(["training step, 480x640, on one H200", "—", "not measured: no GPU", "—", "10x", "not measured", "—"])
    return markdown(HEADER, rows)


def _training_rows(document: Document, recording: str) -> Iterator[Row]:
    runs, size = runs_of(document, recording), recording.split("_")[1]
    as_it_comes = fastest(runs, [v for v in runs if v.side == "lerobot" and v.setting == "fp32"])
    best = fastest(runs, [v for v in runs if v.side == "lerobot"])
    step_aim = _STEP_AIM_AMX if "AMX" in document["machine"]["bf16_instructions"] else _STEP_AIM
    for label, measure, form, aim, more_is_better in (
        (f"training step, {size}, s", pace("step_s"), ".3f", step_aim, True),
        (f"launch to first step, {size}, s", first_step, ".1f", _LAUNCH_AIM, True),
        (f"peak memory without mapped files, {size}, GB", gigabytes("without_files"), ".2f", _MEMORY_AIM, False),
    ):
        found = _against(runs, KNOWN, as_it_comes, measure, ours_first=not more_is_better)
        against_best = _against(runs, KNOWN, best, measure, ours_first=not more_is_better)
        theirs, ours = _median(runs, as_it_comes, measure, form), _median(runs, KNOWN, measure, form)
        yield _ratio_row(label, theirs, ours, found, aim, against_best, more_is_better)
    equal = _against(runs, KNOWN_FP32, as_it_comes, pace("step_s"), ours_first=False)
    theirs = _median(runs, as_it_comes, pace("step_s"), ".3f")
    ours = _median(runs, KNOWN_FP32, pace("step_s"), ".3f")
    yield [f"training step, {size}, fp32 on both sides, s", theirs, ours, _times(equal), "—", "—", "—"]
    if KNOWN in runs:
        waited = 100 * statistics.median(r["pace"]["data_share"] for r in runs[KNOWN].values())
        yield _limit_row(f"waiting for data, {size}, % of a step", waited, _DATA_AIM_PERCENT, ".2f")
        torch_s = _command_seconds(document, "python -c 'import torch'")
        if torch_s is not None:
            own = statistics.median(_before_first_step(r) for r in runs[KNOWN].values()) - torch_s
            yield _limit_row(f"launch to first step, {size}, beyond torch's import, s", own, _START_AIM_S, ".1f")


def _before_first_step(record: Record) -> float:
    """Seconds from launch until the first step began: its line comes when it has ended."""
    at_s, update_s, data_s = record["steps"][0]
    return float(at_s - update_s - data_s)


def _data_rows(document: Document, recording: str) -> Iterator[Row]:
    figures: dict[str, float] = {}
    for record in document["records"]:
        key = record["key"]
        if (key["benchmark"], key.get("recording")) == ("data_path", recording):
            figures |= record.get("figures", {})
    size = recording.split("_")[1]
    ours = figures.get("windows per second, Understudy (one thread)")
    theirs = figures.get("windows per second, LeRobot, 0 workers")
    all_of_theirs = [rate for name, rate in figures.items() if name.startswith("windows per second, LeRobot")]
    if ours is not None and theirs is not None:
        yield _ratio_row(
            f"windows per second, {size}",
            f"{theirs:.0f}",
            f"{ours:,.0f}",
            ours / theirs,
            _WINDOWS_AIM,
            ours / max(all_of_theirs),
            more_is_better=True,
        )
    if _GATHER_FIGURE in figures:
        label = f"gathering a batch of 8, {size}, % of a training step"
        yield _limit_row(label, figures[_GATHER_FIGURE], _GATHER_AIM_PERCENT, ".3f")


def _inference_rows(document: Document, size: str) -> Iterator[Row]:
    columns = columns_of(document, size)
    ours: Column = ("understudy", "default")
    if ours not in columns:
        return
    settings = [column for column in columns if column[0] == "lerobot"]
    middle = {column: statistics.median(map(median_ms, columns[column].values())) for column in columns}
    plain: Column = ("lerobot", "fp32")
    best = min(settings, key=lambda column: middle[column]) if settings else None
    yield _ratio_row(
        f"predicting a chunk, {size}, ms",
        f"{middle[plain]:.0f}" if plain in middle else "—",
        f"{middle[ours]:.0f}",
        _middle(speed_ups(columns, ours, plain)),
        _INFERENCE_AIM,
        _middle(speed_ups(columns, ours, best)) if best else None,
        more_is_better=True,
    )
    seconds = [s for record in columns[ours].values() for s in record["act_s"]]
    if seconds:
        label = f"a control step with chunk 100, {size}, mean, ms"
        yield _limit_row(label, 1000 * statistics.mean(seconds), _RATE_AIM_MS, ".1f")
        late = late_percent(columns[ours])
        verdict = "met" if late == 0 else "falls short"
        yield [f"actions after their tick at 30 Hz, {size}, %", "—", f"{late:.1f}", "—", "none", verdict, "—"]


def _command_rows(document: Document) -> Iterator[Row]:
    theirs = _command_seconds(document, "lerobot-train --help")
    for command, aim in _COMMAND_AIMS.items():
        found = _command_seconds(document, command)
        if found is not None:
            row = _limit_row(f"`{command}`, s", found, aim, ".3f")
            if theirs is not None and command == "understudy train --help":
                row[1], row[3] = f"{theirs:.1f}", f"{theirs / found:.0f}x"
            yield row


def _command_seconds(document: Document, command: str) -> float | None:
    """Median seconds of a command that only answers."""
    for record in document["records"]:
        if record["key"].get("command") == command and "seconds" in record:
            return float(statistics.median(record["seconds"]))
    return None


def _against(
    runs: dict[VariantId, Rounds], ours: VariantId, theirs: VariantId | None, measure: Measure, *, ours_first: bool
) -> float | None:
    if theirs is None:
        return None
    return _middle(ratios(runs.get(ours, {}), runs[theirs], measure, ours_first))


def _median(runs: dict[VariantId, Rounds], variant: VariantId | None, measure: Measure, form: str) -> str:
    values = [v for record in runs.get(variant, {}).values() if (v := measure(record)) is not None] if variant else []
    return f"{statistics.median(values):{form}}" if values else "—"


def _ratio_row(
    label: str, theirs: str, ours: str, ratio: float | None, aim: float, to_best: float | None, more_is_better: bool
) -> Row:
    asked = f"{aim:g}x" if more_is_better else f"at most {aim:g}x"
    if ratio is None:
        return [label, theirs, ours, "—", asked, "not measured", "—"]
    met = ratio >= aim if more_is_better else ratio <= aim
    return [label, theirs, ours, _times(ratio), asked, "met" if met else "falls short", _times(to_best)]


def _limit_row(label: str, found: float, limit: float, form: str) -> Row:
    verdict = "met" if found < limit else "falls short"
    return [label, "—", f"{found:{form}}", "—", f"below {limit:.3g}", verdict, "—"]


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "—"
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"


def _middle(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
