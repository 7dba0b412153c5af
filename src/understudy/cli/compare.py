"""`understudy compare A B`: which of two or more policies is better, how sure that is, and what would decide it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.core.files import check_new

LETTERS = ("a", "b", "c", "d", "e", "f")
_MORE = "one more; null: none"


class CompareOptions(Options):
    """Compares evaluations: difference, interval, who wins, how many episodes would decide."""

    a: str = Field(
        min_length=1, description="folder of an evaluation, a run or an ensemble; several training seeds: PATH,PATH,..."
    )
    b: str = Field(min_length=1, description="what it is compared with, written likewise")
    c: str | None = Field(None, description=_MORE)
    d: str | None = Field(None, description=_MORE)
    e: str | None = Field(None, description=_MORE)
    f: str | None = Field(None, description=_MORE)
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals; 1 - confidence is the error rate")
    allow_unequal_protocols: bool = Field(False, description="compare even what was not measured alike")
    sequential: bool = Field(False, description="read episodes one by one, and say when it was decided")
    output_dir: Path | None = Field(None, description="new folder for the answer as text, JSON and picture")


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code."""
    options = parse_options(CompareOptions, arguments, positionals=LETTERS, verb="compare")
    if options.output_dir is not None:
        check_new(options.output_dir)

    from understudy.evaluate.compare.document import document
    from understudy.evaluate.compare.pair import compare_all
    from understudy.evaluate.compare.protocols import check_equal
    from understudy.evaluate.compare.sides import check_different, read_side
    from understudy.evaluate.compare.table import table

    sides = [read_side(letter, text) for letter in LETTERS if (text := getattr(options, letter)) is not None]
    check_different(sides)
    differing = check_equal(sides, allowed=options.allow_unequal_protocols)
    comparisons = compare_all(sides, options.confidence, sequential=options.sequential)
    told = table(comparisons, differing)
    found = document(comparisons, differing) | {"path": str(options.output_dir) if options.output_dir else None}
    if options.output_dir is not None:
        from understudy.report.comparison import write_comparison

        write_comparison(found, told, options.output_dir)
    if options.as_json:
        print(json.dumps(found, indent=2))
        return 0
    log.say(told)
    if options.output_dir is not None:
        log.say(f"\ntext, JSON and picture in {options.output_dir}")
    return 0
