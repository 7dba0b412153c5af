"""What is known of every episode of an evaluation, on disk: written as episodes finish, read by everything else.

    EVALUATION/protocol.json     who was evaluated, and how: written before the first episode
               journal.jsonl     a line per episode in the order they finish; gone once all are done
               episodes.jsonl    the same lines by seed, written when all are done
               summary.json      what `understudy eval --json` prints
               videos/  failures.png

A killed evaluation has a journal and no episodes.jsonl, and goes on from there. What depends on the machine (latencies,
seconds) stands in each line under the one key "measured"; the rest is a function of policy, protocol and seed, so that
it is equal byte for byte for one worker or many, killed and resumed or not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.core.errors import DataError

if TYPE_CHECKING:
    from understudy.core.stats import Interval

PROTOCOL, JOURNAL, EPISODES, SUMMARY = "protocol.json", "journal.jsonl", "episodes.jsonl", "summary.json"


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode.

    seed       which initial state; on a real arm the number of the trial
    progress   0..1, the best that was reached
    steps      control steps until it was over
    reason     why it was over: "success", "time limit", the task's own words, or what went wrong
    measured   what another machine would measure differently: latencies, seconds
    """

    seed: int
    instruction: str
    success: bool
    progress: float
    steps: int
    reason: str
    measured: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """The line of episodes.jsonl, without its end; `measured` comes last."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    policy     what was evaluated, as it was named: a path, or "expert"
    protocol   how; "hash" names it, and equal hashes mean that the numbers may be compared
    episodes   by seed
    who        further facts of the policy, such as the fingerprint of its files
    """

    path: Path
    policy: str
    protocol: dict[str, Any]
    episodes: list[EpisodeRecord]
    who: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many episodes."""
        return len(self.episodes)

    @property
    def successes(self) -> int:
        """How many of them succeeded."""
        return sum(episode.success for episode in self.episodes)

    def interval(self, confidence: float = 0.95) -> Interval:
        """The exact interval (Clopper-Pearson) of the success rate."""
        from understudy.core.stats import clopper_pearson

        return clopper_pearson(self.successes, self.n, confidence)


def name_and_task(who: Mapping[str, Any]) -> str:
    """'RUN'; 'RUN, told “lift the cube”' where that was not the environment's own instruction.

    who   the facts of a policy, its "name" and perhaps a "task" among them
    """
    told = " ".join(str(who.get("task") or "").split())
    return f"{who['name']}, told “{told}”" if told else str(who["name"])


def protocol_hash(protocol: Mapping[str, Any]) -> str:
    """SHA-256 over the protocol as canonical JSON (keys sorted, no spaces), its own "hash" left out."""
    content = {key: value for key, value in protocol.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_evaluation(folder: str | Path) -> Evaluation:
    """The finished evaluation in `folder` (or the one a file in it belongs to).

    Raises DataError: no evaluation in simulation or of trials, one that is not finished, files that are torn, changed
    or do not belong together.
    """
    path = Path(folder).expanduser()
    path = path.parent if path.is_file() else path
    who, protocol = read_protocol(path)
    if not (path / EPISODES).is_file():
        done = len(read_journal(path))
        raise DataError(
            f"the evaluation is not finished: {done} of {protocol.get('n', '?')} episodes",
            where=str(path),
            hint="finish it: the command that began it, with --resume=true",
        )
    episodes = _read_lines((path / EPISODES).read_bytes(), path / EPISODES)
    _check_whole(episodes, protocol, path / EPISODES)
    return Evaluation(path, str(who["name"]), protocol, episodes, who)


def read_protocol(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(who, protocol) of an evaluation, finished or not. Raises DataError when there is none or it was changed."""
    file = folder / PROTOCOL
    if not file.is_file():
        raise DataError(*_no_evaluation(folder))
    content = _json_object(file.read_bytes(), file)
    who, protocol = content.get("policy"), content.get("protocol")
    if not isinstance(who, dict) or "name" not in who or not isinstance(protocol, dict) or "hash" not in protocol:
        raise DataError("this is not the protocol of an evaluation", where=str(file))
    if protocol["hash"] != protocol_hash(protocol):
        raise DataError(
            "the protocol is not the one that was written: its hash does not match",
            where=str(file),
            hint="what was measured is not known for certain any more; evaluate again",
        )
    return who, protocol


def read_journal(folder: Path) -> list[EpisodeRecord]:
    """The episodes that an unfinished evaluation has, in the order they finished; a torn last line is left out.

    Raises DataError when another line is no record.
    """
    file = folder / JOURNAL
    if not file.is_file():
        return []
    content = file.read_bytes()
    return _read_lines(content[: content.rfind(b"\n") + 1], file)


def lines_by_seed(episodes: Iterable[EpisodeRecord]) -> str:
    """The content of episodes.jsonl."""
    return "".join(episode.to_line() + "\n" for episode in sorted(episodes, key=lambda episode: episode.seed))


def _no_evaluation(folder: Path) -> tuple[str]:
    if not folder.exists():
        return (f"there is no folder {folder}",)
    if (folder / "predictions.npz").is_file():
        return (f"{folder} holds a measurement of action error on held-out episodes: it has no successes",)
    return (f"there is no evaluation in {folder}: it has no {PROTOCOL}",)


def _read_lines(content: bytes, file: Path) -> list[EpisodeRecord]:
    if content and not content.endswith(b"\n"):
        raise DataError("the file is torn: its last line has no end", where=str(file))
    return [_record(line, f"{file}, line {number}") for number, line in enumerate(content.splitlines(), 1)]


def _record(line: bytes, where: str) -> EpisodeRecord:
    fields = _json_object(line, where)
    kinds = {"seed": int, "instruction": str, "success": bool, "progress": float, "steps": int, "reason": str}
    for name, kind in kinds.items():
        value = fields.get(name)
        # an int is a fine float, but true is no number
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (kind is not bool and isinstance(value, bool)):
            raise DataError(f"`{name}` of an episode is {value!r}, expected {kind.__name__}", where=where)
    measured = fields.get("measured", {})
    if not isinstance(measured, dict):
        raise DataError("`measured` of an episode is not a group of values", where=where)
    return EpisodeRecord(**{name: kind(fields[name]) for name, kind in kinds.items()}, measured=measured)


def _json_object(content: bytes, where: Path | str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DataError("this is not what an evaluation writes: a JSON object is expected", where=str(where))
    return value


def _check_whole(episodes: list[EpisodeRecord], protocol: Mapping[str, Any], file: Path) -> None:
    """Every seed of the protocol once, and no other."""
    found = [episode.seed for episode in episodes]
    wanted = seeds_of(protocol)
    if found == wanted:
        return
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    twice = len(found) > len(set(found))
    raise DataError(
        f"the episodes are not those of the protocol: {len(missing)} are missing, {len(extra)} do not belong"
        + (", some stand there twice" if twice else ""),
        where=str(file),
        hint="the file was changed after the evaluation; evaluate again",
    )


def seeds_of(protocol: Mapping[str, Any]) -> list[int]:
    """The seeds of a protocol, in order. Raises DataError."""
    seeds = protocol.get("seeds")
    if isinstance(seeds, dict) and all(isinstance(seeds.get(key), int) for key in ("first", "count")):
        return list(range(seeds["first"], seeds["first"] + seeds["count"]))
    raise DataError(f"the protocol names no seeds: {seeds!r}", hint='expected {"first": 1000000, "count": 50}')
