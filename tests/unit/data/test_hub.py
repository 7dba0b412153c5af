"""Finding a dataset in LeRobot's caches and fetching it from a Hub (one that runs in the test)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from dataset_damage import edit_info
from fake_hub import FakeHub, serving
from make_dataset import make_dataset
from understudy.core.errors import DataError
from understudy.data.hub import lerobot_home
from understudy.data.lerobot import load_dataset

FRONT = "observation.images.front"
REPO = "team/blocks"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LeRobot's home for this test, and a Hub library that may be asked."""
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "home"


@pytest.fixture
def hub(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub with a v3.0 dataset of four episodes in two files."""
    folder = make_dataset(tmp_path / "origin", episodes=4, frames=4, episodes_per_file=2)
    (folder / "README.md").write_text("# blocks")
    with serving(FakeHub(REPO, folder)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


# -- without a network ------------------------------------------------------------------------------------------------


def test_the_home_follows_the_variables_of_lerobot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_LEROBOT_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert lerobot_home() == Path.home() / ".cache/huggingface/lerobot"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert lerobot_home() == tmp_path / "x/huggingface/lerobot"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "h"))
    assert lerobot_home() == tmp_path / "h/lerobot"
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "l"))
    assert lerobot_home() == tmp_path / "l"


def test_a_dataset_in_the_home_is_read_without_a_network(home: Path) -> None:
    make_dataset(home / REPO, cameras=())
    dataset = load_dataset(REPO)
    assert dataset.root == home / REPO
    assert dataset.repo_id == REPO


def test_a_version_asked_for_is_not_fetched_when_the_home_holds_it(home: Path) -> None:
    make_dataset(home / REPO, version="v2.1", cameras=())
    assert load_dataset(REPO, revision="v2.1").root == home / REPO
    with pytest.raises(DataError, match="could not be fetched"):
        load_dataset(REPO, revision="v3.0")


def test_root_is_the_dataset_itself_whatever_its_name(home: Path, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "mine", cameras=())
    dataset = load_dataset(REPO, root=folder)
    assert dataset.root == folder
    assert dataset.repo_id == REPO


def test_a_relative_folder_is_read_as_it_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset(tmp_path / "sub/set", cameras=())
    monkeypatch.chdir(tmp_path)
    assert load_dataset("sub/set").num_rows == 60


@pytest.mark.parametrize("revision", [None, "v3.0", "b" * 40])
def test_a_snapshot_in_the_cache_of_lerobot_06_is_read(home: Path, revision: str | None) -> None:
    storage = home / "hub/datasets--team--blocks"
    folder = make_dataset(storage / "snapshots" / ("b" * 40), cameras=())
    make_dataset(storage / "snapshots" / ("c" * 40), cameras=(), episodes=1)
    (storage / "refs").mkdir()
    (storage / "refs/v3.0").write_text("b" * 40)
    assert load_dataset(REPO, revision=revision).root == folder


def test_without_a_network_the_error_says_what_to_fetch_by_hand_and_to_where(home: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(REPO)
    text = str(caught.value)
    assert "could not be fetched from the Hub" in text
    assert "hf download team/blocks --repo-type dataset" in text
    assert str(home / REPO) in text
    assert "--dataset.root=FOLDER" in text


def test_a_missing_root_is_named_beside_the_missing_network(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist, and team/blocks is not here"):
        load_dataset(REPO, root=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty is empty"):
        load_dataset(REPO, root=tmp_path / "empty")


def test_a_root_of_something_else_is_not_filled(home: Path, tmp_path: Path, hub: FakeHub) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"no meta/info\.json"):
        load_dataset(REPO, root=tmp_path / "photos")
    assert hub.asked == []


def test_a_name_that_is_neither_folder_nor_repository_is_refused(home: Path) -> None:
    with pytest.raises(DataError, match="neither a folder nor a repository"):
        load_dataset("what is this?")


# -- from the Hub -----------------------------------------------------------------------------------------------------


def test_a_dataset_is_fetched_to_the_home_by_its_version_tag(home: Path, hub: FakeHub) -> None:
    dataset = load_dataset(REPO)
    assert dataset.root == home / REPO
    assert dataset.num_rows == 16
    assert len(list(dataset.read_frames(FRONT, 3))) == 4
    assert not (home / REPO / "README.md").exists()
    assert dataset.warnings == []
    assert any("/revision/v3.0" in path for path in hub.asked)


def test_what_is_here_is_not_asked_for_again(home: Path, hub: FakeHub) -> None:
    first = load_dataset(REPO)
    hub.asked.clear()
    assert load_dataset(REPO).fingerprint == first.fingerprint
    assert hub.asked == []


def test_only_the_files_of_the_episodes_asked_for_are_fetched(home: Path, hub: FakeHub) -> None:
    load_dataset(REPO, episodes=[0])
    fetched = {name for name in hub.requested if not name.startswith("meta/")}
    assert fetched == {"data/chunk-000/file-000.parquet", f"videos/{FRONT}/chunk-000/file-000.mp4"}
    hub.requested.clear()
    assert load_dataset(REPO, episodes=[2]).num_rows == 4
    assert set(hub.requested) == {"data/chunk-000/file-001.parquet", f"videos/{FRONT}/chunk-000/file-001.mp4"}


def test_meta_comes_first(home: Path, hub: FakeHub) -> None:
    load_dataset(REPO)
    kinds = ["meta" if name.startswith("meta/") else "rest" for name in hub.requested]
    assert kinds == sorted(kinds)


def test_later_files_come_from_the_commit_of_the_first(home: Path, hub: FakeHub, tmp_path: Path) -> None:
    load_dataset(REPO, episodes=[0])
    moved = make_dataset(tmp_path / "moved", episodes=4, frames=9, episodes_per_file=2)
    hub.folders["d" * 40] = moved
    hub.tags = {"v3.0": "d" * 40, "old": "b" * 40}
    assert [e.length for e in load_dataset(REPO).episodes] == [4, 4, 4, 4]


def test_a_broken_download_is_continued_at_the_next_call(
    home: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)  # between its attempts
    hub.breaks = {"file-001.mp4": 50}
    with pytest.raises(DataError):
        load_dataset(REPO)
    assert not (home / REPO / f"videos/{FRONT}/chunk-000/file-001.mp4").exists()
    hub.breaks, hub.requested = {}, []
    dataset = load_dataset(REPO)
    assert f"videos/{FRONT}/chunk-000/file-001.mp4" in hub.requested
    assert not any(name.startswith("meta/") for name in hub.requested)
    assert len(list(dataset.read_frames(FRONT, 3))) == 4


def test_a_description_that_was_fetched_in_part_is_completed(home: Path, hub: FakeHub) -> None:
    load_dataset(REPO)
    shutil.rmtree(home / REPO / "meta/episodes")
    assert load_dataset(REPO).num_rows == 16


def test_a_repository_without_a_tag_is_read_from_main_with_a_warning(home: Path, hub: FakeHub) -> None:
    hub.tags = {}
    (warning,) = load_dataset(REPO).warnings
    assert "no version tag: its main branch is read" in warning


def test_a_named_revision_has_a_place_of_its_own(home: Path, hub: FakeHub, tmp_path: Path) -> None:
    hub.folders["a" * 40] = make_dataset(tmp_path / "newer", episodes=1, frames=7)
    whole, newer = load_dataset(REPO), load_dataset(REPO, revision="main")
    assert (whole.num_rows, newer.num_rows) == (16, 7)
    assert newer.root == home / "hub/datasets--team--blocks/snapshots" / ("a" * 40)
    assert load_dataset(REPO).num_rows == 16
    hub.asked.clear()
    assert load_dataset(REPO, revision="main").num_rows == 7
    assert hub.asked == []


def test_v21_is_fetched_when_it_is_the_newest_that_can_be_read(home: Path, hub: FakeHub, tmp_path: Path) -> None:
    hub.folder = make_dataset(tmp_path / "old", version="v2.1", frames=4)
    hub.tags = {"v1.6": "e" * 40, "v2.0": "f" * 40, "v2.1": "b" * 40}
    assert load_dataset(REPO, episodes=[1]).version == "v2.1"
    assert {name for name in hub.requested if not name.startswith("meta/")} == {
        "data/chunk-000/episode_000001.parquet",
        f"videos/chunk-000/{FRONT}/episode_000001.mp4",
    }


def test_an_own_recording_is_never_written_to(home: Path, hub: FakeHub) -> None:
    folder = make_dataset(home / REPO, frames=4)
    next(folder.glob("videos/**/*.mp4")).unlink()
    with pytest.raises(DataError, match="only half there"):
        load_dataset(REPO)
    assert hub.asked == []


def test_root_is_fetched_into_when_it_does_not_exist(home: Path, hub: FakeHub, tmp_path: Path) -> None:
    dataset = load_dataset(REPO, root=tmp_path / "here", episodes=[0])
    assert dataset.root == tmp_path / "here"
    assert not home.exists()
    assert load_dataset(REPO, root=tmp_path / "here").num_rows == 16


def test_a_camera_that_nowhere_has_files_is_left_out_even_without_a_network(
    home: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghost = {"dtype": "video", "shape": [8, 8, 3], "names": ["height", "width", "channel"]}
    edit_info(hub.folder, lambda info: info["features"].update({"observation.images.ghost": ghost}))
    assert load_dataset(REPO).spec.cameras == [FRONT]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert load_dataset(REPO).spec.cameras == [FRONT]


def test_an_unknown_repository_is_told(home: Path, hub: FakeHub) -> None:
    with pytest.raises(DataError, match="no dataset team/blokcs on the Hub, or it is private"):
        load_dataset("team/blokcs")


def test_an_unknown_revision_is_told(home: Path, hub: FakeHub) -> None:
    with pytest.raises(DataError, match="no revision my-branch"):
        load_dataset(REPO, revision="my-branch")


def test_a_repository_of_something_else_is_told(home: Path, hub: FakeHub, tmp_path: Path) -> None:
    hub.folder = tmp_path / "other"
    (hub.folder / "data").mkdir(parents=True)
    (hub.folder / "data/train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="no LeRobot dataset"):
        load_dataset(REPO)


def test_the_command_line_fetches_too(home: Path, hub: FakeHub) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "0"}
    code = "import sys; from understudy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "data", "info", REPO, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["repo_id"] == REPO
    assert document["frames"] == 16
    assert "fetching" in done.stderr
