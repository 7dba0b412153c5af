"""Serve one benchmark until the input ends: `serve()` is what ../process.py starts."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from .wire import pack, unpack

ORPHAN_CHECK_S = 1.0
# what a request may name -> where its class is
CLASSES = {"aloha": "aloha:Aloha", "pusht": "pusht:PushT", "metaworld": "sawyer:MetaWorld"}


class Served(Protocol):
    """What a benchmark's class has: the verbs of an environment, in plain types."""

    def begin(self, seed: int) -> None: ...
    def look(self, names: Sequence[str]) -> dict[str, np.ndarray]: ...
    def advance(self, action: np.ndarray) -> tuple[bool, bool, float, str]: ...
    def picture(self, width: int, height: int) -> np.ndarray: ...
    def expert_reset(self, seed: int) -> None: ...
    def expert_act(self) -> np.ndarray: ...


def serve() -> None:
    """Answer requests until the input ends; an error is an answer too."""
    answers = os.fdopen(os.dup(1), "wb")
    # whatever a library prints must not end up between the frames
    os.dup2(2, 1)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    served: Served | None = None
    while True:
        try:
            message, arrays = unpack(_reader(sys.stdin.buffer))
        except EOFError:
            return
        try:
            if message["do"] == "make":
                served = make(message)
                reply: dict[str, Any] = {"versions": versions(message["packages"])}
                sent: Mapping[str, np.ndarray] = {}
            else:
                assert served is not None
                reply, sent = answer(served, message, arrays)
        except Exception as error:
            traceback.print_exc()
            reply, sent = {"error": f"{type(error).__name__}: {error}"}, {}
        answers.write(pack(reply, sent))
        answers.flush()


def make(message: Mapping[str, Any]) -> Served:
    """The benchmark's class, set up; with cameras, one picture is drawn to see that it can be."""
    module, name = CLASSES[message["benchmark"]].split(":")
    found = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    served: Served = found(message["task"], message["width"], message["height"], message["shadows"])
    served.begin(0)
    if message["draws"]:
        served.picture(32, 32)
    return served


def answer(
    served: Served, message: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Carry out one request; message and arrays of the answer."""
    verb = message["do"]
    if verb == "begin":
        served.begin(message["seed"])
        return {}, {}
    if verb == "look":
        return {}, served.look(message["names"])
    if verb == "advance":
        over, success, progress, reason = served.advance(arrays["action"])
        return {"over": bool(over), "success": bool(success), "progress": float(progress), "reason": reason}, {}
    if verb == "picture":
        return {}, {"picture": served.picture(message["width"], message["height"])}
    if verb == "expert_reset":
        served.expert_reset(message["seed"])
        return {}, {}
    if verb == "expert_act":
        return {}, {"action": np.asarray(served.expert_act(), dtype=np.float64)}
    raise ValueError(f"no such request: {verb}")


def versions(packages: Sequence[str]) -> dict[str, str]:
    """package -> version, in this Python."""
    return {name: importlib.metadata.version(name) for name in packages}


def _reader(stream: BinaryIO) -> Any:
    def read(n: int) -> bytes:
        data = stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    return read


def _end_with(parent: int) -> None:
    """End when the parent does, even from the middle of a step that hangs."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK_S)
    os._exit(1)
