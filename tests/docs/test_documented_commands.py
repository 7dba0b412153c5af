"""What the documentation tells people to type is typed here, up to the point where real work would begin."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

import understudy
from understudy.cli.compare import LETTERS, CompareOptions
from understudy.cli.demo import DemoOptions
from understudy.cli.doctor import DoctorOptions
from understudy.cli.ensemble import EnsembleOptions, read_ensemble
from understudy.cli.eval import EvalOptions
from understudy.cli.record import RecordOptions
from understudy.cli.report import ReportOptions
from understudy.cli.study import StudyOptions, study_of
from understudy.core.config import known_options, parse_options
from understudy.core.registry import POLICY_CONFIGS
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.studies.ensemble_folder import EnsembleFolder, Facts
from understudy.train.command import known_names, read_command

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[str]:
    """The indented and fenced blocks of a page, without their marks."""
    found: list[str] = []
    lines: list[str] = []
    fenced = False
    for line in [*page.read_text().splitlines(), "end"]:
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line if fenced else line[4:])
        elif line or not lines:
            found += ["\n".join(lines)] if lines else []
            lines = []
    return found


def commands(page: Path, program: str) -> list[str]:
    """The lines of its blocks that call `program`, continued lines joined, prompt and comment taken off."""
    joined = "\n".join(blocks(page)).replace("\\\n", " ")
    lines = (line.removeprefix("$ ").split("  #")[0].strip() for line in joined.splitlines())
    return [line for line in lines if line.startswith(f"{program} ")]


def cases(program: str) -> list[object]:
    """Each command of each page, but those that show help, an error, or the form of a command."""
    return [
        pytest.param(command, id=f"{page.relative_to(ROOT)}: {command[:70]}")
        for page in PAGES
        for command in dict.fromkeys(commands(page, program))
        if not any(word in command for word in ("--help", "chunk_sze", " VERB"))
    ]


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with the run, the ensemble, the policy and the file that the pages speak of."""
    run = tmp_path / "outputs/cube"
    run.mkdir(parents=True)
    config = read_command(["--policy.type=act", "--dataset.repo_id=lerobot/x", f"--output_dir={run}"]).config
    for folder in (run, tmp_path):
        (folder / "train_config.json").write_text(json.dumps(config.to_json()))
    ensemble = EnsembleFolder(tmp_path / "outputs/cubes")
    ensemble.path.mkdir()
    ensemble.config.write_text(json.dumps(config.to_json()))
    Facts([1000, 1001], threads=2).save(ensemble.facts)
    base = tmp_path / "smolvla_base"
    base.mkdir()
    (base / "config.json").write_text(json.dumps(SmolVlaConfig.tiny().lerobot_json()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", cases("understudy"))
def test_a_documented_command_is_understood(command: str, somewhere: Path) -> None:
    words = shlex.split(command)[1:]
    verb, rest = words[0], words[1:]
    if verb == "train":
        assert read_command(rest).config.policy.type in POLICY_CONFIGS
    elif verb == "eval":
        assert parse_options(EvalOptions, rest, verb="eval").model_fields_set
    elif verb == "ensemble":
        assert read_ensemble(rest)[0].seeds
    elif verb == "demo":
        assert parse_options(DemoOptions, rest, verb="demo").seed >= 0
    elif verb == "data":
        from understudy.cli.data import DataInfoOptions
        from understudy.cli.data_import import DataImportOptions

        if rest[0] == "import":
            names = ["source", "target"]
            assert parse_options(DataImportOptions, rest[1:], positionals=names, verb="data import").target
            return
        assert rest[0] == "info"
        assert parse_options(DataInfoOptions, rest[1:], positionals=["source"], verb="data info").source
    elif verb == "report":
        assert parse_options(ReportOptions, rest, positionals=["target"], verb="report")
    elif verb == "doctor":
        assert parse_options(DoctorOptions, rest, positionals=["target"], verb="doctor").pictures
    elif verb == "compare":
        assert parse_options(CompareOptions, rest, positionals=LETTERS, verb="compare").b
    elif verb == "study":
        assert study_of(parse_options(StudyOptions, rest, positionals=["name"], verb="study")).families
    elif verb == "record":
        assert parse_options(RecordOptions, rest, verb="record").env.type
    else:
        from understudy.cli.inspect import InspectOptions

        assert verb == "inspect"
        assert parse_options(InspectOptions, rest, positionals=["checkpoint"], verb="inspect").checkpoint


@pytest.mark.parametrize("command", cases("make"))
def test_a_documented_target_is_in_the_makefile(command: str) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    assert shlex.split(command)[1] in targets[1].split()


# from-lerobot.md also lists the flags that are refused; its table is made from the code
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "from-lerobot.md"], ids=lambda page: page.name)
def test_every_option_that_a_page_mentions_exists(page: Path) -> None:
    known = {*known_names(None), "help", "debug", "json"}
    verbs = (
        EvalOptions,
        DemoOptions,
        DoctorOptions,
        ReportOptions,
        CompareOptions,
        RecordOptions,
        EnsembleOptions,
        StudyOptions,
    )
    known |= {name for options in verbs for name in known_options(options)}
    groups = {name.split(".")[0] for name in known}
    # tools of others that pages name together with one of their options
    foreign = {"logdir", "strict", "quick", "nproc", "parts", "mixed_precision", "lerobot"}
    mentioned = re.findall(r"(?<![\w-])--([a-z][a-z_.]*[a-z])", page.read_text())
    unknown = [name for name in mentioned if name not in known | groups | foreign]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_python_in_the_readme_uses_names_that_exist() -> None:
    code = next(block for block in blocks(ROOT / "README.md") if "import understudy" in block)
    used = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "understudy"
    }
    assert used
    assert used <= set(understudy.__all__)
