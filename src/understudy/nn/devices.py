"""Which device to compute on. A device that was asked for and is not there is an error, never a silent CPU."""

from __future__ import annotations

import torch

from understudy.core.errors import ConfigError


def available_devices() -> list[str]:
    """The kinds of device this machine and this build of torch offer, best first; `cpu` is always the last."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def choose_device(name: str | None) -> torch.device:
    """The device called `name` ("cuda", "cuda:1", "mps", "cpu"); None and "auto" take the best one there is.

    Raises ConfigError for a name torch does not know and for a device that is absent.
    """
    found = available_devices()
    if name is None or name == "auto":
        return torch.device(found[0])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"unknown device `{name}`", where="--policy.device", hint="use cuda, cuda:1, mps, cpu or auto"
        ) from error
    if device.type not in found:
        raise ConfigError(
            f"the device `{name}` was asked for, but this machine or this build of torch does not offer it",
            where="--policy.device",
            hint=f"there is: {', '.join(found)}; --policy.device=auto takes the best of them",
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"the device `{name}` was asked for, but there are only {torch.cuda.device_count()} CUDA devices",
            where="--policy.device",
            hint="devices are counted from cuda:0",
        )
    return device
