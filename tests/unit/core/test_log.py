"""What is said goes where people read: stdout, or stderr when stdout is kept for one JSON document."""

from __future__ import annotations

import io
import sys

import pytest

from understudy.core import log


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_to_stderr", False)
    monkeypatch.setattr(log, "_warned", set())


def test_words_go_to_stdout_until_json_wants_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.say("one")
    log.talk_on_stderr()
    log.say("two")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("one\n", "two\n")


def test_a_warning_is_given_once_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("a", "b", "a"):
        log.warn(text)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "warning: a\nwarning: b\n")


def test_progress_off_a_terminal_is_plain_lines_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PLAIN_LINE_EVERY_S", 0.0)
    with log.progress("decoding", 4, "frames") as advance:
        advance(1)
        advance(3, "nearly done")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["decoding: 1 of 4 frames", "decoding: 4 of 4 frames"]
    assert "frames/s" in lines[0]
    assert " left" in lines[0]
    assert lines[1].endswith("nearly done")


def test_short_work_off_a_terminal_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with log.progress("decoding", 2, "frames") as advance:
        advance(2)
    assert capsys.readouterr().out == ""


def test_progress_on_a_terminal_is_a_live_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with log.progress("decoding", 2, "frames") as advance:
        advance(2, "busy")
    assert "decoding" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()


def test_a_process_that_another_one_speaks_for_is_silent_until_it_may_speak(capsys: pytest.CaptureFixture[str]) -> None:
    log.hush()
    try:
        assert log.is_hushed()
        log.say("x")
        log.warn("y")
        with log.progress("decoding", 1, "frames") as advance:
            advance(1)
    finally:
        log.hush(False)
    assert capsys.readouterr() == ("", "")
    log.say("now")
    assert capsys.readouterr().out == "now\n"
