"""The tables of docs/evidence/finetuning.md, from a result document. Nothing here measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from contestants import ROOT
from tables import machine_line, markdown
from understudy.core.files import write_atomically
from understudy.core.stats import clopper_pearson
from understudy.core.training_seeds import rate_over_training_seeds

if TYPE_CHECKING:
    from finetuning import Arm

PAGE = ROOT / "docs/evidence/finetuning.md"
Document = dict[str, Any]


def write(document: Document, arms: Mapping[str, tuple[Arm, ...]], target: str) -> None:
    """Put what was measured between the marks of the page, each part between its own."""
    text = PAGE.read_text()
    parts = {part.replace(" ", "-"): part_tables(document, arms, part, target) for part in document["comparisons"]}
    for mark, told in {**parts, "beside": beside(document, target)}.items():
        begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{told}\n\n{end}{rest.partition(end)[2]}"
    write_atomically(PAGE, text)


def part_tables(document: Document, arms: Mapping[str, tuple[Arm, ...]], part: str, target: str) -> str:
    """Successes of every arm, then the comparisons."""
    known = {arm.key: arm for group in arms.values() for arm in group}
    asked = document["comparisons"][part]
    shown = {key for question in asked for key in question.split(" - ")}
    seeds = document["seeds"][part]
    header = ["", "updates", *(f"seed {seed}" for seed in seeds), "together", "exact interval", "over training seeds"]
    rows = [arm_row(document, known[key], seeds, target) for key in known if key in shown]
    header += ["mean progress", "CPU s a training"]
    questions = {question: [known[key].words for key in question.split(" - ")] for question in asked}
    return "\n\n".join([markdown(header, rows), comparison_table(asked, questions), *_before(document, part, arms)])


def _before(document: Document, part: str, arms: Mapping[str, tuple[Arm, ...]]) -> list[str]:
    """Of the part that starts from the pretrained policy: each fine-tuned one against it."""
    if part != next(iter(arms)):
        return []
    before = document["before"]
    return [comparison_table(before, {q: [f"`{name}`" for name in q.split(" - ")] for q in before})]


def arm_row(document: Document, arm: Arm, seeds: list[int], target: str) -> list[str]:
    """What came of one arm."""
    found = [document["policies"][f"{arm.key}-{seed}"][target] for seed in seeds]
    outcomes = np.array([each["outcomes"] for each in found])
    k, n = int(outcomes.sum()), outcomes.size
    exact, over = clopper_pearson(k, n), rate_over_training_seeds(outcomes)
    seconds = np.mean([document["cpu_s"][f"train {arm.key}-{seed}"] for seed in seeds])
    progress = np.mean([each["progress"] for each in found])
    each = [f"{outcome['successes']}/{outcome['n']}" for outcome in found]
    updates = f"{arm.times * document['amounts']['steps']:,}"
    ends = [f"{interval.low:.0%} to {interval.high:.0%}" for interval in (exact, over)]
    return [arm.words, updates, *each, f"{k}/{n} = {k / n:.0%}", *ends, f"{progress:.2f}", f"{seconds:.0f}"]


def comparison_table(asked: Document, words: Mapping[str, Sequence[str]]) -> str:
    """A line for each question; words: what a and b of each are called."""
    rows = []
    for question, found in asked.items():
        a, b = words[question]
        low, high = (100 * end for end in found["interval"])
        verdict = {"a": f"better: {a}", "b": f"better: {b}"}.get(found["verdict"], "undecided")
        difference = f"{100 * found['difference']:+.0f} points"
        rows.append([f"{a} - {b}", difference, f"{low:+.0f} to {high:+.0f}", f"{found['p_value']:.3g}", verdict])
    return markdown(["difference", "of success", "95 % interval", "p", "verdict"], rows)


def beside(document: Document, target: str) -> str:
    """What the policies stand beside, and on what it was measured."""
    rows = []
    for name, words in (("pretrained", "pretrained, as it is"), ("hold", "standing still")):
        for task, found in document["policies"][name].items():
            low, high = found["interval"]
            rate = f"{found['successes']}/{found['n']}"
            rows.append([words, task, rate, f"{low:.0%} to {high:.0%}", f"{found['progress']:.2f}"])
    spent = document["cpu_s"]
    kinds = {kind: sum(s for name, s in spent.items() if name.startswith(kind)) for kind in ("record", "train", "eval")}
    first = document["policies"]["pretrained"][target]["protocol"]
    told = [
        markdown(["", "task", "success", "exact interval", "mean progress"], rows),
        f"Protocol `{first['hash'][:12]}`: {target}, starts {first['seeds']['first']} to "
        f"{first['seeds']['first'] + first['seeds']['count'] - 1}, at most {first['horizon']} steps, "
        f"{first['n_action_steps']} actions executed of each prediction.",
        f"Seconds of the processor in all: {kinds['record']:.0f} for recording, {kinds['train']:.0f} for training "
        f"(of which {spent['train pretrained']:.0f} for the pretraining), {kinds['eval']:.0f} for evaluating.",
        f"Machine: {machine_line(document)}.",
    ]
    return "\n\n".join(told)
