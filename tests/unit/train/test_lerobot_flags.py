"""A flag of LeRobot is an option of ours, or accepted where it asks for nothing, or refused by name; never ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from understudy.core.arguments import Settings, read_words
from understudy.core.config import known_options
from understudy.train.config import TrainConfig
from understudy.train.lerobot_flags import ANY, FLAGS, TRANSLATED, flag_names, guide_table, take_foreign

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "from-lerobot.md"


def faults_of(*words: str) -> list[str]:
    settings = read_words(words)
    faults = take_foreign(settings)
    assert settings.values == {}
    return faults


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.path)
def test_every_flag_is_accepted_at_its_harmless_values(flag: Any) -> None:
    values = ["null", "7", "[a]"] if flag.harmless == ANY else ["null", *map(str, flag.harmless)]
    for value in values:
        assert faults_of(f"--{flag.path}={value}") == []


@pytest.mark.parametrize("flag", [f for f in FLAGS if f.harmless != ANY], ids=lambda flag: flag.path)
def test_every_flag_is_refused_by_name_at_another_value(flag: Any) -> None:
    (fault,) = faults_of(f"--{flag.path}=something-else")
    assert fault == f"`--{flag.path}`: `something-else` is refused: {flag.reason}"


def test_the_table_has_no_option_of_ours_and_no_flag_twice() -> None:
    names = [flag.path for flag in FLAGS]
    assert len(set(names)) == len(names)
    assert not set(names) & set(known_options(TrainConfig))
    assert set(TRANSLATED) <= set(flag_names())
    assert all(flag.while_off is None or flag.while_off in names for flag in FLAGS)


def test_a_group_s_details_do_nothing_while_the_group_is_off() -> None:
    assert faults_of("--ema.decay=0.9", "--job.tags=[a]", "--rabc_kappa=0.5") == []
    (fault,) = faults_of("--ema.enable=true", "--ema.decay=0.9")
    assert fault.startswith("`--ema.enable`: `true` is refused")


def test_a_misspelt_flag_of_a_group_is_left_to_be_told() -> None:
    settings = read_words(["--ema.enabl=true"])
    assert take_foreign(settings) == []
    assert settings.values == {"ema": {"enabl": "true"}}


def test_0_and_false_are_not_mistaken_for_each_other() -> None:
    assert take_foreign(Settings({"cudnn_deterministic": 0})) != []
    assert take_foreign(Settings({"prefetch_factor": True})) != []
    assert take_foreign(Settings({"cudnn_deterministic": False})) == []


def test_what_a_file_asks_for_is_refused_with_the_file_s_name() -> None:
    settings = Settings({"env": {"fps": 10}}, files={(): "train_config.json"})
    (fault,) = take_foreign(settings)
    assert fault.startswith("`env.fps` in train_config.json: `10` is refused: a task of Understudy")


def test_lerobot_s_mixed_precision_becomes_ours() -> None:
    settings = read_words(["--accelerator.mixed_precision=bf16"])
    assert take_foreign(settings) == []
    assert settings.values == {"precision": "bf16"}
    assert faults_of("--accelerator.mixed_precision=no") == []
    (fault,) = faults_of("--accelerator.mixed_precision=fp16")
    assert "no and bf16" in fault


def test_two_precisions_that_contradict_are_told() -> None:
    settings = read_words(["--accelerator.mixed_precision=bf16", "--precision=fp32"])
    assert take_foreign(settings) == ["`--accelerator.mixed_precision` asks for bf16, `--precision` for fp32"]


def test_lerobot_s_default_decoder_becomes_ours_and_another_is_left_to_be_refused() -> None:
    assert faults_of("--dataset.video_backend=torchcodec") == []
    settings = read_words(["--dataset.video_backend=video_reader"])
    assert take_foreign(settings) == []
    assert settings.values == {"dataset": {"video_backend": "video_reader"}}


def test_the_guide_holds_the_table() -> None:
    # after a change: python -m understudy.train.lerobot_flags, between the two lines
    text = GUIDE.read_text(encoding="utf-8")
    assert text.split("<!-- table -->\n")[1].split("<!-- end of table -->")[0].strip() == guide_table().strip()
