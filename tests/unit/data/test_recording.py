"""What a recording says of its seeds is read back, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.core.errors import DataError
from understudy.data.recording import RECORDING, Attempt, Recording, read_recording

KNOWN = Recording(
    env={"type": "so101/lift"},
    task={"name": "so101/lift", "version": 2},
    actor={"type": "expert"},
    disturbance={"noise": 0.1},
    packages={"mujoco": "3.3.0"},
    seeds=(7, 9),
    attempts=(Attempt(7, True, 50, "success"), Attempt(8, False, 60, "time limit"), Attempt(9, True, 40, "success")),
)


def written(folder: Path, content: str) -> Path:
    (folder / "meta").mkdir()
    (folder / RECORDING).write_text(content)
    return folder


def test_a_recording_is_read_back(tmp_path: Path) -> None:
    found = read_recording(written(tmp_path, KNOWN.to_text()))
    assert found == KNOWN
    assert found.successes == 2


def test_seeds_are_those_of_the_episodes_that_were_asked_for() -> None:
    assert KNOWN.seeds_of() == {7, 9}
    assert KNOWN.seeds_of([1, 5]) == {9}


def test_a_dataset_recorded_elsewhere_says_nothing(tmp_path: Path) -> None:
    assert read_recording(tmp_path) is None


@pytest.mark.parametrize("damage", ["[]", '{"seeds": [1]}', json.dumps(json.loads(KNOWN.to_text()) | {"seeds": ["x"]})])
def test_a_damaged_file_is_refused(damage: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"recording\.json cannot be understood"):
        read_recording(written(tmp_path, damage))
