"""understudy studio: what it refuses before anything is served, and how it begins and ends."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

from runs import command, start
from understudy.cli.studio import run
from understudy.core.errors import ConfigError
from understudy.studio.server import HOST, open_socket


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        run([str(tmp_path / "none"), "--open=false"])


@pytest.mark.parametrize("port", ["-1", "70000", "http"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match="--port"):
        run([str(tmp_path), f"--port={port}"])


def test_without_its_library_the_studio_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="nicegui") as refused:
        run([str(tmp_path)])
    assert "understudy[studio]" in str(refused.value.hint)


def test_a_taken_port_is_left_to_whoever_has_it() -> None:
    with open_socket(0) as first:
        taken = first.getsockname()[1]
        first.listen()
        with open_socket(taken) as second:
            assert second.getsockname()[1] != taken


def test_when_all_ports_are_taken_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: socket.socket, address: object) -> None:
        raise OSError

    monkeypatch.setattr(socket.socket, "bind", refused)
    with pytest.raises(ConfigError, match="are taken"):
        open_socket(8420)


def test_it_serves_this_machine_alone_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    running = start(command("studio", str(tmp_path), "--port=0", "--open=false"))
    try:
        assert running.stdout is not None
        link = next(found[0] for line in running.stdout if (found := re.search(r"http://\S+", line)))
        assert link.startswith(f"http://{HOST}:")
        assert build_opener(HTTPCookieProcessor()).open(link).status == 200
        with pytest.raises(HTTPError, match="403"):
            urlopen(link.partition("?")[0])
    finally:
        running.send_signal(signal.SIGINT)
    assert running.wait(60) in (0, 130)
    assert running.stderr is not None
    assert "Traceback" not in running.stderr.read()
    assert list(tmp_path.iterdir()) == []
