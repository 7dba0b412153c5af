"""Which rank this is, and whether a run may go on with another number of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.core.errors import ConfigError
from understudy.core.run_folder import RunFolder
from understudy.train.place import Place, batch_fault, batch_words, place_of_this_process

WHOLE = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
WHOLE |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


def test_a_process_is_alone_unless_a_launcher_says_otherwise() -> None:
    assert place_of_this_process({}) == Place()
    assert place_of_this_process({"WORLD_SIZE": "1", "RANK": "0"}) == Place()
    assert place_of_this_process(WHOLE) == Place(rank=3, world=4, local=1, here=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MASTER_ADDR": ""}, "MASTER_ADDR is not set"),
        ({"MASTER_ADDR": "", "RANK": ""}, "RANK, MASTER_ADDR are not set"),
        ({"WORLD_SIZE": "many"}, "`WORLD_SIZE`: got `many`"),
        ({"WORLD_SIZE": "0"}, "`WORLD_SIZE`: got `0`"),
        ({"RANK": "-1"}, "`RANK`: got `-1`"),
        ({"RANK": "4"}, "do not fit"),
        ({"LOCAL_RANK": "2"}, "do not fit"),
    ],
)
def test_an_environment_that_is_not_whole_is_refused_in_words(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        place_of_this_process(WHOLE | changes)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was started on 2 ranks and went on with 4."""
    starts = [("run_started", 8, 2), ("step", None, None), ("run_resumed", 4, 4), ("step", None, None)]
    lines = [{"event": e, "batch_size": b, "world_size": w} if b else {"event": e} for e, b, w in starts]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return RunFolder(tmp_path)


@pytest.mark.parametrize(("batch", "world"), [(16, 1), (8, 2), (4, 4), (1, 16)])
def test_a_run_goes_on_with_any_ranks_that_draw_as_many_samples(run: RunFolder, batch: int, world: int) -> None:
    assert batch_fault(run, batch, recorded=99, world=world) is None


@pytest.mark.parametrize(
    ("batch", "world", "words"),
    [
        (8, 4, "`--batch_size`: got `8`, but the run has `4`"),
        (4, 1, "the run has batch 4 on 4 ranks = 16, and now it would be batch 4; give --batch_size=16"),
        (4, 2, "batch 4 on 2 ranks = 8; give --batch_size=8"),
        (4, 3, "batch 4 on 3 ranks = 12; take a number of ranks that divides 16"),
    ],
)
def test_another_batch_of_all_ranks_is_refused_with_what_would_fit(
    run: RunFolder, batch: int, world: int, words: str
) -> None:
    fault = batch_fault(run, batch, recorded=99, world=world)
    assert fault is not None
    assert words in fault


def test_a_run_without_events_had_one_rank(tmp_path: Path) -> None:
    assert batch_fault(RunFolder(tmp_path), 8, recorded=8, world=1) is None
    assert batch_fault(RunFolder(tmp_path), 4, recorded=8, world=2) is None
    assert batch_fault(RunFolder(tmp_path), 8, recorded=8, world=2) is not None


def test_a_batch_is_named_with_what_all_ranks_have_together() -> None:
    assert batch_words(8, 1) == "batch 8"
    assert batch_words(8, 2) == "batch 8 on 2 ranks = 16"
