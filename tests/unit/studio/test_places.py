"""What lies outside the served folders is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.core.errors import ConfigError
from understudy.studio.places import Outside, serve


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("runs/a", "data/b", "secret"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_a_name_leads_back_to_its_path(folders: Path) -> None:
    places = serve([folders / "runs", folders / "data"])
    for path in (folders / "runs/a", folders / "data/b", folders / "data"):
        assert places.find(places.name(path.resolve())) == path.resolve()


@pytest.mark.parametrize(
    "name", ["0/../secret", "0//etc", "2/a", "x/a", "-1/a", "", "0/a/../../secret", "0/../none", "0/a\0b"]
)
def test_what_leads_out_is_refused(folders: Path, name: str) -> None:
    with pytest.raises(Outside):
        serve([folders / "runs"]).find(name)


def test_a_link_that_leads_out_is_refused(folders: Path) -> None:
    (folders / "runs/a/out").symlink_to(folders / "secret")
    with pytest.raises(Outside):
        serve([folders / "runs"]).find("0/a/out")


def test_what_is_not_there_is_told(folders: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to look at"):
        serve([folders / "runs"]).find("0/none")


def test_a_folder_that_is_not_there_is_told_before_anything_is_served(folders: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        serve([folders / "runs", folders / "none"])
