"""SIGTERM ends work by an exception, in the main thread and for as long as it was asked to."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from understudy.core.errors import Interrupted
from understudy.core.signals import ended_politely


def test_sigterm_raises_and_the_handler_from_before_is_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as caught, ended_politely():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_thread_that_may_not_have_handlers_goes_on_without() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with ended_politely():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
