"""Signals: nothing to save before the loop, save once in it, at once the second time."""

from __future__ import annotations

import os
import signal

import pytest

from understudy.core.errors import Interrupted
from understudy.train.signals import StopRequest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_before_the_loop_a_signal_stops_at_once(number: int, code: int) -> None:
    with pytest.raises(Interrupted) as stopped, StopRequest():
        os.kill(os.getpid(), number)
    assert stopped.value.exit_code == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_in_the_loop_the_first_signal_asks_and_the_second_stops(number: int, code: int) -> None:
    with StopRequest() as stop:
        stop.patient = True
        os.kill(os.getpid(), number)
        assert stop.requested == code
        with pytest.raises(Interrupted) as stopped:
            os.kill(os.getpid(), number)
    assert stopped.value.exit_code == code


def test_afterwards_signals_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_that_a_launcher_passes_on_again_is_the_same_signal(capsys: pytest.CaptureFixture[str]) -> None:
    with StopRequest() as stop:
        stop.patient = stop.forwarded = True
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested == 143
    assert "once more" not in capsys.readouterr().out


def test_a_signal_in_the_middle_of_a_library_that_makes_its_own_error_of_it_is_still_a_signal() -> None:
    def library() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Interrupted as error:
            raise RuntimeError("a callback failed") from error

    with pytest.raises(Interrupted) as stopped, StopRequest():
        library()
    assert stopped.value.exit_code == 130
