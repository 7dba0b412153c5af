"""What the documentation tells people to type is typed here, up to the point where real work would begin."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest

from documentation import NOTEBOOKS, PAGES, ROOT, commands, commands_in_sentences
from generate.verbs import asked_for_help
from understudy.cli.ensemble import read_ensemble
from understudy.cli.main import VERBS
from understudy.cli.study import StudyOptions, study_of
from understudy.core.config import known_options, parse_options
from understudy.core.registry import POLICY_CONFIGS
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.studies.ensemble_folder import EnsembleFolder, Facts
from understudy.train.command import known_names, read_command

# commands that show help, an error, or the form of a command
_NOT_TO_BE_TYPED = ("--help", "chunk_sze", " VERB", "...", "|", "[--")
# what the first of two processes finds in its environment
TORCHRUN = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
help_of = cache(asked_for_help)


def cases(program: str) -> list[object]:
    """Each command of each page that is meant to be typed."""
    return [
        pytest.param(command, id=f"{page.relative_to(ROOT)}: {command[:70]}")
        for page in [*PAGES, *NOTEBOOKS]
        # the change log names forms of commands, such as those of several verbs in one
        if page.name != "CHANGELOG.md"
        for command in dict.fromkeys([*commands(page, program), *commands_in_sentences(page, program)])
        if not any(word in command for word in _NOT_TO_BE_TYPED)
    ]


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with the run, the ensembles, the policies and the file that the pages speak of."""
    run, other = tmp_path / "outputs/cube", tmp_path / "RUN"
    config = read_command(["--policy.type=act", "--dataset.repo_id=lerobot/x", f"--output_dir={run}"]).config
    for folder in (run, other, tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train_config.json").write_text(json.dumps(config.to_json()))
    for folder in (tmp_path / "outputs/cubes", tmp_path / "outputs/study/pendulum/tiny_pi0"):
        ensemble = EnsembleFolder(folder)
        ensemble.path.mkdir(parents=True)
        ensemble.config.write_text(json.dumps(config.to_json()))
        Facts([1000, 1001], threads=2).save(ensemble.facts)
    policy = run / "checkpoints/last/pretrained_model"
    policy.mkdir(parents=True)
    (policy / "config.json").write_text(json.dumps(config.policy.lerobot_json()))
    for name in ("smolvla_base", "outputs/pretrained", "outputs/scratch"):
        policy = tmp_path / name
        policy.mkdir()
        (policy / "config.json").write_text(json.dumps(SmolVlaConfig.tiny().lerobot_json()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", cases("understudy"))
def test_a_documented_command_is_understood(command: str, somewhere: Path) -> None:
    words = shlex.split(command)[1:]
    if len(words) == 1 or words == ["study", "pendulum"] or words[0] == "help":
        assert words[0] in VERBS
    elif words[0] == "train":
        assert read_command(words[1:]).config.policy.type in POLICY_CONFIGS
    elif words[0] == "ensemble":
        assert read_ensemble(words[1:])[0].seeds
    else:
        is_understood(words)


def is_understood(words: list[str]) -> None:
    """Reads the options of a verb, or of one of its actions, as the program would."""
    (verb,) = [v for v in help_of(words[0]) if words[: len(v.called.split())] == v.called.split()]
    rest = words[len(verb.called.split()) :]
    if not rest and verb.positionals:
        return  # the verb is only named
    options = parse_options(verb.model, rest, positionals=verb.positionals, verb=verb.called)
    assert options.model_fields_set or not rest
    if isinstance(options, StudyOptions):
        assert study_of(options).families


@pytest.mark.parametrize("command", cases("torchrun"))
def test_a_documented_launch_of_several_processes_is_understood(
    command: str, somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command)
    called = words.index("-m")
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert words[called : called + 3] == ["-m", "understudy", "train"]
    assert read_command(words[called + 3 :]).config.policy.type in POLICY_CONFIGS


@pytest.mark.parametrize("command", cases("python"))
def test_a_documented_script_is_there(command: str) -> None:
    script = shlex.split(command)[1]
    assert script.startswith("-") or (ROOT / script).is_file()


@pytest.mark.parametrize("command", cases("pip install"))
def test_what_is_to_be_installed_is_this_project_and_its_extras(command: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for word in shlex.split(command)[2:]:
        name, _, extras = word.rstrip("]").partition("[")
        assert name in (project["name"], ".", "ipykernel")
        assert set(filter(None, extras.split(","))) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("command", cases("make"))
def test_a_documented_target_is_in_the_makefile(command: str) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    assert shlex.split(command)[1] in targets[1].split()


# from-lerobot.md also lists the flags that are refused; its table is made from the code
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "from-lerobot.md"], ids=lambda page: page.name)
def test_every_option_that_a_page_mentions_exists(page: Path) -> None:
    known = {*known_names(None), "help", "debug", "json"}
    known |= {name for verb in VERBS if verb != "train" for v in help_of(verb) for name in known_options(v.model)}
    groups = {name.split(".")[0] for name in known}
    # tools of others that pages name together with one of their options
    foreign = {"logdir", "strict", "quick", "nproc", "parts", "mixed_precision", "lerobot", "minutes"}
    without_scripts = re.sub(r"\w\.py [^`\n]*", "", page.read_text())  # they have options of their own
    mentioned = re.findall(r"(?<![\w-])--([a-z][a-z_.]*[a-z])", without_scripts)
    unknown = [name for name in mentioned if name not in known | groups | foreign]
    assert unknown == []


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
