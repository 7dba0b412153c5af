"""The device that was asked for is used, or its absence is an error."""

from __future__ import annotations

import pytest
import torch

from understudy.core.errors import ConfigError
from understudy.nn.devices import available_devices, choose_device


@pytest.mark.parametrize("name", [None, "auto"])
def test_without_a_wish_the_best_device_is_taken(name: str | None) -> None:
    assert choose_device(name).type == available_devices()[0]


def test_the_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert available_devices()[-1] == "cpu"


def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="`cuda` was asked for") as caught:
        choose_device("cuda")
    assert "cpu" in str(caught.value.hint)


def test_a_cuda_device_beyond_the_last_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ConfigError, match="only 1 CUDA"):
        choose_device("cuda:1")


def test_a_name_that_is_no_device_is_an_error() -> None:
    with pytest.raises(ConfigError, match="unknown device `gpu`"):
        choose_device("gpu")
