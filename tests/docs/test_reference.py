"""The reference is made from the code, so nothing of it can be left out: these lists are the code's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import understudy
from documentation import ROOT
from generate.markdown import docstring, table, words
from generate.pages import PAGES, all_pages, write_pages
from generate.rules import severities
from understudy.cli.main import VERBS
from understudy.core import errors
from understudy.core.event_keys import KEYS
from understudy.core.events import NAMES
from understudy.core.registry import POLICY_CONFIGS
from understudy.diagnose.rule import all_rules
from understudy.envs.catalogue import ENVIRONMENTS

# taken from the dataset, or said at the head of the page
NOT_OPTIONS = {"policy.type", "policy.path", "policy.input_features", "policy.output_features"}
OPTIONS = (ROOT / "tests/architecture/options.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return all_pages()


def test_every_option_of_every_verb_and_policy_is_there(pages: dict[str, str]) -> None:
    missing = []
    for line in OPTIONS:
        verb, option = line.split(" --")
        page = "policies.md" if option.startswith("policy.") and "train" in verb else "train.md"
        text = pages[page if verb.startswith("train") else "verbs.md"]
        # an argument stands there by its name alone
        if f"`--{option}`" not in text and f"`{option.upper()}`" not in text and option not in NOT_OPTIONS:
            missing.append(line)
    assert missing == []


def test_every_verb_has_its_section(pages: dict[str, str]) -> None:
    heads = re.findall(r"^#+ understudy (\w+)", pages["verbs.md"] + "\n" + pages["train.md"], re.MULTILINE)
    assert set(heads) == set(VERBS)


def test_every_policy_has_its_section(pages: dict[str, str]) -> None:
    heads = re.findall(r"^## (\S+)$", pages["policies.md"].replace("\\_", "_"), re.MULTILINE)
    assert set(POLICY_CONFIGS) <= set(heads)


def test_every_event_is_there_with_its_keys(pages: dict[str, str]) -> None:
    assert set(KEYS) == set(NAMES)
    for name in NAMES:
        section = pages["events.md"].replace("\\_", "_").split(f"## {name}\n")[1].split("## ")[0]
        assert [key for key in KEYS[name].keys if f"`{key}`" not in section] == []


def test_every_rule_is_there_with_a_severity(pages: dict[str, str]) -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", pages["doctor.md"], re.MULTILINE))
    assert rows == {rule.name for rule in all_rules()}
    assert [rule.name for rule in all_rules() if not severities(rule)] == []


def test_every_task_is_there(pages: dict[str, str]) -> None:
    page = pages["environments.md"]
    assert [name for name in ENVIRONMENTS if f"### {name}\n" not in page and f"`{name}`" not in page] == []


def test_every_public_name_is_there(pages: dict[str, str]) -> None:
    names = [name for name in understudy.__all__ if not name.startswith("_")]
    assert [name for name in names if f"## understudy.{name}\n" not in pages["python.md"]] == []


def test_every_error_is_there_and_every_exit_code_of_one_is_explained(pages: dict[str, str]) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 8
    assert [kind.__name__ for kind in kinds if f"### {kind.__name__}\n" not in pages["errors.md"]] == []
    assert {kind.exit_code for kind in kinds if hasattr(kind, "exit_code")} <= set(errors.EXIT_CODES)


def test_what_is_no_page_any_more_goes_and_what_is_unchanged_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("x")
    write_pages(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(PAGES)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_pages(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_cell_cannot_break_its_table_nor_become_markup() -> None:
    assert table(("a",), [["x | y\nz"]]).splitlines()[2] == "| x \\| y z |"
    assert words("<date>_*x* `a_b`") == "\\<date>\\_\\*x\\* `a_b`"


def test_a_docstrings_columns_become_a_table_and_its_examples_stay() -> None:
    text = docstring("""What it does.

    name        one thing
                that goes on
    batch_size  another

        an = example()

    Raises nothing.""")
    assert "| `name` | one thing that goes on |" in text
    assert "| `batch_size` | another |" in text
    assert "    an = example()" in text
    assert text.endswith("Raises nothing.")
