"""`understudy record`: demonstrations of a simulated task, written as a LeRobot v3.0 dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from understudy.core import log
from understudy.core.config import Options, parse_options
from understudy.record.config import RecordConfig

if TYPE_CHECKING:
    from understudy.record.run import Recorded


class RecordOptions(RecordConfig, Options):
    """Records demonstrations of a simulated task as a LeRobot v3.0 dataset."""

    resume: bool = Field(False, description="go on with a recording that was stopped")
    dry_run: bool = Field(False, description="print the plan and stop")


def run(arguments: Sequence[str]) -> int:
    """The verb; its exit code."""
    options = parse_options(RecordOptions, arguments, verb="record")
    config = RecordConfig(**{name: getattr(options, name) for name in RecordConfig.model_fields})

    from understudy.record.run import record

    recorded = record(config, resume=options.resume, dry_run=options.dry_run)
    if recorded is None:
        return 0
    if options.as_json:
        print(json.dumps(document(recorded), indent=2))
    else:
        log.say(closing_words(recorded, config))
    return 0


def document(recorded: Recorded) -> dict[str, object]:
    """What `--json` prints."""
    low, high = interval_of(recorded)
    return {
        "path": str(recorded.root),
        "episodes": recorded.episodes,
        "frames": recorded.frames,
        "attempts": len(recorded.recording.attempts),
        "successes": recorded.recording.successes,
        "interval": [low, high],
        "seeds": list(recorded.recording.seeds),
    }


def interval_of(recorded: Recorded) -> tuple[float, float]:
    """The 95 % interval of the actor's success rate.

    Attempts end with the n-th success rather than after a fixed number. Clopper and Pearson's lower bound is the exact
    one for that rule too, and their upper one is a little too high: it errs on the careful side.
    """
    from understudy.core.stats import clopper_pearson

    interval = clopper_pearson(recorded.recording.successes, len(recorded.recording.attempts))
    return interval.low, interval.high


def closing_words(recorded: Recorded, config: RecordConfig) -> str:
    """What came of it, and what to type next."""
    attempts, successes = len(recorded.recording.attempts), recorded.recording.successes
    low, high = interval_of(recorded)
    name = config.dataset.repo_id or f"local/{recorded.root.name}"
    fps = recorded.frames / recorded.episodes
    where = "" if config.dataset.root is None else f" --dataset.root={config.dataset.root}"
    rate = f"{successes / attempts:.1%}, between {low:.1%} and {high:.1%} with 95 % confidence"
    return f"""{successes} of {attempts} attempts succeeded: {rate}
{recorded.episodes} episodes of {fps:.0f} frames on average in {recorded.root}

Train on it:   understudy train --policy.type=act --dataset.repo_id={name}{where}
Look at it:    understudy data info {recorded.root}"""
