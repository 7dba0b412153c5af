"""Video files: the right frame for every number, whatever codec and time stamps; damage is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from make_video import cut_off, damage_frame, make_video, mark_every_frame_as_key, number_shown
from understudy.core.errors import DataError
from understudy.data.video import OpenVideo, decode_frame, decode_span, probe

CODECS = ["h264", "hevc", "av1"]


def all_frames(path: Path) -> list[np.ndarray]:
    """What decoding the whole file from its start gives: PyAV's own words, nothing of ours."""
    with av.open(str(path)) as container:
        return [frame.to_rgb().to_ndarray() for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", CODECS)
def test_every_span_is_the_same_part_of_the_whole_file(codec: str, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 40, codec=codec, key_every=10)
    whole = all_frames(path)
    assert len(whole) == 40
    for first, length in ((0, 40), (7, 5), (10, 10), (29, 11), (39, 1)):
        span = list(decode_span(path, first, length, (48, 64)))
        assert len(span) == length
        for number, frame in enumerate(span, first):
            assert frame.dtype == np.uint8 and frame.shape == (48, 64, 3)
            np.testing.assert_array_equal(frame, whole[number])
            assert number_shown(frame, number) == number


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("one key frame", {"key_every": 1000, "frames": 60}),
        ("many B-frames", {"b_frames": 4, "key_every": 12, "options": {"b_strategy": "0"}}),
        ("open groups of pictures", {"b_frames": 3, "key_every": 8, "options": {"x264-params": "open-gop=1"}}),
        ("hevc open groups", {"codec": "hevc", "key_every": 8}),
        ("times that start late", {"first_pts": 7, "b_frames": 2, "key_every": 6}),
        ("odd frame rate", {"fps": 29, "key_every": 5}),
        ("matroska", {"suffix": ".mkv", "b_frames": 3, "key_every": 9, "first_pts": 3}),
    ],
)
def test_single_frames_are_found_by_number_in_any_order(name: str, settings: dict, tmp_path: Path) -> None:
    settings = dict(settings)
    path = make_video(tmp_path / f"a{settings.pop('suffix', '.mp4')}", settings.pop("frames", 40), **settings)
    whole = all_frames(path)
    order = np.random.default_rng(1).permutation(len(whole))
    with OpenVideo(path) as video:
        for number in order:
            np.testing.assert_array_equal(video.frame(int(number)), whole[number], err_msg=f"{name}, frame {number}")


def test_frames_that_were_joined_without_encoding_are_counted_through(tmp_path: Path) -> None:
    parts = [make_video(tmp_path / f"{n}.mp4", frames, b_frames=0) for n, frames in enumerate((10, 7, 13))]
    joined = tmp_path / "joined.mp4"
    with av.open(str(joined), "w") as out:
        stream, shift = None, 0
        for part in parts:
            with av.open(str(part)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                step, end = 0, 0
                for packet in container.demux(source):
                    if packet.size:
                        step = packet.duration or step
                        end = max(end, packet.pts + step)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        out.mux(packet)
                shift += end
    for first, part in zip((0, 10, 17), parts, strict=True):
        own = all_frames(part)
        for frame, expected in zip(decode_span(joined, first, len(own)), own, strict=True):
            np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize("codec", CODECS)
def test_probe_tells_the_facts_of_a_file(codec: str, tmp_path: Path) -> None:
    facts = probe(make_video(tmp_path / "a.mp4", 11, codec=codec, size=(50, 70), fps=15))
    assert (facts.width, facts.height, facts.frames, facts.codec, facts.fps) == (70, 50, 11, codec, 15.0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing") as caught:
        list(decode_span(tmp_path / "gone.mp4", 0, 1))
    assert "gone.mp4" in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("content", [b"", b"this is no video at all" * 50])
def test_a_file_that_is_no_video_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be opened") as caught:
        probe(path)
    assert str(path) in str(caught.value)


def test_a_file_without_pictures_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(DataError, match="no video stream"):
        probe(path)


def test_a_cut_off_file_whose_index_is_lost_is_named(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 40, index_first=False)
    cut_off(path, 0.6)
    with pytest.raises(DataError, match="cut off"):
        probe(path)


@pytest.mark.parametrize("codec", CODECS)
def test_a_cut_off_file_says_how_many_frames_it_has_and_needs(codec: str, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 40, codec=codec)
    held = cut_off(path, 0.6)
    assert 5 < held < 40
    assert probe(path).frames == held
    with pytest.raises(DataError) as caught:
        next(decode_span(path, 0, 40))
    assert f"holds {held} frames" in caught.value.what
    assert "needs 40 frames" in caught.value.what and "cut off" in caught.value.what
    # what is there can still be used: B-frames may leave a gap at the torn end
    assert len(list(decode_span(path, 0, held - 4))) == held - 4


def test_a_video_shorter_than_its_episode_says_how_many_frames_it_has_and_needs(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 12)
    with pytest.raises(DataError, match=r"holds 12 frames, the episode needs 10 frames from frame 5 on") as caught:
        next(decode_span(path, 5, 10))
    assert "cut off" not in caught.value.what


def test_a_video_of_another_size_than_described_is_named(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 4)
    with pytest.raises(DataError, match=r"64x48 pixels; the dataset describes it as 32x24") as caught:
        next(decode_span(path, 0, 4, (24, 32)))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("codec", CODECS)
def test_damage_in_the_middle_names_the_frame_and_leaves_the_ones_before_it(codec: str, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 30, codec=codec, key_every=5, b_frames=0)
    whole = all_frames(path)
    damage_frame(path, 20)
    seen = []
    with pytest.raises(DataError) as caught:
        for frame in decode_span(path, 0, 30):
            seen += [frame]
    assert "damaged" in caught.value.what and str(path) in str(caught.value)
    assert f"frame {len(seen)}" in str(caught.value)
    assert 15 <= len(seen) <= 20
    for frame, expected in zip(seen, whole, strict=False):
        np.testing.assert_array_equal(frame, expected)
    # frames after the next key frame are as good as ever
    np.testing.assert_array_equal(decode_frame(path, 27), whole[27])


def test_a_half_damaged_picture_is_not_passed_off_as_a_good_one(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 30, key_every=5, b_frames=0)
    damage_frame(path, 22, keep=0.3)
    # the decoder fills the gap by guessing; that it did so must not go unnoticed
    assert len(all_frames(path)) == 30
    with pytest.raises(DataError, match="damaged") as caught:
        list(decode_span(path, 20, 5))
    assert "frame 22" in str(caught.value)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_key_frames_that_are_none_are_seen_through(codec: str, tmp_path: Path) -> None:
    honest = make_video(tmp_path / "a.mp4", 24, codec=codec, key_every=8)
    whole = all_frames(honest)
    path = mark_every_frame_as_key(honest, tmp_path / "b.mp4")
    with OpenVideo(path) as video:
        for number in (5, 4, 13, 23, 8, 1, 0):
            np.testing.assert_array_equal(video.frame(number), whole[number], err_msg=f"frame {number}")


def test_frames_in_rising_order_are_decoded_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mp4", 30, key_every=10)
    seek, seeks = OpenVideo._seek, []
    monkeypatch.setattr(OpenVideo, "_seek", lambda self, key: (seeks.append(key), seek(self, key)))
    with OpenVideo(path) as video:
        for number in (2, 3, 5, 9, 10, 11):
            video.frame(number)
        assert seeks == [0]
        video.frame(25)  # the next key frame is nearer than where the decoder stands
        assert seeks == [0, 2]


def test_a_frame_beyond_the_end_is_an_error(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 6)
    with pytest.raises(DataError, match="holds 6 frames"):
        decode_frame(path, 6)


def test_a_file_replaced_by_another_is_read_anew(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 6)
    assert probe(path).frames == 6
    shutil.copy(make_video(tmp_path / "b.mp4", 9), path)
    assert probe(path).frames == 9


def test_codecs_do_not_write_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = [make_video(tmp_path / f"{codec}.mp4", 30, codec=codec, b_frames=0) for codec in CODECS]
    capfd.readouterr()
    refused = 0
    for path in paths:
        damage_frame(path, 12)
        try:
            list(decode_span(path, 0, 30))
        except DataError:
            refused += 1
    assert refused == len(paths)
    assert capfd.readouterr() == ("", "")


@pytest.mark.shared
def test_the_same_frames_come_out_of_one_file_per_episode_and_of_one_file_for_all(shared: Path) -> None:
    together = shared / "cr5_banana_v30/videos/observation.images.top/chunk-000/file-000.mp4"
    lengths = [197, 215, 275, 209, 237, 199]
    for episode, first in enumerate(np.cumsum([0, *lengths[:-1]])):
        alone = shared / f"cr5_banana_v21/videos/chunk-000/observation.images.top/episode_{episode:06d}.mp4"
        for at, length in ((0, 4), (lengths[episode] - 4, 4)):
            pairs = zip(decode_span(alone, at, length), decode_span(together, int(first) + at, length), strict=True)
            for ours, theirs in pairs:
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.shared
def test_few_key_frames_do_not_matter(shared: Path) -> None:
    path = shared / "gr1_pick_n_place_v20/videos/chunk-000/observation.images.ego_view/episode_000004.mp4"
    whole = all_frames(path)
    with OpenVideo(path, (256, 256)) as video:
        for number in (327, 0, 251, 249, 250, 100, 101, 326):
            np.testing.assert_array_equal(video.frame(number), whole[number])
