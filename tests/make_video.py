"""Videos whose frames can be told apart, and ways to damage them. Textured, as real ones are, so that damage shows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
_QUIET = {"hevc": {"x265-params": "log-level=none"}, "av1": {"preset": "12"}}


def level_of(number: int) -> int:
    """The grey level of the left part of frame `number`; neighbours differ by 11 or more."""
    return 20 + number * 11 % 216


def number_shown(frame: np.ndarray, near: int) -> int:
    """Which of the frames around `near` this picture is."""
    level = float(frame[:, : frame.shape[1] // 2 - 4].mean())
    candidates = range(max(0, near - 6), near + 7)
    return min(candidates, key=lambda n: abs(level_of(n) - level))


def make_video(
    path: Path,
    frames: int,
    *,
    codec: str = "h264",
    size: tuple[int, int] = (48, 64),
    fps: int = 10,
    key_every: int = 2,
    first_pts: int = 0,
    b_frames: int | None = None,
    options: dict[str, str] | None = None,
    index_first: bool = True,
) -> Path:
    """Encode `frames` frames: the left half a flat `level_of(number)`, the right half a moving texture.

    first_pts     time of the first frame, in frames
    b_frames      None: as the encoder likes
    index_first   put the mp4's index at the beginning (as LeRobot's own files), so that a cut-off file can be opened
    """
    height, width = size
    texture = np.random.default_rng(5).integers(0, 255, (height, width // 2, 3), dtype=np.uint8)
    settings = {"crf": "20", "g": str(key_every), **_QUIET.get(codec, {}), **(options or {})}
    if b_frames is not None:
        settings["bf"] = str(b_frames)
    container_options = {"movflags": "faststart"} if index_first and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=container_options) as container:
        stream: Any = container.add_stream(_ENCODERS[codec], rate=fps, options=settings)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, fps)
        for number in range(frames):
            picture = np.empty((height, width, 3), np.uint8)
            picture[:, : width // 2] = level_of(number)
            picture[:, width // 2 :] = np.roll(texture, number, axis=1)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = first_pts + number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets_of(path: Path) -> list[tuple[int, int, int]]:
    """(position in the file, bytes, time) of every packet, in the order of the file."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size, p.pts) for p in container.demux(video=0) if p.size]


def cut_off(path: Path, keep: float) -> int:
    """Lose the end of the file, as an interrupted copy does; how many packets are still there whole."""
    packets, data = packets_of(path), path.read_bytes()
    size = int(len(data) * keep)
    path.write_bytes(data[:size])
    return sum(position + length <= size for position, length, _ in packets)


def mark_every_frame_as_key(path: Path, to: Path) -> Path:
    """A copy whose container claims that decoding can start anywhere, as careless tools write it."""
    with av.open(str(path)) as container, av.open(str(to), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                packet.is_keyframe = True
                out.mux(packet)
    return to


def damage_frame(path: Path, number: int, *, keep: float = 0.0) -> None:
    """Overwrite the coded picture of frame `number` with zeros, but for its beginning, the share `keep` of it."""
    packets = packets_of(path)
    shown_at = sorted(time for _, _, time in packets)[number]
    position, length, _ = next(p for p in packets if p[2] == shown_at)
    with path.open("r+b") as file:
        kept = int(length * keep)
        file.seek(position + kept)
        file.write(bytes(length - kept))
