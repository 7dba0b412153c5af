from __future__ import annotations

import io

import numpy as np
import pytest

from understudy.envs.adapters.benchmark_server.wire import NoFrame, pack, unpack

ARRAYS = {
    "state": np.array([1.5, -np.inf, np.nan]),
    "picture": np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::-1],
    "empty": np.zeros((0, 3), dtype=np.float32),
}


def test_a_frame_comes_back_with_its_message_and_its_arrays_to_the_last_bit() -> None:
    stream = io.BytesIO(pack({"do": "look", "names": ["ä"]}, ARRAYS) + pack({"do": "next"}, {}))
    message, arrays = unpack(stream.read)
    assert message == {"do": "look", "names": ["ä"]}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].tobytes() == array.tobytes()
    assert unpack(stream.read) == ({"do": "next"}, {})


@pytest.mark.parametrize(
    "change",
    [
        (b"float", b"flo"),
        (b'"<f8"', b'"|O8"'),
        (b"[3]", b"[2]"),
        (b'"arrays"', b'"arroys"'),
    ],
)
def test_bytes_that_are_no_frame_are_refused(change: tuple[bytes, bytes]) -> None:
    frame = pack({"what": "float"}, {"state": np.zeros(3)})
    assert change[0] in frame
    damaged = frame.replace(*change)
    if len(damaged) != len(frame):
        damaged = damaged + b"xx"
    with pytest.raises(NoFrame):
        unpack(io.BytesIO(damaged).read)


def test_words_on_the_pipe_are_not_waited_for_as_gigabytes() -> None:
    with pytest.raises(NoFrame, match="lengths"):
        unpack(io.BytesIO(b"pygame 2.6.1 says hello to everybody").read)
