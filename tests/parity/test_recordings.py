"""LeRobot 0.4.4 reads, joins and extends what is written here; what its own writer wrote reads here.

tests/data/lerobot_0_4_4 is LeRobot's; its twin is the same recording, written here. The quick tests compare the files
of both, the slow one asks LeRobot itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from understudy.data.lerobot import load_dataset
from understudy.data.spec import FeatureSpec, FeatureType
from understudy.data.write.dataset import DatasetWriter
from understudy.data.write.form import Codec, DatasetForm

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-lerobot" / "bin" / "python"
THEIRS = ROOT / "tests/data/lerobot_0_4_4"
CAMERA = "observation.images.front"
LENGTHS = (5, 8, 4)
TASKS = ("lift", "push", "lift")
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def level(episode: int, frame: int) -> int:
    return 20 + (31 * episode + 11 * frame) % 216


def twin(folder: Path, codec: Codec | None = "av1") -> Path:
    """The recording that record_with_lerobot.py makes, written here."""
    names = ("a.pos", "b.pos")
    features = [
        FeatureSpec("observation.state", FeatureType.STATE, (2,), names),
        FeatureSpec(CAMERA, FeatureType.VISUAL, (3, 64, 64)),
        FeatureSpec("action", FeatureType.ACTION, (1,), names[:1]),
    ]
    form = DatasetForm({feature.name: feature for feature in features}, 10, codec, "made_up")
    with DatasetWriter(folder, form) as writer:
        for number, (length, task) in enumerate(zip(LENGTHS, TASKS, strict=True)):
            with writer.episode(task) as episode:
                for frame in range(length):
                    picture = np.full((64, 64, 3), level(number, frame), np.uint8)
                    action = np.array([number + frame / 10])
                    episode.add({"observation.state": np.array([number, frame]), CAMERA: picture, "action": action})
    return folder


def test_what_lerobot_wrote_reads_here() -> None:
    dataset = load_dataset(str(THEIRS))
    assert (dataset.version, dataset.warnings, dataset.fps, dataset.tasks) == ("v3.0", [], 10, ["lift", "push"])
    assert [episode.length for episode in dataset.episodes] == list(LENGTHS)
    for number, length in enumerate(LENGTHS):
        shown = [frame.mean() for frame in dataset.read_frames(CAMERA, number)]
        assert shown == pytest.approx([level(number, frame) for frame in range(length)], abs=3)
        first = dataset.episodes[number].start
        assert dataset.columns["action"][first : first + length, 0] == pytest.approx(number + np.arange(length) / 10)


def test_info_is_what_lerobot_would_have_written(tmp_path: Path) -> None:
    ours, theirs = (json.loads((root / "meta/info.json").read_text()) for root in (twin(tmp_path / "d"), THEIRS))
    facts = ours["features"][CAMERA]["info"]
    # 0.6 calls it so; both are told
    assert facts.pop("is_depth_map") is False
    assert ours == theirs
    assert list(ours["features"]) == list(theirs["features"])


def test_tables_have_lerobot_s_columns_types_and_numbers(tmp_path: Path) -> None:
    root = twin(tmp_path / "d")
    ours, theirs = (pq.read_table(r / "data/chunk-000/file-000.parquet") for r in (root, THEIRS))
    assert {f.name: f.type for f in ours.schema} == {f.name: f.type for f in theirs.schema}
    assert ours.column_names == theirs.column_names
    assert ours.to_pydict() == theirs.to_pydict()
    assert pq.read_table(root / "meta/tasks.parquet")["task_index"].to_pylist() == [0, 1]


def test_the_table_of_episodes_has_lerobot_s_columns_and_places(tmp_path: Path) -> None:
    ours, theirs = (pq.read_table(root / EPISODES) for root in (twin(tmp_path / "d"), THEIRS))
    assert set(ours.column_names) == set(theirs.column_names)
    for name in theirs.column_names:
        if not name.startswith("stats/"):
            assert (
                ours[name].to_pylist() == pytest.approx(theirs[name].to_pylist())
                if "timestamp" in name
                else (ours[name].to_pylist() == theirs[name].to_pylist())
            ), name


def test_statistics_are_lerobot_s(tmp_path: Path) -> None:
    ours, theirs = (json.loads((r / "meta/stats.json").read_text()) for r in (twin(tmp_path / "d"), THEIRS))
    assert set(ours) == set(theirs)
    for name, stats in theirs.items():
        assert set(ours[name]) == set(stats)
        for key, value in stats.items():
            assert np.shape(ours[name][key]) == np.shape(value)
            # its quantiles are read off histograms and averaged over episodes; its std of pictures overflows
            exact = key in ("min", "max", "mean", "count") or (key == "std" and name != CAMERA)
            if exact:
                assert np.allclose(ours[name][key], value, rtol=1e-6, atol=1e-6), (name, key)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "av1", None])
def test_lerobot_reads_joins_and_extends_what_is_written_here(codec: Codec | None, tmp_path: Path) -> None:
    if not (ROOT / ".venv-lerobot" / "complete").exists():
        pytest.skip("NOT RUN: needs LeRobot's environment; make it with tests/parity/lerobot_env.sh")
    root = twin(tmp_path / "d", codec)
    shutil.copytree(root, tmp_path / "copy")
    command = [PYTHON, Path(__file__).with_name("check_recorded_in_lerobot.py"), root, tmp_path / "copy"]
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    episodes = [number for number, length in enumerate(LENGTHS) for _ in range(length)]
    frames = [frame for length in LENGTHS for frame in range(length)]
    assert (found["episode_index"], found["frame_index"]) == (episodes, frames)
    assert found["boundaries"] == [[0, 5], [5, 13], [13, 17]]
    assert found["tasks"] == [TASKS[episode] for episode in episodes]
    assert found["state"] == [[e, f] for e, f in zip(episodes, frames, strict=True)]
    assert found["pictures"] == {CAMERA: [[3, 64, 64]]}
    expected = [level(e, f) for e, f in zip(episodes, frames, strict=True)]
    assert found["levels"][CAMERA] == pytest.approx(expected, abs=3)
    assert np.shape(found["stats"][CAMERA]["q99"]) == (3, 1, 1)
    assert (found["joined_episodes"], found["appended_episodes"], found["appended_frames"]) == (6, 4, 22)
