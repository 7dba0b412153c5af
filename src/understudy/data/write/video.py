"""Videos: one mp4 per episode while recording, joined afterwards without encoding anything again.

Every second picture is a key frame, as in LeRobot's videos, so that any frame is reached by decoding two at most; no
picture refers to a later one, so the n-th packet is the n-th frame and joining is counting. Encoders use one thread:
the same pictures give the same bytes on any number of cores, and the cores are taken by other episodes anyway.

H.264 (preset veryfast, crf 15) cost 0.24 ms and 1.0 kB a frame for drawn pictures of 96x96, and SVT-AV1 as LeRobot sets
it up (preset 12, crf 30) 0.86 ms and 0.8 kB at the same error; what error there is comes from storing colour at half
the resolution (yuv420p), which crf 10 does not change.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from understudy.core.errors import DataError, ResourceError

from .form import Codec

_ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"preset": "veryfast", "crf": "15", "g": "2", "bf": "0", "threads": "1"}),
    "av1": ("libsvtav1", {"preset": "12", "crf": "30", "g": "2", "svtav1-params": "lp=1"}),
}


class VideoWriter:
    """The pictures of one episode and camera, encoded as they come. The file is held in memory until `finish`."""

    def __init__(self, size: tuple[int, int], fps: int, codec: Codec) -> None:
        """`size`: (height, width), even numbers. Raises ResourceError when this PyAV has no such encoder."""
        import av

        # errors only; the encoder prints thirty lines otherwise
        os.environ.setdefault("SVT_LOG", "1")
        encoder, options = _ENCODERS[codec]
        self._file = io.BytesIO()
        self._step = Fraction(1, fps)
        self._container = av.open(self._file, "w", format="mp4")
        try:
            stream: Any = self._container.add_stream(encoder, rate=fps, options=dict(options))
        except ValueError as error:
            raise ResourceError(
                f"this PyAV has no encoder for {codec} ({encoder})", hint="pip install av: its wheels have it"
            ) from error
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._step
        self._stream = stream
        self.frames = 0

    def add(self, picture: np.ndarray) -> None:
        """The next picture: uint8 RGB (h, w, 3)."""
        import av

        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self.frames, self._step
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def finish(self) -> bytes:
        """The whole mp4."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.getvalue()


def parameter_sets(path: Path) -> bytes:
    """What a decoder must know before the first packet. Videos can be joined only where it is the same."""
    import av

    with av.open(str(path)) as container:
        return bytes(container.streams.video[0].codec_context.extradata or b"")


def join_videos(parts: Sequence[Path], lengths: Sequence[int], target: Path, fps: int) -> None:
    """One mp4 with the packets of all `parts`, frame n at n / fps exactly.

    lengths   frames of each part

    Raises DataError when a part holds another number of frames, OSError when `target` cannot be written.
    """
    import av

    step, number = Fraction(1, fps), 0
    with av.open(str(target), "w", options={"movflags": "faststart"}) as out:
        stream: Any = None
        for part, length in zip(parts, lengths, strict=True):
            with av.open(str(part)) as container:
                video = container.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(video, opaque=True)
                    stream.time_base = step
                first = number
                for packet in container.demux(video):
                    if packet.size:
                        packet.stream, packet.time_base = stream, step
                        packet.pts = packet.dts = number
                        packet.duration = 1
                        out.mux(packet)
                        number += 1
            if number - first != length:
                raise DataError(f"a recorded video holds {number - first} frames of {length}", where=str(part))


def stream_facts(path: Path) -> dict[str, Any]:
    """What info.json says of a video, in LeRobot's words."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.base_rate
        return {
            "video.height": stream.height,
            "video.width": stream.width,
            # libdav1d and the like are decoders: the name of the stream's own codec is meant
            "video.codec": {"libdav1d": "av1"}.get(
                stream.codec_context.name, stream.codec_context.codec.canonical_name
            ),
            "video.pix_fmt": stream.pix_fmt,
            "video.is_depth_map": False,
            "is_depth_map": False,
            "video.fps": round(rate) if rate else 0,
            "video.channels": 3,
            "has_audio": False,
        }
