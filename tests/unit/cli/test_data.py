"""understudy data info, and data cache."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from dataset_damage import edit_info
from make_dataset import make_dataset
from understudy.cli.data import run
from understudy.core.errors import ConfigError, DataError

FRONT = "observation.images.front"


@pytest.fixture(autouse=True)
def own_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.core.log._to_stderr", False)


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["info", *arguments, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_json_holds_what_is_promised(tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str) -> None:
    folder = make_dataset(tmp_path / "d", version=version, frames=[5, 6, 7], tasks=("pick", "place"))
    found = document(capsys, str(folder))
    assert found["repo_id"] == str(folder)
    assert found["version"] == version
    assert (found["episodes"], found["frames"], found["fps"]) == (3, 18, 30.0)
    assert found["features"]["action"] == {
        "type": "ACTION",
        "shape": [6],
        "names": [f"joint_{i}.pos" for i in range(6)],
    }
    assert found["features"][FRONT]["shape"] == [3, 24, 32]
    assert found["cameras"] == {FRONT: {"height": 24, "width": 32, "stored_as": "video", "codec": "h264"}}
    assert found["tasks"] == ["pick", "place"]
    assert found["bytes"] == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert len(found["fingerprint"]) == 32
    assert found["warnings"] == []


def test_pictures_in_the_table_are_told_apart_from_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_dataset(tmp_path / "d", images_as="image", frames=4)
    assert document(capsys, str(folder))["cameras"][FRONT]["stored_as"] == "image"


def test_a_codec_that_is_not_declared_is_read_from_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_dataset(tmp_path / "d", frames=4, codec="hevc")
    edit_info(folder, lambda info: info["features"][FRONT].update(info=None))
    assert document(capsys, str(folder))["cameras"][FRONT]["codec"] == "hevc"


def test_a_person_reads_a_table_with_every_fact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_dataset(tmp_path / "d", frames=[5, 6, 7], tasks=("pick", "place"))
    edit_info(folder, lambda info: info.update(total_frames=99))
    assert run(["info", str(folder)]) == 0
    text = capsys.readouterr().out
    for fact in (
        "v3.0",
        "3 of 5 to 7 frames",
        "18 at 30 fps",
        "32x24, h264",
        "joint_0.pos",
        "place",
        "total_frames 99",
    ):
        assert fact in text
    assert max(len(line) for line in text.splitlines() if str(folder) not in line) <= 160


def test_some_episodes_can_be_looked_at_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_dataset(tmp_path / "d", cameras=(), frames=[5, 6, 7])
    assert document(capsys, str(folder), "--episodes=[0,2]")["frames"] == 12


def test_a_name_with_a_root_keeps_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_dataset(tmp_path / "d", cameras=())
    found = document(capsys, "team/blocks", f"--root={folder}")
    assert (found["repo_id"], found["root"]) == ("team/blocks", str(folder))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "needs to know what to do"), (["inof"], "did you mean `understudy data info"), (["info"], "source")],
)
def test_a_command_that_is_not_clear_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(arguments)
    assert said in str(caught.value)


def test_a_folder_that_is_no_dataset_is_bad_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder is empty"):
        run(["info", str(tmp_path)])


@pytest.mark.shared
def test_the_real_sets_are_described(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {
        "gr1_pick_n_place_v20": ("v2.0", 5, 2096, 20.0, {"observation.images.ego_view": "h264"}),
        "cr5_banana_v21": ("v2.1", 18, 4066, 10.0, {"observation.images.top": "av1"}),
        "cr5_banana_v30": ("v3.0", 6, 1332, 10.0, {"observation.images.top": "av1"}),
        "g1_inspire_bottle_v21": ("v2.1", 6, 2173, 30.0, {"observation.images.cam_high": "av1"}),
    }
    for name, facts in expected.items():
        found = document(capsys, str(shared / name))
        cameras = {camera: said["codec"] for camera, said in found["cameras"].items()}
        assert (found["version"], found["episodes"], found["frames"], found["fps"], cameras) == facts


def kept(cache: Path, name: str, days: int = 0) -> None:
    folder = cache / name
    folder.mkdir(parents=True)
    (folder / "content").write_bytes(bytes(100_000))
    at = time.time() - days * 86_400
    for path in (folder / "content", folder):
        os.utime(path, (at, at))


def test_the_cache_is_told_by_kind_and_cleared_by_kind_and_age(
    own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, days in (("frames/aa", 0), ("seen/aa/01", 40), ("seen/aa/02", 0)):
        kept(own_cache, name, days)
    assert run(["cache"]) == 0
    said = capsys.readouterr().out
    assert f"cache      {own_cache}" in said and "used 40 days ago  dataset aa, weights 01" in said
    assert run(["cache", "--clear=seen", "--unused_days=30"]) == 0
    assert "removed 1 folder, 10" in capsys.readouterr().out
    assert run(["cache", "--json"]) == 0
    left = json.loads(capsys.readouterr().out)
    assert [(entry["kind"], Path(entry["path"]).name) for entry in left["entries"]] == [
        ("frames", "aa"),
        ("seen", "02"),
    ]
    assert left["bytes"] == sum(entry["bytes"] for entry in left["entries"]) >= 200_000
    assert run(["cache", "--clear=all", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 2
    assert not any(path.is_file() for path in own_cache.rglob("*"))


def test_an_age_without_clearing_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="give --clear too"):
        run(["cache", "--unused_days=3"])
