"""The precision that was found is kept for this machine and this policy, and for no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.policies.act.config import ActConfig
from understudy.policies.base import Policy
from understudy.train import precision_memory
from understudy.train.machine import machine_facts
from understudy.train.precision_memory import remembered_precision


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Batch sizes of the tries that were made."""
    made: list[int] = []

    def choose(policy: Policy, batch_size: int) -> tuple[str, str]:
        made.append(batch_size)
        return "bf16", "tried"

    monkeypatch.setattr(precision_memory, "choose_precision", choose)
    return made


def policy(**options: int) -> Policy:
    config = ActConfig.tiny().model_copy(update=options)
    return config.build(config.fake_statistics())


def test_the_same_policy_is_tried_once(tries: list[int], tmp_path: Path) -> None:
    first = remembered_precision(policy(), 8, tmp_path, fast_paths=True)
    second = remembered_precision(policy(), 8, tmp_path, fast_paths=True)
    assert first == ("bf16", "tried")
    assert second == ("bf16", "tried (measured by an earlier run)")
    assert tries == [8]


def test_another_policy_batch_path_or_number_of_threads_is_tried_for_itself(
    tries: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered_precision(policy(), 8, tmp_path, fast_paths=True)
    remembered_precision(policy(dim_feedforward=64), 8, tmp_path, fast_paths=True)
    remembered_precision(policy(), 16, tmp_path, fast_paths=True)
    remembered_precision(policy(), 8, tmp_path, fast_paths=False)
    monkeypatch.setattr(precision_memory, "machine_facts", lambda device: {**machine_facts(device), "threads": 99})
    remembered_precision(policy(), 8, tmp_path, fast_paths=True)
    assert len(tries) == 5
    remembered_precision(policy(), 8, tmp_path, fast_paths=True)
    assert len(tries) == 5


@pytest.mark.parametrize("content", ["", "[1]", "no json", '{"%s": ["fp7", "x"]}', '{"%s": 3}'])
def test_a_damaged_file_is_made_anew(tries: list[int], tmp_path: Path, content: str) -> None:
    remembered_precision(policy(), 8, tmp_path, fast_paths=True)
    path = tmp_path / "precision.json"
    key = path.read_text().split('"')[1]
    path.write_text(content.replace("%s", key))
    assert remembered_precision(policy(), 8, tmp_path, fast_paths=True) == ("bf16", "tried")
    assert remembered_precision(policy(), 8, tmp_path, fast_paths=True)[1].endswith("earlier run)")
    assert tries == [8, 8]


def test_a_cache_that_cannot_be_written_stops_nothing(tries: list[int], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert remembered_precision(policy(), 8, tmp_path / "file", fast_paths=True) == ("bf16", "tried")
    assert tries == [8]
