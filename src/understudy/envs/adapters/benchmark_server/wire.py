"""Frames between us and a benchmark's process: a JSON message and named arrays, no pickle.

4 bytes   length of the message, little-endian
8 bytes   length of all arrays
message   JSON; its key "arrays" lists [name, dtype, shape] in the order of the bytes that follow
arrays    their bytes, C order, one after the other
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

DTYPES = ("<f8", "<f4", "|u1")
_HEAD = struct.Struct("<IQ")
# larger than any frame of ours: other bytes on the pipe must not make us wait for gigabytes
_MESSAGE_LIMIT, _ARRAYS_LIMIT = 1 << 20, 1 << 28


class NoFrame(Exception):
    """The bytes are no frame: something else was written to the pipe."""


def pack(message: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The frame. Arrays are float64, float32 or uint8."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    table = [[name, array.dtype.str, list(array.shape)] for name, array in whole.items()]
    assert all(dtype in DTYPES for _, dtype, _ in table), table
    text = json.dumps(dict(message) | {"arrays": table}).encode()
    body = b"".join(array.tobytes() for array in whole.values())
    return _HEAD.pack(len(text), len(body)) + text + body


def unpack(read: Callable[[int], bytes]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The next frame; `read(n)` gives exactly n bytes. Raises NoFrame, and what `read` raises."""
    text_length, body_length = _HEAD.unpack(read(_HEAD.size))
    if text_length > _MESSAGE_LIMIT or body_length > _ARRAYS_LIMIT:
        raise NoFrame(f"lengths {text_length} and {body_length}")
    text, body = read(text_length), read(body_length)
    try:
        message = json.loads(text)
        table = message.pop("arrays")
        return message, _arrays(table, body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NoFrame(str(error)) from error


def _arrays(table: list[Any], body: bytes) -> dict[str, np.ndarray]:
    arrays, at = {}, 0
    for name, dtype, shape in table:
        if dtype not in DTYPES:
            raise NoFrame(f"dtype {dtype}")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        arrays[name] = np.frombuffer(body[at : at + size], dtype).reshape(shape).copy()
        at += size
    if at != len(body):
        raise NoFrame(f"{len(body)} bytes for arrays of {at}")
    return arrays
