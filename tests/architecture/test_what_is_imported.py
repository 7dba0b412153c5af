"""Nothing heavy is imported before it is needed: what keeps `import understudy` and --help fast."""

from __future__ import annotations

import subprocess
import sys

import pytest

# what may not be there after `import understudy` and after parsing a command line
HEAVY = (
    "torch",
    "numpy",
    "torchvision",
    "pyarrow",
    "matplotlib",
    "av",
    "scipy",
    "huggingface_hub",
    "rich",
    "tensorboard",
    "wandb",
    "nicegui",
)
# what may not even be there to answer `understudy --help`
LIGHT = ("pydantic", "yaml", *HEAVY)


def imported_by(code: str) -> set[str]:
    """The top-level modules that are loaded after `code` has run in a fresh interpreter."""
    program = (
        f"import contextlib, io, sys\nwith contextlib.redirect_stdout(io.StringIO()):\n {code}\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def after(*words: str) -> set[str]:
    return imported_by(f"from understudy.cli.main import main; assert main({list(words)!r}) in (0, 2)")


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert imported_by("import understudy") & set(LIGHT) == set()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["trian"]])
def test_the_program_itself_imports_nothing_heavy(words: list[str]) -> None:
    assert after(*words) & set(LIGHT) == set()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--help"],
        ["train", "--policy.type=act", "--help"],
        ["train", "--policy.type=act", "--policy.chunk_sze=3"],
        ["train", "--resume", "/nowhere"],
        ["train", "--policy.path=/nowhere", "--dataset.repo_id=u/n"],
        ["ensemble", "--help"],
        ["ensemble", "--seeds=2", "--policy.type=act", "--policy.chunk_sze=3"],
        ["eval", "--help"],
        ["eval", "--polcy.path=x"],
        ["compare", "--help"],
        ["compare", "A", "--confidance=0.9"],
        ["data", "info", "--help"],
        ["inspect", "--help"],
        ["demo", "--help"],
        ["studio", "--help"],
        ["studio", "--prot=8000"],
        ["record", "--help"],
        ["record", "--env.type=so101/lift", "--dataset.rot=x"],
    ],
    ids=" ".join,
)
def test_a_command_line_is_read_without_anything_heavy(words: list[str]) -> None:
    assert after(*words) & set(HEAVY) == set()
