"""Files are numbered and filled as LeRobot does."""

from __future__ import annotations

from understudy.data.write.places import Place, by_file, in_files

MB = 2**20


def test_a_file_is_followed_by_another_before_it_reaches_its_limit() -> None:
    places = in_files([40 * MB, 40 * MB, 30 * MB, 150 * MB, MB], 100)
    assert places == [Place(0, 0), Place(0, 0), Place(0, 1), Place(0, 2), Place(0, 3)]
    assert by_file(places) == {Place(0, 0): [0, 1], Place(0, 1): [2], Place(0, 2): [3], Place(0, 3): [4]}


def test_episodes_of_different_kinds_do_not_share_a_file() -> None:
    assert [place.file for place in in_files([1, 1, 1, 1], 100, [b"a", b"a", b"b", b"a"])] == [0, 0, 1, 2]


def test_a_chunk_holds_a_thousand_files() -> None:
    places = in_files([2] * 2001, 0)
    assert (places[999], places[1000], places[2000]) == (Place(0, 999), Place(1, 0), Place(2, 0))
    assert Place(1, 7).of("videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4", video_key="k") == (
        "videos/k/chunk-001/file-007.mp4"
    )
