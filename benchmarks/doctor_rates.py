"""How often the doctor's rules fire on what is sound, and how often on faults put into it.

    python benchmarks/doctor_rates.py --folder /tmp/doctor

Writes its tables into docs/evidence/doctor.md. Recordings and trainings are made first where they are not in the folder
yet (an hour on two cores). What fired is written in full beside them, as fired.txt, for a person to look whether it was
right; what was right, and why, is in `CAUSES`.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from contestants import ROOT
from doctor_faults import FAULTS, Fault
from doctor_run_faults import RUN_FAULTS
from doctor_sets import FAULTY_RUNS, REAL, RUNS, SHARED, make
from tables import markdown
from understudy.core.files import write_atomically
from understudy.core.run_folder import RunFolder
from understudy.data.lerobot import load_dataset
from understudy.diagnose.dataset_view import DatasetView, view_of_dataset
from understudy.diagnose.finding import Finding
from understudy.diagnose.policy_view import view_of_policy
from understudy.diagnose.rule import Looks, all_rules, apply_rules
from understudy.diagnose.run_view import RunView, view_of_run
from understudy.diagnose.target import findings_of

PAGE = ROOT / "docs/evidence/doctor.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
# (rule, sets) that a person who looked agrees with: names are matched from their begin
CAUSES: dict[str, tuple[str, ...]] = {
    # facts: fewer than twenty episodes; what the files of that set are; legs and waist that do not move
    "too_few_demonstrations": ("",),
    "format_deviations": ("gr1",),
    # read from the joints and the contact sheets; a pendulum that stands is left standing until its time is over
    "idle_ends": ("cr5", "pendulum"),
    # gaps in the recorder's clock
    "time_stamps": ("cr5",),
    # equal to the last pixel while the joints move fast
    "frames_doubled": ("g1",),
    # in the attempts that failed, and were kept, the gripper never closed and the wrist was at its end; legs and waist
    "frozen_joint": ("gr1", "lift_failures"),
    "joint_at_its_limit": ("lift_failures",),
    # forecasts, not faults
    "worth_going_on": ("",),
    # flat by the curve, from a step on at which the learning rate was not yet low
    "plateau": ("fast", "pi0_noisy_b"),
    # 20 noisy episodes, batches of 16: held-out error 0.092 at step 1,000, 0.104 at the end
    "overfitting": ("pi0_noisy_e",),
    # few steps for ACT: it fails in 10 trials of 10; the other is worse than the mean action on held-out episodes
    "ended_early": ("act",),
    "seams": ("act", "fast_spread_f"),
    "blind_to_cameras": ("act_reach_a",),
    "no_better_than_standing_still": ("fast_spread_f",),
    "gradients_clipped": ("fast_spread_f",),
}

Findings = dict[str, list[Finding]]


def datasets(folder: Path) -> Iterator[DatasetView]:
    """The sound ones: recorded here, recorded by LeRobot, and real ones with parts of them."""
    for path in sorted(p.parent.parent for p in folder.glob("*/meta/info.json")):
        yield replace(view_of_dataset(load_dataset(str(path))), name=path.name)
    yield replace(view_of_dataset(load_dataset(str(ROOT / "tests/data/lerobot_0_4_4"))), name="lerobot_0_4_4")
    for name, parts in REAL.items() if SHARED.exists() else ():
        whole = view_of_dataset(load_dataset(str(SHARED / name)))
        for part in parts:
            of = "" if part == slice(None) else f" {part.start} to {part.stop - 1}"
            # the statistics that it brings along are those of the whole
            yield replace(whole, name=name + of, episodes=whole.episodes[part], stored=whole.stored if not of else None)


def found_in_runs(folder: Path, names: dict[str, tuple[str, str, str]]) -> tuple[list[RunView], Findings]:
    """Trainings and what is found in each of them and its evaluations."""
    views, found = [], {}
    for name in names:
        path = folder / "runs" / name.replace(" ", "_")
        if view_of_policy(RunFolder(path)) is None:
            print(f"{name} is not there, or was not evaluated: left out")
            continue
        views.append(replace(view_of_run(RunFolder(path)), name=name))
        found[name] = findings_of(views[-1], path)
    return views, found


def with_cause(rule: str, name: str) -> bool:
    """Whether a person agrees."""
    return any(name.startswith(begin) for begin in CAUSES.get(rule, ()))


def rate_table(found: Findings, *kinds: Looks) -> str:
    """How often each rule fired, with and without cause."""
    rows = []
    for rule in all_rules():
        if rule.looks_at not in kinds:
            continue
        fired = [name for name, findings in found.items() if any(f.rule == rule.name for f in findings)]
        without = [name for name in fired if not with_cause(rule.name, name)]
        gravest = {f.severity for findings in found.values() for f in findings if f.rule == rule.name}
        rows.append([rule.name, str(len(fired) - len(without)), str(len(without)), ", ".join(sorted(gravest)) or "—"])
    head = ["rule", "fired with cause", "without cause", "severities"]
    return f"{len(found)} in all.\n\n" + markdown(head, rows)


def fault_table(views: list[DatasetView] | list[RunView], faults: dict[str, Fault]) -> str:
    """How often each fault is found, by its strength: k of n of those that it can be put into."""
    rows = []
    for name, fault in faults.items():
        cells = []
        rule = next(rule for rule in all_rules() if rule.name == fault.rule)
        said = [{f.message for f in rule.check(view)} for view in views]
        for strength in fault.strengths:
            outcomes: Counter[bool] = Counter()
            for view, before in zip(views, said, strict=True):
                damaged = fault.put(view, strength)
                if damaged is None:
                    continue
                news = [f for f in rule.check(damaged) if f.message not in before]
                victim = view.episodes[2].index if fault.one and isinstance(view, DatasetView) else None
                outcomes[any(victim is None or victim in f.episodes for f in news)] += 1
            cells.append(f"{strength:g}: {outcomes[True]}/{outcomes.total()}")
        rows.append([name, fault.rule, fault.unit, ", ".join(cells)])
    return markdown(["fault", "rule", "strength in", "found, by strength"], rows)


def faulty_table(found: Findings) -> str:
    """What is found in trainings that were made badly on purpose."""
    rows = [
        [name, ", ".join(f"{f.rule} ({f.severity})" for f in findings if f.rule != "worth_going_on") or "nothing"]
        for name, findings in found.items()
    ]
    return markdown(["training", "found"], rows)


def told(found: Findings) -> str:
    """Everything that was said, for a person to judge."""
    lines = []
    for name, findings in found.items():
        lines.append(name)
        for f in findings:
            cause = "" if with_cause(f.rule, name) else "  <- no cause named"
            lines.append(f"    {f.severity} {f.rule}: {f.message}{cause}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where recordings and trainings are, or go")
    parser.add_argument("--make", action=argparse.BooleanOptionalAction, default=True, help="make what is missing")
    options = parser.parse_args()
    if options.make:
        make(options.folder)
    views = list(datasets(options.folder))
    in_sets = {view.name: apply_rules(view, Looks.DATASET) for view in views}
    runs, in_runs = found_in_runs(options.folder, RUNS)
    _, in_faulty = found_in_runs(options.folder, FAULTY_RUNS)
    (options.folder / "fired.txt").write_text(told(in_sets) + "\n" + told(in_runs) + "\n" + told(in_faulty))
    text = "\n\n".join(
        [
            "### Sound recordings",
            rate_table(in_sets, Looks.DATASET),
            "### Sound trainings and their policies",
            rate_table(in_runs, Looks.RUN, Looks.POLICY),
            "### Faults put into the sound recordings",
            fault_table(views, FAULTS),
            "### Faults put into the sound trainings",
            fault_table(runs, RUN_FAULTS),
            "### Trainings that were made badly",
            faulty_table(in_faulty),
        ]
    )
    page = PAGE.read_text()
    marked = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
    write_atomically(PAGE, marked.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", page))


if __name__ == "__main__":
    main()
