"""Frames out of video files, by number: frame 0 is the first that is shown, whatever the time stamps say.

Time stamps in the wild jitter, drift and start anywhere; the order of presentation does not. So each file is indexed
once by reading its packets without decoding them (sorted time stamps: the n-th is frame n; the key frames), and a frame
is reached by seeking to the key frame at or before it and decoding forward. The pixels are those of PyAV's `to_rgb`,
which is what LeRobot's `pyav` backend gives.

A decoder here, and its conversion to RGB, uses one thread: on two cores, two episodes at a time gave 770 frames/s (AV1,
640x480) and one episode on two codec threads 550 to 610; H.264 likewise. And an error then belongs to one frame.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from understudy.core.errors import DataError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

GET_AGAIN = "get the file again (download or record), or leave the episode out with --dataset.exclude_episodes"
# an index takes 8 bytes a frame: at a thousand frames a file, 32 MB at the very most
_INDEXED_FILES = 4096
_indexing = threading.Lock()


@dataclass(frozen=True)
class VideoFacts:
    """What a video file is: size in pixels, number of frames that can be read, codec ("h264", "hevc", "av1", ...)."""

    width: int
    height: int
    frames: int
    codec: str
    fps: float


@dataclass(frozen=True)
class _Index:
    """Where the frames of a file are.

    shown_at    (N,) when each frame is shown, in the stream's own unit of time, rising
    keys        (K,) numbers of the key frames, rising
    key_dts     (K,) their decoding time stamps: what a container is searched by
    promised    frames that the header speaks of (0 when it does not say): more than `facts.frames` in a cut-off file
    """

    facts: VideoFacts
    shown_at: np.ndarray
    keys: np.ndarray
    key_dts: np.ndarray
    promised: int


def probe(path: Path) -> VideoFacts:
    """The facts of a video file. Raises DataError when it is missing or is no video."""
    return _index(path).facts


def decode_span(
    path: Path, first_frame: int, length: int, expected_size: tuple[int, int] | None = None
) -> Iterator[np.ndarray]:
    """The frames first_frame ... first_frame + length - 1 of the file, in order: uint8 RGB arrays (h, w, 3).

    expected_size   (height, width) that the frames must have
    Raises DataError, before the first frame where that is possible: the file is missing, is not a video, has another
    size, holds too few frames, or a frame is damaged.
    """
    with OpenVideo(path, expected_size) as video:
        video.require(first_frame, length)
        for number in range(first_frame, first_frame + length):
            yield video.frame(number)


def decode_frame(path: Path, frame_number: int) -> np.ndarray:
    """One frame by its number: uint8 RGB (h, w, 3). Raises DataError."""
    return next(decode_span(path, frame_number, 1))


class OpenVideo:
    """A file with its decoder, for reading frames by number. Frames in rising order cost no seek. One thread at a time.

    Raises DataError when the file is missing, is no video, or has another size than `expected_size` (height, width).
    """

    def __init__(self, path: Path, expected_size: tuple[int, int] | None = None) -> None:
        self.path = path
        self._index = _index(path)
        facts = self._index.facts
        self.size = (facts.height, facts.width)
        if expected_size is not None and expected_size != self.size:
            raise DataError(
                f"the video is {facts.width}x{facts.height} pixels; "
                f"the dataset describes it as {expected_size[1]}x{expected_size[0]}",
                where=str(path),
                hint="correct the camera's shape in meta/info.json, or put the right file in place",
            )
        self._container, self._stream = _open(path)
        import av
        from av.video.reformatter import VideoReformatter

        # a converter is costly to set up: one for the whole file, not one per frame
        self._to_rgb = VideoReformatter()
        # PyAV 18 starts a thread per processor for each converter if it is not told otherwise; before 17 it had one
        self._converting = {"threads": 1} if int(av.__version__.split(".")[0]) >= 18 else {}
        self._decoded: Iterator[av.VideoFrame] = iter(())
        self._next = -1  # number of the frame that the decoder gives next; -1: unknown

    def require(self, first_frame: int, length: int) -> None:
        """Raise DataError unless the file holds `length` frames from `first_frame` on."""
        held, promised = self._index.facts.frames, self._index.promised
        if first_frame + length <= held:
            return
        span = f"{length:,} frames" + (f" from frame {first_frame:,} on" if first_frame else "")
        cut_off = f"; its header speaks of {promised:,}, so the file is cut off" if promised > held else ""
        raise DataError(
            f"the video is shorter than its episode: it holds {held:,} frames, the episode needs {span}{cut_off}",
            where=str(self.path),
            hint=GET_AGAIN,
        )

    def frame(self, number: int) -> np.ndarray:
        """Frame `number` (from 0) as uint8 RGB (h, w, 3). Raises DataError when it is not there or damaged."""
        self.require(number, 1)
        nearest = int(np.searchsorted(self._index.keys, number, side="right")) - 1
        key = int(self._index.keys[nearest])
        if not key <= self._next <= number:
            self._seek(nearest)
        decoded = self._decode_until(number)
        if decoded is None and nearest > 0:
            # a key frame from which decoding cannot start (its followers refer to what was before it): from the start
            self._seek(0)
            decoded = self._decode_until(number)
        if decoded is None:
            raise DataError("a frame of the video is damaged", where=f"{self.path}, frame {number}", hint=GET_AGAIN)
        if (decoded.height, decoded.width) != self.size:
            raise DataError(
                f"the video changes its size to {decoded.width}x{decoded.height} pixels on the way",
                where=f"{self.path}, frame {number}",
                hint="encode the file again with one size",
            )
        return self._to_rgb.reformat(decoded, format="rgb24", **self._converting).to_ndarray()

    def _seek(self, key: int) -> None:
        """Make the decoder start at the key frame with index `key`, or before it if the container finds that."""
        self._container.seek(int(self._index.key_dts[key]), stream=self._stream, backward=True)
        self._decoded = self._container.decode(self._stream)
        self._next = int(self._index.keys[key])

    def _decode_until(self, number: int) -> av.VideoFrame | None:
        """Decode forward to frame `number`; None when it cannot be had from where the decoder stands."""
        from av.error import FFmpegError

        self._next, wanted = -1, None
        shown_at = int(self._index.shown_at[number])
        try:
            for frame in self._decoded:
                if frame.pts is not None and frame.pts >= shown_at:
                    wanted = frame if frame.pts == shown_at and not frame.is_corrupt else None
                    break
        except FFmpegError:
            return None
        if wanted is not None:
            self._next = number + 1
        return wanted

    def close(self) -> None:
        """Release the decoder and the file."""
        self._decoded = iter(())
        self._container.close()

    def __enter__(self) -> OpenVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> tuple[InputContainer, VideoStream]:
    """The container and its first video stream, set to decode on one thread. Raises DataError."""
    import av
    import av.logging
    from av.error import FFmpegError

    av.logging.set_level(None)  # the codecs' own complaints: what matters of them is raised
    if not path.is_file():
        raise DataError(
            "a video file is missing",
            where=str(path),
            hint="finish the download of the dataset, or leave the episode out with --dataset.exclude_episodes",
        )
    try:
        container = av.open(str(path))
    except (FFmpegError, OSError) as error:
        reason = "it is empty" if path.stat().st_size == 0 else "it is cut off, or is not a video"
        raise DataError(f"the video cannot be opened: {reason}", where=str(path), hint=GET_AGAIN) from error
    if not container.streams.video:
        container.close()
        raise DataError("the file holds no video stream", where=str(path), hint=GET_AGAIN)
    stream = container.streams.video[0]
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return container, stream


def _index(path: Path) -> _Index:
    """The index of the file as it is now; made once, by one thread, however many ask."""
    try:
        status = path.stat()
    except OSError:
        _open(path)  # says what is wrong
        raise
    with _indexing:
        return _make_index(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=_INDEXED_FILES)
def _make_index(path: Path, size: int, changed_ns: int) -> _Index:
    from av.error import FFmpegError

    container, stream = _open(path)
    packets: list[tuple[int, int, bool]] = []  # time of presentation, of decoding, key frame
    with container:
        try:
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard or packet.is_corrupt:
                    continue  # the end; trimmed away by the container; the torn last packet of a cut-off file
                if packet.pts is None:
                    raise DataError(
                        "the video's frames carry no time of presentation, so their order is not certain",
                        where=str(path),
                        hint="put it into an mp4 container (ffmpeg -i IN -c copy OUT.mp4)",
                    )
                decoded_at = packet.pts if packet.dts is None else packet.dts
                packets.append((packet.pts, decoded_at, packet.is_keyframe))
        except FFmpegError:
            pass  # what can be read up to here counts; who needs more is told how many frames there are
        codec, context = stream.codec.canonical_name, stream.codec_context
        facts = VideoFacts(context.width, context.height, len(packets), codec, float(stream.average_rate or 0))
        promised = stream.frames
    return _order(path, facts, packets, promised)


def _order(path: Path, facts: VideoFacts, packets: list[tuple[int, int, bool]], promised: int) -> _Index:
    packets.sort()
    shown_at = np.array([packet[0] for packet in packets], dtype=np.int64)
    if np.any(shown_at[1:] == shown_at[:-1]):
        raise DataError(
            "two frames of the video have the same time of presentation, so their order is not certain",
            where=str(path),
            hint="encode the file again at a constant frame rate",
        )
    keys = [number for number, packet in enumerate(packets) if packet[2]]
    if not keys:
        raise DataError("the video holds no frame that decoding can start from", where=str(path), hint=GET_AGAIN)
    return _Index(facts, shown_at, np.array(keys), np.array([packets[number][1] for number in keys]), promised)
