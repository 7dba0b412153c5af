"""Words of a command line become nested settings, by YAML 1.2's rules and not by YAML 1.1's surprises."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.core.arguments import Settings, Text, get, has, merge, parse_flow, read_file, read_words, remove
from understudy.core.errors import ConfigError


def test_a_value_follows_an_equals_sign_or_a_space() -> None:
    settings = read_words(["--dataset.repo_id=u/n", "--steps", "500", "--policy.x", "-1"])
    assert settings.values == {"dataset": {"repo_id": "u/n"}, "steps": "500", "policy": {"x": "-1"}}
    assert settings.flags[("dataset", "repo_id")] == "--dataset.repo_id"


def test_only_the_first_equals_sign_separates() -> None:
    assert read_words(["--notes=a=b"]).values == {"notes": "a=b"}


def test_an_option_without_a_value_is_bare() -> None:
    settings = read_words(["--resume", "--steps", "3"])
    assert settings.values["resume"] == "true"
    assert settings.values["resume"].bare
    assert not settings.values["steps"].bare


def test_a_switch_takes_the_next_word_only_if_that_is_true_or_false() -> None:
    assert read_words(["--json", "PATH"], positionals=["path"], switches=["json"]).values == {
        "json": "true",
        "path": "PATH",
    }
    assert read_words(["--json", "false"], switches=["json"]).values == {"json": "false"}


def test_of_an_option_given_twice_the_last_counts() -> None:
    assert read_words(["--steps=1", "--steps=2"]).values == {"steps": "2"}


@pytest.mark.parametrize("words", [["steps=5"], ["extra"], ["-s", "5"]])
def test_a_word_that_is_no_option_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_words(words, known=["steps"])
    assert words[0].split("=")[0] in caught.value.what


def test_an_option_that_lost_its_dashes_is_recognised() -> None:
    with pytest.raises(ConfigError) as caught:
        read_words(["step=5"], known=["steps"])
    assert caught.value.hint == "did you mean `--steps=5`?"


def test_a_group_given_as_a_dictionary_is_completed_by_single_options() -> None:
    settings = read_words(["--dataset={repo_id: u/n}", "--dataset.root=/x"])
    assert settings.values == {"dataset": {"repo_id": "u/n", "root": "/x"}}


def test_a_single_value_and_a_group_of_one_name_contradict() -> None:
    with pytest.raises(ConfigError, match="contradict"):
        read_words(["--dataset=u/n", "--dataset.root=/x"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000.0),
        ("010", 10.0),
        ("100_000", 100_000),
        ("no", "no"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("[1, 2.5, a]", [1, 2.5, "a"]),
        ('{"a": "b"}', {"a": "b"}),
        ("{a: [null, false]}", {"a": [None, False]}),
    ],
)
def test_values_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    parsed = parse_flow(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("text", ["[1", "{a: b", "a: b: c", "!!python/object/apply:os.system [ls]"])
def test_text_that_is_not_yaml_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_flow(text)
    assert text in caught.value.what


def test_json_and_yaml_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"steps": 5,\n\t"lr": 1e-5}')
    (tmp_path / "a.yaml").write_text("steps: 5\nlr: 1e-5\nanswer: no\n")
    assert read_file(tmp_path / "a.json") == {"steps": 5, "lr": 1e-5}
    assert read_file(tmp_path / "a.yaml") == {"steps": 5, "lr": 1e-5, "answer": "no"}


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.json", '{"steps": 5,\n "lr" 1}', "line 2, column 7"),
        ("a.yaml", "steps: 5\n  lr: 1\n", "line 2"),
        ("a.yaml", "x: !!python/name:os.system\n", "line 1"),
    ],
)
def test_a_damaged_file_is_named_with_the_line(tmp_path: Path, name: str, content: str, place: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_file(tmp_path / name)
    assert name in str(caught.value.where)
    assert place in str(caught.value.where)


@pytest.mark.parametrize("content", [b"[1, 2]", b"", b"\xff\xfe\x00", b"1: 2"])
def test_a_file_without_options_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError):
        read_file(tmp_path / "a.yaml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_file(tmp_path / "a.json")


def test_settings_know_how_each_value_was_spelled() -> None:
    file = Settings({"steps": 5, "policy": {"type": "act", "lr": 1}}, files={(): "a.json", ("policy",): "b.json"})
    both = read_words(["--policy.lr=2", "--dataset={repo_id: x}"]).over(file)
    assert both.spelled(("steps",)) == "`steps` in a.json"
    assert both.spelled(("policy", "type")) == "`policy.type` in b.json"
    assert both.spelled(("policy", "lr")) == "`--policy.lr`"
    assert both.spelled(("dataset", "repo_id")) == "`repo_id` in `--dataset`"
    assert both.spelled(("seed",)) == "`--seed`"


def test_laying_settings_over_others_changes_neither() -> None:
    below, above = {"a": {"b": 1, "c": 2}}, {"a": {"c": Text("3")}}
    assert merge(below, above) == {"a": {"b": 1, "c": "3"}}
    assert below == {"a": {"b": 1, "c": 2}}
    assert above == {"a": {"c": "3"}}


def test_taking_a_value_away_also_takes_the_groups_it_leaves_empty() -> None:
    values = {"a": {"b": {"c": 1}}, "d": 2}
    assert has(values, ("a", "b", "c"))
    assert get(values, ("a", "b", "x"), "none") == "none"
    remove(values, ("a", "b", "c"))
    remove(values, ("not", "there"))
    assert values == {"d": 2}


def test_the_last_positional_can_take_all_the_words_that_are_left() -> None:
    found = read_words(["A", "--steps=5", "B", "C"], positionals=["runs..."])
    assert found.values == {"runs": ["A", "B", "C"], "steps": "5"}
    with pytest.raises(ConfigError, match="contradict"):
        read_words(["--runs=A", "B"], positionals=["runs..."])
