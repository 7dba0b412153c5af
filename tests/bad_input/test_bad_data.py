"""Bad datasets, as a user meets them: a clear message, exit code 3, no traceback, and not a byte of theirs changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from make_dataset import make_dataset
from runs import TINY_ACT
from understudy.cli.main import main

VIDEO = "videos/chunk-000/observation.images.front/episode_000001.mp4"
TABLE = "data/chunk-000/episode_000001.parquet"


def digest(folder: Path) -> str:
    """A hash of every file below `folder`."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


def edit_table(dataset: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    """Rewrite the table of episode 1 with `change` applied to its columns."""
    path = dataset / TABLE
    table = pq.read_table(path)
    columns = {name: np.array(table.column(name).to_pylist()) for name in table.column_names}
    change(columns)
    arrays = {name: pa.array(value.tolist(), table.schema.field(name).type) for name, value in columns.items()}
    pq.write_table(pa.table(arrays), path)


def edit_info(dataset: Path, **changes: object) -> None:
    path = dataset / "meta" / "info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def truncate(path: Path, keep: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def not_finite(feature: str, value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(columns: dict[str, np.ndarray]) -> None:
        columns[feature][7, 2] = value

    return change


def gap_in_frames(columns: dict[str, np.ndarray]) -> None:
    columns["frame_index"][10:] += 1


def other_size(dataset: Path) -> None:
    path = dataset / "meta" / "info.json"
    info = json.loads(path.read_text())
    feature = info["features"]["observation.images.front"]
    feature["shape"] = [48, 64, 3]
    feature["info"] |= {"video.height": 48, "video.width": 64}
    path.write_text(json.dumps(info))


def shorter_video(dataset: Path) -> None:
    other = make_dataset(dataset.parent / "short", version="v2.1", frames=12)
    shutil.copy(other / VIDEO, dataset / VIDEO)


def without_column(dataset: Path) -> None:
    path = dataset / TABLE
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["action"]), path)


CASES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "the folder is missing": (shutil.rmtree, ["dataset"]),
    "the folder is empty": (lambda d: (shutil.rmtree(d), d.mkdir()), ["empty", "dataset"]),
    "a table was not downloaded": (lambda d: (d / TABLE).unlink(), ["episode_000001.parquet"]),
    "the version is unknown": (lambda d: edit_info(d, codebase_version="v9.0"), ["v9.0"]),
    "info.json is torn": (lambda d: truncate(d / "meta/info.json"), ["info.json"]),
    "a table is truncated": (lambda d: truncate(d / TABLE), ["episode_000001.parquet"]),
    "a column is missing": (without_column, ["action", "episode_000001.parquet"]),
    "frame indices have a gap": (lambda d: edit_table(d, gap_in_frames), ["episode 1", "10"]),
    "the state is not a number": (
        lambda d: edit_table(d, not_finite("observation.state", float("nan"))),
        ["episode 1", "frame 7", "observation.state"],
    ),
    "an action is infinite": (
        lambda d: edit_table(d, not_finite("action", float("inf"))),
        ["episode 1", "frame 7", "action"],
    ),
    "a video is missing": (lambda d: (d / VIDEO).unlink(), ["episode_000001.mp4"]),
    "a video is truncated": (lambda d: truncate(d / VIDEO), ["episode_000001.mp4"]),
    "a video is shorter than its episode": (shorter_video, ["episode_000001.mp4", "12", "20"]),
    "a video has another size than info.json says": (other_size, ["24", "32", "48", "64"]),
}


@pytest.mark.parametrize("case", CASES)
def test_training_on_it_ends_with_exit_code_3_and_says_what_and_where(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = CASES[case]
    dataset = make_dataset(tmp_path / "dataset", version="v2.1")
    damage(dataset)
    before = digest(dataset)
    arguments = [f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", "--steps=2", *TINY_ACT]
    code = main(["train", *arguments])
    said = capsys.readouterr().err
    assert code == 3, said
    assert "Traceback" not in said
    for word in words:
        assert word in said
    assert digest(dataset) == before


def test_timestamps_off_by_more_than_an_explicit_tolerance_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(tmp_path / "dataset", version="v2.1")

    def late(columns: dict[str, np.ndarray]) -> None:
        columns["timestamp"][5] += 0.01

    edit_table(dataset, late)
    arguments = [f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", "--steps=1", *TINY_ACT]
    assert main(["train", *arguments, "--tolerance_s=0.0001"]) == 3
    said = capsys.readouterr().err
    assert "episode 1" in said
    assert "frame 5" in said
    assert main(["train", *arguments]) == 0
    assert "time stamps" in capsys.readouterr().err


def test_a_joint_that_never_moves_is_named_and_trained_around(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make_dataset(tmp_path / "dataset", version="v2.1", episodes=1)
    path = dataset / "data/chunk-000/episode_000000.parquet"
    table = pq.read_table(path)
    for name in ("action", "observation.state"):
        values = np.array(table.column(name).to_pylist())
        values[:, 4] = 0.125
        column = pa.array(values.tolist(), table.schema.field(name).type)
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    pq.write_table(table, path)
    arguments = [f"--dataset.repo_id={dataset}", f"--output_dir={tmp_path / 'run'}", "--steps=2", *TINY_ACT]
    code = main(["train", *arguments])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "never moves" in said.err
    assert "action" in said.err
