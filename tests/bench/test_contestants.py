"""Both programs are asked for the same work under the same conditions, whatever the setting."""

from __future__ import annotations

from pathlib import Path

from contestants import Variant, environment, train_command, understudy_setting


def flags(variant: Variant) -> dict[str, str]:
    command = train_command(variant, Path("/data/x"), Path("/out"), steps=7)
    return dict(word.split("=", 1) for word in command if word.startswith("--"))


def test_the_command_lines_differ_only_in_what_one_program_has() -> None:
    lerobot, understudy = flags(Variant("lerobot", workers=3)), flags(understudy_setting("fp32"))
    assert lerobot.pop("--num_workers") == "3"
    assert understudy.pop("--dataset.eval_split") == "0"
    assert understudy.pop("--precision") == "fp32"
    assert lerobot == understudy
    assert (lerobot["--steps"], lerobot["--batch_size"], lerobot["--log_freq"]) == ("7", "8", "1")


def test_understudy_as_it_comes_is_told_nothing_about_precision_or_speed() -> None:
    default, equal = flags(understudy_setting("default")), flags(understudy_setting("fp32"))
    assert equal.items() - default.items() == {("--precision", "fp32")}


def test_a_setting_is_a_name_and_any_flags() -> None:
    setting = understudy_setting("plain --precision=fp32 --fast_paths=false")
    assert (setting.setting, setting.flags) == ("plain", ("--precision=fp32", "--fast_paths=false"))
    assert flags(setting)["--fast_paths"] == "false"


def test_a_new_dataset_changes_the_cache_and_not_the_command() -> None:
    assert flags(Variant("understudy", first_time=True)) == flags(Variant("understudy"))
    assert Variant("understudy", first_time=True).name != Variant("understudy").name


def test_threads_and_waiting_are_the_same_for_both() -> None:
    found = environment(3)
    assert (found["OMP_NUM_THREADS"], found["OMP_WAIT_POLICY"], found["HF_HUB_OFFLINE"]) == ("3", "passive", "1")


def test_mixed_precision_of_lerobot_is_one_variable_more_and_of_nobody_else() -> None:
    plain, mixed = environment(2, Variant("lerobot", "fp32")), environment(2, Variant("lerobot", "bf16"))
    assert mixed.items() - plain.items() == {("ACCELERATE_MIXED_PRECISION", "bf16")}
    assert environment(2, Variant("understudy", "bf16")) == plain == environment(2)
