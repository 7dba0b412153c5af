"""What is written is a LeRobot v3.0 dataset: read here without a warning, every frame and number where it belongs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from understudy.core.errors import ConfigError, DataError, DiskFull
from understudy.data.frames import open_frames, plan_frames
from understudy.data.lerobot import load_dataset
from understudy.data.spec import FeatureSpec, FeatureType
from understudy.data.statistics import compute_statistics
from understudy.data.write import dataset as module
from understudy.data.write.dataset import DatasetWriter, assemble
from understudy.data.write.episode import EpisodeWriter, read_staged
from understudy.data.write.form import Codec, DatasetForm

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
LENGTHS = (5, 12, 3)


def form_of(codec: Codec | None = "h264", size: tuple[int, int] = (64, 96)) -> DatasetForm:
    features = [
        FeatureSpec("observation.state", FeatureType.STATE, (3,), ("a.pos", "b.pos", "c.pos")),
        FeatureSpec(FRONT, FeatureType.VISUAL, (3, *size)),
        FeatureSpec(WRIST, FeatureType.VISUAL, (3, 64, 64)),
        FeatureSpec("action", FeatureType.ACTION, (1,), ("a.pos",)),
    ]
    return DatasetForm({feature.name: feature for feature in features}, 30, codec, "toy")


def level(episode: int, frame: int, camera: int) -> int:
    return 20 + (episode * 31 + frame * 11 + camera * 101) % 216


def frames_of(form: DatasetForm, episode: int, length: int) -> list[dict[str, np.ndarray]]:
    return [
        {
            "observation.state": np.array([episode, frame, frame / 7]),
            "action": np.array([episode + frame / 10]),
            **{
                camera: np.full((*form.size_of(camera), 3), level(episode, frame, number), np.uint8)
                for number, camera in enumerate(form.cameras)
            },
        }
        for frame in range(length)
    ]


def write(folder: Path, form: DatasetForm, lengths: Sequence[int] = LENGTHS) -> Path:
    with DatasetWriter(folder, form) as writer:
        for number, length in enumerate(lengths):
            with writer.episode(["lift", "push"][number % 2]) as episode:
                for frame in frames_of(form, number, length):
                    episode.add(frame)
    return folder


@pytest.mark.parametrize("codec", ["h264", "av1", None])
def test_every_frame_and_number_is_read_back(codec: Codec | None, tmp_path: Path) -> None:
    form = form_of(codec)
    dataset = load_dataset(str(write(tmp_path / "d", form)))
    assert (dataset.version, dataset.warnings, dataset.fps) == ("v3.0", [], 30)
    assert [episode.length for episode in dataset.episodes] == list(LENGTHS)
    assert dataset.tasks == ["lift", "push"]
    for number, length in enumerate(LENGTHS):
        start = sum(LENGTHS[:number])
        given = frames_of(form, number, length)
        for name in ("observation.state", "action"):
            expected = np.stack([frame[name] for frame in given]).astype(np.float32)
            assert np.array_equal(dataset.columns[name][start : start + length], expected)
        for camera in form.cameras:
            shown = list(dataset.read_frames(camera, number))
            differences = [np.abs(a.astype(int) - b[camera]).max() for a, b in zip(shown, given, strict=True)]
            assert max(differences) <= (3 if codec else 0)


def test_statistics_are_those_of_the_frames(tmp_path: Path) -> None:
    dataset = load_dataset(str(write(tmp_path / "d", form_of(None))))
    computed = compute_statistics(dataset, range(3), open_frames(dataset, plan_frames(dataset, tier="ram")))
    stored = json.loads((tmp_path / "d/meta/stats.json").read_text())
    for name, stats in computed.items():
        for key, value in stats.items():
            assert np.allclose(stored[name][key], value, rtol=1e-12, atol=0), (name, key)
    assert np.shape(stored[FRONT]["mean"]) == (3, 1, 1)
    assert {"timestamp", "frame_index", "episode_index", "index", "task_index"} < set(stored)


def test_statistics_of_every_episode_are_stored_for_tools_that_join_them(tmp_path: Path) -> None:
    root = write(tmp_path / "d", form_of())
    table = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet")
    row = table.to_pylist()[1]
    assert row["stats/action/mean"] == [pytest.approx(1 + np.arange(12).mean() / 10)]
    assert row["stats/action/count"] == [12]
    assert np.shape(row[f"stats/{FRONT}/q99"]) == (3, 1, 1)
    assert (row["meta/episodes/chunk_index"], row["meta/episodes/file_index"]) == (0, 0)
    # without the file for all, the reader joins those of the episodes
    (root / "meta/stats.json").unlink()
    joined = load_dataset(str(root)).own_statistics()
    assert joined is not None
    assert joined["action"]["count"] == [20]


def test_a_video_has_a_constant_rate_a_key_frame_every_second_frame_and_begins_at_zero(tmp_path: Path) -> None:
    root = write(tmp_path / "d", form_of())
    with av.open(str(root / f"videos/{FRONT}/chunk-000/file-000.mp4")) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        step = 1 / (30 * stream.time_base)
        assert [p.pts for p in packets] == [p.dts for p in packets] == [n * step for n in range(sum(LENGTHS))]
        begins = np.cumsum((0, *LENGTHS))
        distance = [n - max(b for b in begins if b <= n) for n in range(sum(LENGTHS))]
        assert [p.is_keyframe for p in packets] == [d % 2 == 0 for d in distance]
        assert (stream.average_rate, stream.codec_context.pix_fmt) == (30, "yuv420p")


def test_an_episode_begins_in_its_video_at_a_quotient_not_at_a_sum(tmp_path: Path) -> None:
    root = write(tmp_path / "d", form_of())
    rows = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row[f"videos/{FRONT}/from_timestamp"] for row in rows] == [0 / 30, 5 / 30, 17 / 30]
    assert [row[f"videos/{FRONT}/to_timestamp"] for row in rows] == [5 / 30, 17 / 30, 20 / 30]


def test_the_frame_table_has_a_row_group_an_episode_and_no_column_for_videos(tmp_path: Path) -> None:
    root = write(tmp_path / "d", form_of())
    with pq.ParquetFile(root / "data/chunk-000/file-000.parquet") as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == list(LENGTHS)
        assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
        table = file.read()
    numbers = ["timestamp", "frame_index", "episode_index", "index", "task_index"]
    assert table.column_names == ["observation.state", "action", *numbers]
    assert table["index"].to_pylist() == list(range(20))
    assert table["task_index"].to_pylist() == [0] * 5 + [1] * 12 + [0] * 3
    assert np.array_equal(table["timestamp"].to_numpy()[5:17], (np.arange(12) / 30).astype(np.float32))


def test_tasks_are_stored_as_pandas_does_with_the_words_as_the_index(tmp_path: Path) -> None:
    root = write(tmp_path / "d", form_of())
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(root / "meta/tasks.parquet")
    assert (list(frame.index), list(frame.columns), frame.index.name) == (["lift", "push"], ["task_index"], "task")
    assert frame.iloc[1].name == "push"


def test_files_that_grow_too_large_are_followed_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VIDEO_MB", 0)
    monkeypatch.setattr(module, "DATA_MB", 0)
    form = form_of()
    root = write(tmp_path / "d", form)
    assert (
        len(list((root / "data/chunk-000").iterdir())) == len(list((root / f"videos/{WRIST}/chunk-000").iterdir())) == 3
    )
    dataset = load_dataset(str(root))
    assert dataset.warnings == []
    assert [f.mean() for f in dataset.read_frames(WRIST, 1)] == pytest.approx(
        [level(1, n, 1) for n in range(12)], abs=3
    )


def test_a_dataset_that_is_left_by_an_error_leaves_nothing(tmp_path: Path) -> None:
    form = form_of()
    with pytest.raises(RuntimeError), DatasetWriter(tmp_path / "d", form) as writer:
        with writer.episode("lift") as episode:
            episode.add(frames_of(form, 0, 1)[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_episode_that_is_left_by_an_error_is_not_in_the_dataset(tmp_path: Path) -> None:
    form = form_of()
    with DatasetWriter(tmp_path / "d", form) as writer:
        for number in range(3):
            try:
                with writer.episode("lift") as episode:
                    episode.add(frames_of(form, number, 1)[0])
                    if number == 1:
                        raise RuntimeError
            except RuntimeError:
                pass
    assert load_dataset(str(tmp_path / "d")).columns["action"].ravel().tolist() == [0, 2]


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there already"):
        DatasetWriter(tmp_path, form_of())
    with pytest.raises(ConfigError, match="there already"):
        assemble(tmp_path, form_of(), [])
    assert list(tmp_path.iterdir()) == []


def test_no_episode_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs an episode"), DatasetWriter(tmp_path / "d", form_of()):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_shape_is_refused() -> None:
    episode = EpisodeWriter(form_of())
    frame = frames_of(form_of(), 0, 1)[0]
    with pytest.raises(ValueError, match=r"`action` of a frame has to be \(1,\), got \(2,\)"):
        episode.add(frame | {"action": np.zeros(2)})
    with pytest.raises(ValueError, match="got nothing"):
        episode.add({name: value for name, value in frame.items() if name != WRIST})


@pytest.mark.parametrize(
    ("size", "codec", "words"),
    [((65, 96), "h264", "even numbers"), ((32, 96), "av1", "at least 64 pixels"), ((64, 2), "h264", "at least 16")],
)
def test_pictures_that_a_video_cannot_have_are_refused(size: tuple[int, int], codec: Codec, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        form_of(codec, size)
    assert form_of(None, size).size_of(FRONT) == size


@pytest.mark.parametrize(
    "feature",
    [
        FeatureSpec("observation/state", FeatureType.STATE, (3,)),
        FeatureSpec("index", FeatureType.STATE, (3,)),
        FeatureSpec("observation.image_centre", FeatureType.STATE, (2,)),
        FeatureSpec("action", FeatureType.ACTION, (2, 2)),
    ],
    ids=lambda feature: feature.name,
)
def test_features_that_lerobot_could_not_read_are_refused(feature: FeatureSpec) -> None:
    with pytest.raises(ConfigError):
        DatasetForm({feature.name: feature}, 30)


def test_an_episode_whose_video_lost_frames_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    form = form_of()
    staged = []
    for number in range(2):
        (folder := tmp_path / str(number)).mkdir()
        episode = EpisodeWriter(form)
        for frame in frames_of(form, number, 4 - number):
            episode.add(frame)
        episode.save(folder, "lift")
        staged.append(read_staged(folder))
    (tmp_path / f"0/{FRONT}.mp4").write_bytes((tmp_path / f"1/{FRONT}.mp4").read_bytes())
    with pytest.raises(DataError, match="holds 3 frames of 4"):
        assemble(tmp_path / "d", form, staged)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def test_a_full_disk_is_said_and_leaves_nothing(small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(200_000)
    with pytest.raises(DiskFull):
        write(disk / "d", form_of(None), [60] * 20)
    assert list(disk.iterdir()) == []
