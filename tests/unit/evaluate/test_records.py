"""Records of episodes: what is read back is what was written, and what is torn or foreign is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from understudy.core.errors import ConfigError, DataError
from understudy.evaluate.journal import opened
from understudy.evaluate.records import EpisodeRecord, protocol_hash, read_evaluation

WHO = {"name": "expert", "fingerprint": "expert"}


def protocol(n: int = 3, **changes: Any) -> dict[str, Any]:
    content = {"env": {"type": "toy"}, "n": n, "seeds": {"first": 10, "count": n}, **changes}
    return content | {"hash": protocol_hash(content)}


def record(seed: int, success: bool = True) -> EpisodeRecord:
    reason = "success" if success else "time limit"
    return EpisodeRecord(seed, "wave – twice", success, 1.0 if success else 0.25, 40, reason, {"wall_s": 0.1 * seed})


def written(folder: Path, order: tuple[int, ...] = (12, 10, 11)) -> Path:
    with opened(folder, WHO, protocol(), resume=False) as journal:
        for seed in order:
            journal.append(record(seed, success=seed != 11))
        journal.finish({"n": 3})
    return folder


def test_an_evaluation_reads_back_with_its_counts_and_interval(tmp_path: Path) -> None:
    found = read_evaluation(written(tmp_path / "e"))
    assert (found.policy, found.successes, found.n) == ("expert", 2, 3)
    assert [episode.seed for episode in found.episodes] == [10, 11, 12]
    assert found.episodes[1] == record(11, success=False)
    assert found.protocol["hash"] == protocol()["hash"]
    # exact: the bounds solve P(X >= 2) = 0.025 and P(X <= 2) = 0.025 for 2 of 3
    assert found.interval().low == pytest.approx(0.0942993, abs=1e-6)
    assert found.interval().high == pytest.approx(0.9915962, abs=1e-6)


def test_a_file_of_the_evaluation_names_it_too(tmp_path: Path) -> None:
    folder = written(tmp_path / "e")
    assert read_evaluation(folder / "summary.json").path == folder


def test_the_order_in_which_episodes_finish_leaves_no_trace(tmp_path: Path) -> None:
    one, other = written(tmp_path / "a"), written(tmp_path / "b", order=(10, 11, 12))
    assert (one / "episodes.jsonl").read_bytes() == (other / "episodes.jsonl").read_bytes()
    assert not (one / "journal.jsonl").exists()


def test_a_killed_evaluation_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    folder = tmp_path / "e"
    with opened(folder, WHO, protocol(), resume=False) as journal:
        journal.append(record(12))
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"seed": 10, "instr')
    with opened(folder, WHO, protocol(), resume=True) as journal:
        assert set(journal.done) == {12}
        for seed in (10, 11):
            journal.append(record(seed, success=seed != 11))
        journal.finish({"n": 3})
    assert (folder / "episodes.jsonl").read_bytes() == (written(tmp_path / "whole") / "episodes.jsonl").read_bytes()


def test_an_unfinished_evaluation_says_how_far_it_is(tmp_path: Path) -> None:
    with opened(tmp_path / "e", WHO, protocol(), resume=False) as journal:
        journal.append(record(12))
    with pytest.raises(DataError, match="1 of 3 episodes"):
        read_evaluation(tmp_path / "e")


def test_a_folder_with_results_is_not_written_into_unasked(tmp_path: Path) -> None:
    folder = written(tmp_path / "e")
    before = (folder / "episodes.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="there already"), opened(folder, WHO, protocol(), resume=False):
        pass
    assert (folder / "episodes.jsonl").read_bytes() == before


def test_another_policy_or_protocol_is_refused_with_the_differences_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "e")
    with (
        pytest.raises(ConfigError, match=r"policy: there expert .expert., asked for hold .hold."),
        opened(folder, {"name": "hold", "fingerprint": "hold"}, protocol(), resume=True),
    ):
        pass
    with (
        pytest.raises(ConfigError, match=r"env\.type: there .toy., asked for .other."),
        opened(folder, WHO, protocol(env={"type": "other"}), resume=True),
    ):
        pass


def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(ConfigError, match="is a file"), opened(place, WHO, protocol(), resume=False):
            pass
    assert (tmp_path / "file").read_text() == "mine"


def test_two_processes_do_not_write_one_evaluation(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "e", WHO, protocol(), resume=True),
        pytest.raises(ConfigError, match="another process"),
        opened(tmp_path / "e", WHO, protocol(), resume=True),
    ):
        pass


def cut(folder: Path) -> None:
    file = folder / "episodes.jsonl"
    file.write_bytes(file.read_bytes()[:-7])


def lose_a_line(folder: Path) -> None:
    file = folder / "episodes.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))


def change_protocol(folder: Path) -> None:
    file = folder / "protocol.json"
    file.write_text(file.read_text().replace("toy", "joy"))


def rewrite(line: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "episodes.jsonl").write_text(line + "\n") and None


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut, "torn"),
        (lose_a_line, "1 are missing"),
        (change_protocol, "hash does not match"),
        (lambda folder: (folder / "protocol.json").unlink(), "no evaluation"),
        (lambda folder: (folder / "protocol.json").write_text("[]"), "not what an evaluation writes"),
        (lambda folder: (folder / "protocol.json").write_text("{}"), "not the protocol"),
        (rewrite("nonsense"), "not what an evaluation writes"),
        (rewrite(json.dumps({"seed": True})), "`seed` of an episode is True"),
        (rewrite(json.dumps({"seed": 1, "instruction": "", "success": 1})), "`success` of an episode is 1"),
    ],
)
def test_what_is_damaged_is_refused_by_name(tmp_path: Path, damage: Callable[[Path], None], told: str) -> None:
    folder = written(tmp_path / "e")
    damage(folder)
    with pytest.raises(DataError, match=told):
        read_evaluation(folder)


def test_a_folder_that_is_not_there_and_one_of_held_out_error_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        read_evaluation(tmp_path / "nowhere")
    (tmp_path / "predictions.npz").write_bytes(b"")
    with pytest.raises(DataError, match="held-out episodes"):
        read_evaluation(tmp_path)
