"""The plan for frames: what it chooses, the numbers it gives, and that it writes nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from make_dataset import make_dataset
from understudy.core import log
from understudy.core.errors import ConfigError, DiskFull, OutOfMemory
from understudy.data import frame_plan
from understudy.data.frames import FramesPlan, open_frames, plan_frames
from understudy.data.lerobot import Dataset, load_dataset

# 3 episodes of 20 frames, 24 x 32 pixels, 3 bytes each
TOTAL = 60 * 24 * 32 * 3
PLENTY = 10**12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("three_episodes") / "set")


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return load_dataset(str(folder))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> object:
    """Set the free bytes of the disk (beyond what is kept free) and of the memory that the plan finds."""

    def have(*, disk: int, ram: int) -> None:
        monkeypatch.setattr(frame_plan, "free_bytes", lambda path: disk)
        monkeypatch.setattr(frame_plan.shutil, "disk_usage", lambda path: SimpleNamespace(total=0))
        monkeypatch.setattr(frame_plan.psutil, "virtual_memory", lambda: SimpleNamespace(available=ram))
        monkeypatch.setattr(log, "_warned", set())

    return have


def test_disk_comes_first(dataset: Dataset, machine) -> None:
    machine(disk=TOTAL, ram=PLENTY)
    plan = plan_frames(dataset)
    assert (plan.tier, plan.bytes, plan.frames_to_decode) == ("disk", TOTAL, 60)
    assert "138.2 kB" in plan.reason and "60 frames to decode once" in plan.reason
    assert dataset.fingerprint in plan.reason


def test_memory_comes_next_if_half_of_it_suffices(dataset: Dataset, machine) -> None:
    machine(disk=TOTAL - 1, ram=2 * TOTAL)
    plan = plan_frames(dataset)
    assert (plan.tier, plan.bytes, plan.frames_to_decode) == ("ram", TOTAL, 60)
    assert "138.2 kB of 276.5 kB available" in plan.reason


def test_otherwise_frames_are_decoded_while_training_with_a_warning_that_says_the_price_and_the_way_out(
    dataset: Dataset, machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(disk=TOTAL - 8_240, ram=2 * TOTAL - 1)
    plan = plan_frames(dataset)
    assert (plan.tier, plan.frames_to_decode) == ("decode", 0)
    warning = capsys.readouterr().err
    assert "ms for each sample" in warning and "free 8.2 kB" in warning and "UNDERSTUDY_CACHE" in warning


@pytest.mark.parametrize("tier", ["disk", "ram", "decode"])
def test_what_is_asked_for_is_chosen_without_a_warning(
    tier: str, dataset: Dataset, machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(disk=PLENTY, ram=PLENTY)
    assert plan_frames(dataset, tier=tier).tier == tier
    assert capsys.readouterr().err == ""


def test_a_disk_that_was_asked_for_and_has_no_room_is_an_error(dataset: Dataset, machine, own_cache: Path) -> None:
    machine(disk=TOTAL - 1, ram=PLENTY)
    with pytest.raises(DiskFull, match=r"138\.2 kB are still to be written") as caught:
        plan_frames(dataset, tier="disk")
    assert str(own_cache) in str(caught.value) and "--dataset.frames=decode" in str(caught.value)


def test_memory_that_was_asked_for_and_does_not_suffice_is_an_error(dataset: Dataset, machine) -> None:
    machine(disk=PLENTY, ram=TOTAL)
    with pytest.raises(OutOfMemory, match=r"138\.2 kB are available") as caught:
        plan_frames(dataset, tier="ram")
    assert caught.value.hint and "--dataset.frames=disk" in caught.value.hint


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> object:
    """Set the free bytes of the device `cuda`."""

    def have(free: int) -> None:
        monkeypatch.setattr(frame_plan, "_free_bytes_on", lambda device: free if device.startswith("cuda") else None)

    return have


def test_an_accelerator_comes_first_if_two_fifths_of_its_free_memory_suffice(
    dataset: Dataset, machine, accelerator
) -> None:
    machine(disk=TOTAL, ram=PLENTY)
    accelerator(TOTAL * 5 // 2)
    plan = plan_frames(dataset, device="cuda:1")
    assert (plan.tier, plan.device, plan.frames_to_decode) == ("device", "cuda:1", 60)
    assert plan.cache is not None and dataset.fingerprint in plan.reason
    assert "138.2 kB of 345.6 kB free on cuda:1" in plan.reason
    assert plan_frames(dataset, device="cpu").tier == "disk"
    accelerator(TOTAL * 5 // 2 - 1)
    assert plan_frames(dataset, device="cuda:1").tier == "disk"
    assert plan_frames(dataset, device="cuda:1", tier="device").tier == "device"


def test_without_room_on_the_disk_frames_are_decoded_onto_the_accelerator(
    dataset: Dataset, machine, accelerator, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(disk=TOTAL - 1, ram=0)
    accelerator(PLENTY)
    plan = plan_frames(dataset, device="cuda")
    assert (plan.tier, plan.cache, plan.frames_to_decode) == ("device", None, 60)
    assert "decoded at every start" in plan.reason
    assert capsys.readouterr().err == ""


def test_an_accelerator_that_was_asked_for_and_does_not_suffice_or_is_none_is_an_error(
    dataset: Dataset, machine, accelerator
) -> None:
    machine(disk=PLENTY, ram=PLENTY)
    accelerator(TOTAL)
    with pytest.raises(OutOfMemory, match=r"138\.2 kB are free") as caught:
        plan_frames(dataset, tier="device", device="cuda")
    assert caught.value.hint and "--dataset.frames=disk" in caught.value.hint
    for device in ("cpu", "mps"):
        with pytest.raises(ConfigError, match=f"{device} has no memory of its own"):
            plan_frames(dataset, tier="device", device=device)


def test_only_what_is_missing_needs_room(folder: Path, dataset: Dataset, machine) -> None:
    some = load_dataset(str(folder), episodes=[1])
    open_frames(some, plan_frames(some, tier="disk"))
    machine(disk=TOTAL * 2 // 3, ram=0)
    plan = plan_frames(dataset)
    assert (plan.tier, plan.frames_to_decode) == ("disk", 40)
    assert "20 of 60 frames are there already" in plan.reason


def test_a_full_disk_does_not_matter_once_all_is_there(dataset: Dataset, machine) -> None:
    open_frames(dataset, plan_frames(dataset, tier="disk"))
    machine(disk=-5, ram=0)
    for tier in ("auto", "disk"):
        plan = plan_frames(dataset, tier=tier)
        assert (plan.tier, plan.frames_to_decode) == ("disk", 0)
        assert "all 60 frames are there already" in plan.reason


def test_some_of_the_disk_is_left_free(dataset: Dataset, machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(disk=TOTAL + 50_000, ram=PLENTY)
    for size, tier in ((1_000_000, "disk"), (1_100_000, "ram")):  # a twentieth: 50 kB, 55 kB
        monkeypatch.setattr(frame_plan.shutil, "disk_usage", lambda path, size=size: SimpleNamespace(total=size))
        assert plan_frames(dataset).tier == tier


def test_planning_writes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    for tier in ("auto", "disk", "ram", "decode"):
        plan_frames(dataset, tier=tier, cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_the_plan_says_where_the_store_is(dataset: Dataset, tmp_path: Path) -> None:
    plan = plan_frames(dataset, tier="disk", cache=tmp_path / "elsewhere")
    assert str(tmp_path / "elsewhere") in plan.reason
    open_frames(dataset, plan)
    assert len(list((tmp_path / "elsewhere").rglob("frames.rgb"))) == 1


def test_an_unknown_tier_names_the_known_ones(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="`gpu`") as caught:
        plan_frames(dataset, tier="gpu")
    assert "auto, device, disk, ram or decode" in str(caught.value)


def test_the_home_folder_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert frame_plan.readable_path(Path("/home/someone/.cache/x")) == "~/.cache/x"
    assert frame_plan.readable_path(Path("/var/x")) == "/var/x"


def test_every_tier_can_be_opened_from_its_plan(dataset: Dataset) -> None:
    gathered = []
    for tier in ("disk", "ram", "decode"):
        plan = plan_frames(dataset, tier=tier)
        assert isinstance(plan, FramesPlan)
        frames = open_frames(dataset, plan)
        assert (frames.tier, frames.reason) == (tier, plan.reason)
        gathered.append(frames.gather("observation.images.front", np.array([3, 59, 20])))
        frames.close()
    np.testing.assert_array_equal(gathered[0], gathered[1])
    np.testing.assert_array_equal(gathered[0], gathered[2])
