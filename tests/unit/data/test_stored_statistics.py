"""The statistics a dataset brings along, in each version's place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dataset_damage import edit_lines, episodes_table
from make_dataset import make_dataset
from understudy.core.errors import DataError
from understudy.data.lerobot import load_dataset
from understudy.data.spec import Statistics
from understudy.data.statistics import compute_statistics

FRONT = "observation.images.front"


def own(folder: Path) -> Statistics:
    statistics = load_dataset(str(folder)).own_statistics()
    assert statistics is not None
    return statistics


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_every_version_gives_those_of_the_whole_set(tmp_path: Path, version: str) -> None:
    folder = make_dataset(tmp_path / "d", version=version, frames=[5, 9, 7])
    computed = compute_statistics(load_dataset(str(folder)), [0, 1, 2], None)
    stored = own(folder)
    for name in ("min", "max", "mean", "std"):
        np.testing.assert_allclose(stored["action"][name], computed["action"][name], atol=1e-6)
        assert stored[FRONT][name].shape == (3, 1, 1)


def test_a_choice_of_episodes_does_not_change_them(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", frames=[5, 9, 7])
    part = load_dataset(str(folder), episodes=[1]).own_statistics()
    assert part is not None
    np.testing.assert_array_equal(part["action"]["mean"], own(folder)["action"]["mean"])
    assert part["action"]["count"] == 21


def test_those_of_the_episodes_win_over_a_leftover_file(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=())
    before = own(folder)
    (folder / "meta/stats.json").write_text(json.dumps({"action": {"mean": [9.0] * 6}}))
    np.testing.assert_array_equal(own(folder)["action"]["mean"], before["action"]["mean"])


def test_v3_falls_back_to_those_of_the_episodes(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=[5, 9, 7])
    before = own(folder)
    (folder / "meta/stats.json").unlink()
    assert episodes_table(folder).exists()
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(own(folder)["action"][name], before["action"][name], atol=1e-7)
        np.testing.assert_allclose(own(folder)[FRONT][name], before[FRONT][name], atol=1e-7)


def test_a_dataset_without_any_has_none(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.0", cameras=())
    (folder / "meta/stats.json").unlink()
    assert load_dataset(str(folder)).own_statistics() is None


def test_episodes_without_a_count_are_weighted_by_their_length(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", version="v2.1", cameras=(), frames=[5, 9, 7])
    before = own(folder)
    path = folder / "meta/episodes_stats.jsonl"
    edit_lines(
        path,
        lambda rows: [
            r | {"stats": {k: {n: v for n, v in s.items() if n != "count"} for k, s in r["stats"].items()}}
            for r in rows
        ],
    )
    np.testing.assert_allclose(own(folder)["action"]["mean"], before["action"]["mean"])


def test_flat_statistics_of_cameras_get_their_axes(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "d", frames=4)
    path = folder / "meta/stats.json"
    stats = json.loads(path.read_text())
    stats[FRONT]["mean"] = [0.1, 0.2, 0.3]
    path.write_text(json.dumps(stats))
    np.testing.assert_allclose(own(folder)[FRONT]["mean"], np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [("[1]", "not a JSON object"), ('{"action": {"mean": ["a"]}}', "not numeric"), ('{"action": {', "not valid JSON")],
)
def test_statistics_that_are_no_numbers_are_refused(tmp_path: Path, content: str, said: str) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    (folder / "meta/stats.json").write_text(content)
    with pytest.raises(DataError, match=said):
        own(folder)


@pytest.mark.shared
def test_real_sets_agree_with_their_frames(shared: Path) -> None:
    for name in ("cr5_banana_v30", "g1_inspire_bottle_v21", "cr5_banana_v21"):
        dataset = load_dataset(str(shared / name))
        computed = compute_statistics(dataset, [e.index for e in dataset.episodes], None)
        stored = dataset.own_statistics()
        assert stored is not None
        for feature in ("observation.state", "action"):
            for key in ("min", "max", "mean", "std"):
                np.testing.assert_allclose(stored[feature][key], computed[feature][key], atol=2e-5)
