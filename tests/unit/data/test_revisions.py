"""Which tag of a repository is read."""

from __future__ import annotations

import pytest

from understudy.core.errors import DataError
from understudy.data.revisions import as_version, choose_revision


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["main", "v3.0"], "v3.0"),
        (["main", "v2.0", "v2.1", "v3.0"], "v3.0"),
        (["main", "v3.0", "v3.1"], "v3.0"),
        (["main", "v3.1", "v2.1"], "v3.1"),
        (["main", "v2.0", "v2.1"], "v2.1"),
        (["main", "v1.6", "v2.0"], "v2.0"),
        (["main", "v2.1", "v4.0"], "v2.1"),
        (["main", "3.0"], "3.0"),
    ],
)
def test_the_newest_version_that_can_be_read_is_taken(names: list[str], chosen: str) -> None:
    assert choose_revision(names, None, "here") == (chosen, None)


def test_without_a_version_main_is_taken_with_a_warning() -> None:
    revision, warning = choose_revision(["main", "experiment", "release-3"], None, "here")
    assert revision == "main"
    assert warning is not None
    assert "no version tag" in warning


@pytest.mark.parametrize(("names", "hint"), [(["v1.6", "v1.4"], "convert"), (["v4.0", "v1.0"], "wrote it")])
def test_versions_that_cannot_be_read_are_listed(names: list[str], hint: str) -> None:
    with pytest.raises(DataError) as caught:
        choose_revision(names, None, "here")
    assert ", ".join(sorted(names)) in caught.value.what
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(("asked", "chosen"), [("v2.1", "v2.1"), ("2.1", "v2.1"), ("v3.4", "v3.1"), ("v2.0", "v2.0")])
def test_a_version_asked_for_is_that_tag_or_the_highest_below_it(asked: str, chosen: str) -> None:
    assert choose_revision(["main", "v2.0", "v2.1", "v3.1"], asked, "here")[0] == chosen


def test_a_version_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError) as caught:
        choose_revision(["main", "v2.1"], "v3.0", "here")
    assert "it has v2.1" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["main", "0123456789abcdef0123456789abcdef01234567", "my-branch"])
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert as_version(name) is None
    assert choose_revision(["v3.0"], name, "here") == (name, None)
