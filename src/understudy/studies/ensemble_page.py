"""ensemble.md: the answer first (does the recipe work, how sure), then every measure over the seeds, then the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from understudy.core.units import readable_duration
from understudy.train.dataset_config import DatasetConfig

from .ensemble_summary import MEASURES, EnsembleResult, SeedResult, Spread

_PLOTS = {"overall_loss": "training loss", "validation": "held-out action error", "success": "success in simulation"}


def page(result: EnsembleResult, plots: Sequence[Path]) -> str:
    """The page as Markdown."""
    return "\n".join([*_lines(result, plots), ""])


def table(result: EnsembleResult) -> str:
    """What is printed at the end: the measures, then what failed."""
    lines = [*_measures(result)]
    lines += [f"seed {seed.seed} failed: {first_line(seed)}" for seed in result.failed]
    return "\n".join(lines)


def first_line(seed: SeedResult) -> str:
    """Why it failed, in a line."""
    return (seed.reason or "").partition("\n")[0]


def _lines(result: EnsembleResult, plots: Sequence[Path]) -> Iterator[str]:
    config = result.config
    done, total = len(result.finished), len(result.seeds)
    yield f"# {config['policy']['type']} on {config['dataset']['repo_id']}, {total} training seeds"
    yield ""
    if result.success is not None:
        s = result.success
        low, high = (100 * bound for bound in s.interval)
        yield (
            f"**{s.successes} of {s.n} episodes of {s.env} succeeded: {s.successes / s.n:.1%}**, "
            f"{result.confidence:.0%} interval {low:.1f} to {high:.1f} % ({s.method})."
        )
        yield ""
    elif result.success_note:
        yield f"No success over all seeds: {result.success_note}."
        yield ""
    yield f"{done} of {total} seeds finished." + ("" if done == total else " The measures are of those that did.")
    yield ""
    yield from _measures(result)
    yield ""
    yield from _seeds(result)
    yield ""
    for plot in plots:
        yield f"![{_PLOTS.get(plot.stem, plot.stem)}, each seed and their mean]({plot.relative_to(result.path)})"
        yield ""
    yield from _how(result)


def _measures(result: EnsembleResult) -> Iterator[str]:
    if not result.measures:
        yield "Nothing was measured: no seed finished."
        return
    yield f"| measure | seeds | mean ± std | min | max | {result.confidence:.0%} interval of the mean |"
    yield "| --- | --: | --: | --: | --: | --: |"
    for name, words in MEASURES.items():
        if name in result.measures:
            yield f"| {words} | {' | '.join(_cells(name, result.measures[name]))} |"


def _cells(name: str, s: Spread) -> list[str]:
    def shown(value: float) -> str:
        if name == "success_rate":
            return f"{value:.1%}"
        return f"{value:.1f}" if name == "seconds" else f"{value:.4f}"

    spread = f"{shown(s.mean)} ± {shown(s.std)}" if s.std is not None else shown(s.mean)
    interval = f"{shown(s.interval[0])} to {shown(s.interval[1])}" if s.interval else ""
    return [str(s.n), spread, shown(s.min), shown(s.max), interval]


def _seeds(result: EnsembleResult) -> Iterator[str]:
    yield "| seed | state | step | loss | held-out action error | success | time | |"
    yield "| --: | --- | --: | --: | --: | --: | --: | --- |"
    for seed in result.seeds:
        loss, error, seconds = (seed.measures.get(name) for name in ("loss", "action_error", "seconds"))
        cells = [
            str(seed.seed),
            seed.state,
            f"{seed.step:,}",
            "" if loss is None else f"{loss:.4f}",
            "" if error is None else f"{error:.4f}",
            "" if seed.n is None else f"{seed.successes}/{seed.n}",
            "" if seconds is None else readable_duration(seconds),
            first_line(seed).replace("|", "\\|"),
        ]
        yield f"| {' | '.join(cells)} |"


def _how(result: EnsembleResult) -> Iterator[str]:
    config = result.config
    drawn = config["dataset"]["split_seed"]
    yield "## How it was made"
    yield ""
    yield f"- Threads of each run: {result.threads}."
    if drawn is not None:
        yield f"- All seeds hold out the same episodes, drawn from seed {drawn}: the spread is that of training alone."
    elif DatasetConfig.model_validate(config["dataset"]).draws:
        yield "- Every seed draws its own held-out episodes: the spread is that of training and of the split together."
    yield "- One seed again, alone, equal bit for bit with as many threads:"
    yield ""
    yield f"      understudy train --config_path={result.path}/config.json --seed={result.seeds[0].seed}"
