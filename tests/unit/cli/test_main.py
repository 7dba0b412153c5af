"""`understudy`: finds the verb, answers --help and --version at once, and never shows a bare traceback."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable

import pytest

from understudy import __version__
from understudy.cli import main as program
from understudy.cli.main import VERBS, main
from understudy.core import log
from understudy.core.errors import HealthStop


@pytest.fixture(autouse=True)
def talk_on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_to_stderr", False)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[str]], int]], None]:
    """Make the verb `probe` run the given function."""

    def install(run: Callable[[list[str]], int]) -> None:
        module = types.ModuleType("understudy.cli.probe")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "understudy.cli.probe", module)
        monkeypatch.setitem(program.VERBS, "probe", "a verb for tests")

    return install


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in VERBS)
    assert max(map(len, text.splitlines())) <= 84


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_the_version_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"understudy {__version__}\n"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["trian"], "error: `trian`: unknown verb; did you mean `train`?"),
        (["xyzzy"], "error: `xyzzy`: unknown verb"),
        ([], "error: which verb?"),
        (["--steps=5"], "error: which verb?"),
    ],
)
def test_an_unknown_verb_is_answered_with_the_nearest(
    words: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.splitlines()[0] == answer
    assert ", ".join(VERBS) in shown.err
    assert shown.out == ""


def test_a_verb_gets_its_words_and_gives_its_code(verb: Callable[..., None]) -> None:
    seen: list[list[str]] = []
    verb(lambda words: seen.append(words) or 1)
    assert main(["probe", "--a=1", "b", "--debug"]) == 1
    assert main(["help", "probe"]) == 1
    assert seen == [["--a=1", "b"], ["--help"]]


def test_json_keeps_stdout_for_one_document(verb: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def run(words: list[str]) -> int:
        log.say("for a person")
        print(json.dumps({"n": 1}))
        return 0

    verb(run)
    assert main(["probe", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"n": 1}
    assert shown.err == "for a person\n"


def test_an_error_is_a_few_lines_and_its_code(verb: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def run(words: list[str]) -> int:
        raise HealthStop("the loss was not finite", where="batch 3", hint="look at episode 5")

    verb(run)
    assert main(["probe"]) == 4
    shown = capsys.readouterr()
    assert shown.err == "error: the loss was not finite\n  where: batch 3\n  hint: look at episode 5\n"
    assert shown.out == ""
    assert main(["probe", "--debug"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_leaving_early_with_a_code_is_respected(verb: Callable[..., None]) -> None:
    def run(words: list[str]) -> int:
        raise SystemExit(0)

    verb(run)
    assert main(["probe"]) == 0
