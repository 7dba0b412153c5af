"""Options are read into models; faults are told all at once, in words, with the nearest option."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from understudy.core.arguments import Settings
from understudy.core.config import Options, check, known_options, parse_options, switches
from understudy.core.errors import ConfigError
from understudy.core.faults import MOST_FAULTS_SHOWN, as_error, nearest_option


class Group(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    repo_id: str = Field(description="which dataset")
    episodes: list[int] | None = Field(None, description="only these")
    rate: float = Field(1.0, gt=0, description="how fast")

    @model_validator(mode="after")
    def _together(self) -> Group:
        if self.episodes == [13]:
            raise ValueError("episode 13 alone brings bad luck")
        return self


class Sample(Options):
    """Shows what options can be."""

    source: Path = Field(description="a checkpoint")
    dataset: Group | None = Field(None, description="recordings")
    count: int | None = Field(None, ge=1, description="how many")
    tier: Literal["auto", "disk"] = Field("auto", description="where")
    note: str | None = Field(None, description="words")
    names: dict[str, str] = Field(default_factory=dict, description="new names")
    on: bool = Field(True, description="whether")


def parse(*arguments: str) -> Sample:
    return parse_options(Sample, ["P", *arguments], positionals=["source"], verb="sample")


def fault(*arguments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(*arguments)
    return str(caught.value)


def test_every_kind_of_value_arrives() -> None:
    options = parse(
        *("--dataset.repo_id=u/n", "--dataset.episodes=[0, 1]", "--dataset.rate=1e-3", "--count", "7"),
        *("--tier=disk", "--note=hello", "--names={a: b}", "--on=false", "--json"),
    )
    assert options.source == Path("P")
    assert options.dataset == Group(repo_id="u/n", episodes=[0, 1], rate=1e-3)
    assert (options.count, options.tier, options.note) == (7, "disk", "hello")
    assert (options.names, options.on, options.as_json) == ({"a": "b"}, False, True)


@pytest.mark.parametrize(
    ("text", "value"), [("123", "123"), ("1e-5", "1e-5"), ("true", "true"), ("'x'", "x"), ("", "")]
)
def test_what_is_typed_for_text_stays_as_typed(text: str, value: str) -> None:
    assert parse(f"--note={text}").note == value


@pytest.mark.parametrize("text", ["null", "None", "~"])
def test_null_is_no_value(text: str) -> None:
    assert parse(f"--note={text}").note is None
    assert parse(f"--count={text}").count is None


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("off", False), ("True", True), ("0", False)])
def test_switches_take_the_usual_words(text: str, value: bool) -> None:
    assert parse(f"--on={text}").on is value


def test_a_whole_number_may_be_written_with_an_exponent() -> None:
    assert parse("--count=1e3").count == 1000


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("--count=0", "`--count`: got `0`; expects a whole number of at least 1, or null"),
        ("--count=many", "`--count`: got `many`; expects a whole number of at least 1, or null"),
        ("--count=1.5", "`--count`: got `1.5`; expects a whole number of at least 1, or null"),
        ("--count=true", "`--count`: got `true`; expects a whole number of at least 1, or null"),
        ("--count=", "`--count`: a value is missing; expects a whole number of at least 1, or null"),
        ("--tier=dsk", "`--tier`: got `dsk`; expects one of auto, disk; did you mean `disk`?"),
        ("--on=5", "`--on`: got `5`; expects true or false"),
        ("--names=[a]", "`--names`: got `[a]`; expects a dictionary such as '{a: b}'"),
        ("--names={a", "`--names`: `{a` cannot be read; expects a dictionary such as '{a: b}'"),
        ("--names.a=b", "`--names.a`: unknown option; `--names` takes a dictionary such as '{a: b}'"),
        ("--note", "`--note`: a value is missing; expects text, or null"),
        ("--nte=x", "`--nte`: unknown option; did you mean `--note`?"),
        ("--repo_id=x", "`--repo_id`: unknown option; did you mean `--dataset.repo_id`?"),
        ("--dataset=5", "`--dataset`: got `5`; expects a group of options, or null"),
        ("--dataset.rate=3", "`--dataset.repo_id` is required: which dataset"),
        ("--dataset={repo_id: 5}", "`repo_id` in `--dataset`: got `5`; expects text"),
    ],
)
def test_a_fault_names_the_option_what_was_given_and_what_is_allowed(argument: str, answer: str) -> None:
    assert fault(argument).splitlines()[0] == answer


@pytest.mark.parametrize("text", ["nan", ".nan", "inf", "-.inf"])
def test_numbers_have_to_be_finite(text: str) -> None:
    assert "expects a number above 0" in fault("--dataset.repo_id=x", f"--dataset.rate={text}")


def test_a_model_s_own_words_are_used_for_what_does_not_fit_together() -> None:
    assert "episode 13 alone brings bad luck" in fault("--dataset.repo_id=x", "--dataset.episodes=[13]")


def test_all_faults_are_told_at_once() -> None:
    text = fault("--count=0", "--tier=x", "--nte=1")
    assert text.startswith("3 options cannot be used")
    assert all(name in text for name in ("--count", "--tier", "--nte"))


def test_many_faults_stay_a_few_lines() -> None:
    error = as_error([f"`--x{number}`: unknown option" for number in range(40)], hint="read the manual")
    assert len(str(error).splitlines()) == MOST_FAULTS_SHOWN + 3
    assert "and 34 more" in error.what


def test_faults_of_one_file_name_it_once() -> None:
    error = as_error(
        ["`a` in /long/path.json: bad", "`b` in /long/path.json: bad", "`--c`: bad"], files=["/long/path.json"]
    )
    assert error.where == "/long/path.json"
    assert "/long" not in error.what


def test_no_jargon_of_the_library_shows() -> None:
    text = fault("--count=x", "--tier=x", "--on=7", "--dataset.episodes=[a]", "--dataset.repo_id=u", "--names=3")
    assert not any(
        word in text.lower() for word in ("pydantic", "validation", "input_", "literal", "type=", "noneType")
    )


def test_a_file_is_named_where_its_value_is_at_fault() -> None:
    settings = Settings({"source": "P", "count": 0, "cuont": 1}, files={(): "options.json"})
    result, faults = check(Sample, settings)
    assert result is None
    assert faults == [
        "`cuont` in options.json: unknown option; did you mean `count`?",
        "`count` in options.json: got `0`; expects a whole number of at least 1, or null",
    ]


def test_a_missing_positional_is_required() -> None:
    with pytest.raises(ConfigError, match="`--source` is required: a checkpoint"):
        parse_options(Sample, [], positionals=["source"])


def test_help_lists_every_option_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse("--help")
    text = capsys.readouterr().out
    assert left.value.code == 0
    assert text.startswith("usage: understudy sample SOURCE")
    assert "Shows what options can be." in text
    assert all(f"--{name}" in text for name in known_options(Sample) if name != "source")
    assert max(map(len, text.splitlines())) <= 80


def test_names_of_options_and_switches_are_known() -> None:
    assert known_options(Sample)[:3] == ["json", "source", "dataset.repo_id"]
    assert switches(Sample) == {"json", "on"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("policy.chunk_sze", "policy.chunk_size"),
        ("chunk_size", "policy.chunk_size"),
        ("polcy.chunk_size", "policy.chunk_size"),
        ("policy.chunk-size", "policy.chunk_size"),
        ("epochs", "num_epochs"),
        ("type", "policy.type"),
        ("scheduler.typ", "scheduler.type"),
        ("policy.crop_shape", None),
        ("xyzzy", None),
    ],
)
def test_the_nearest_option_is_one_that_was_plausibly_meant(typed: str, meant: str | None) -> None:
    known = ["policy.type", "policy.chunk_size", "policy.n_heads", "scheduler.type", "num_epochs", "steps"]
    assert nearest_option(typed, known) == meant
