"""Both programs are asked for the same work under the same conditions."""

from __future__ import annotations

from pathlib import Path

from contestants import Variant, environment, train_command


def flags(variant: Variant) -> dict[str, str]:
    command = train_command(variant, Path("/data/x"), Path("/out"), steps=7)
    return dict(word.split("=", 1) for word in command if word.startswith("--"))


def test_the_command_lines_differ_only_in_what_one_program_has() -> None:
    lerobot, understudy = flags(Variant("lerobot", workers=3)), flags(Variant("understudy"))
    assert lerobot.pop("--num_workers") == "3"
    assert understudy.pop("--dataset.eval_split") == "0"
    assert lerobot == understudy
    assert (lerobot["--steps"], lerobot["--batch_size"], lerobot["--log_freq"]) == ("7", "8", "1")


def test_a_new_dataset_changes_the_cache_and_not_the_command() -> None:
    assert flags(Variant("understudy", first_time=True)) == flags(Variant("understudy"))
    assert Variant("understudy", first_time=True).name != Variant("understudy").name


def test_threads_and_waiting_are_the_same_for_both() -> None:
    found = environment(3)
    assert (found["OMP_NUM_THREADS"], found["OMP_WAIT_POLICY"], found["HF_HUB_OFFLINE"]) == ("3", "passive", "1")
