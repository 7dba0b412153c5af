"""`understudy train`: a bad command ends before anything heavy is imported; a good one is handed to the trainer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from understudy.cli.main import main
from understudy.core import log
from understudy.train.config import TrainConfig

BASE = ["--dataset.repo_id=u/n", "--policy.type=act"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[TrainConfig, bool]]:
    """What the trainer was called with; it does nothing."""
    import understudy.train.run as trainer

    calls: list[tuple[TrainConfig, bool]] = []

    def train(config: TrainConfig, *, dry_run: bool = False, launched: float | None = None) -> Any:
        assert launched is not None and launched <= time.time()
        calls.append((config, dry_run))
        return trainer.Run(tmp_path)

    monkeypatch.setattr(trainer, "train", train)
    monkeypatch.setattr(log, "_to_stderr", False)
    return calls


def test_the_configuration_reaches_the_trainer(trained: list[tuple[TrainConfig, bool]]) -> None:
    assert main(["train", *BASE, "--steps=7"]) == 0
    ((config, dry_run),) = trained
    assert config.steps == 7
    assert not dry_run


def test_a_dry_run_is_one(trained: list[tuple[TrainConfig, bool]]) -> None:
    assert main(["train", *BASE, "--dry_run=true"]) == 0
    assert trained[0][1]


def test_json_tells_where_the_run_is(
    trained: list[tuple[TrainConfig, bool]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *BASE, "--json", "--optimizer.lr=1e-3"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"path": str(tmp_path), "last_checkpoint": None}
    assert "--optimizer.* was given and wins over the preset of act" in shown.err


def test_help_shows_general_options_and_those_of_the_policy_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    general = capsys.readouterr().out
    assert "--batch_size=8" in general
    assert "--dataset.repo_id" in general
    assert "--policy.chunk_size" not in general
    for words in (["--policy.type=act", "--help"], ["--help", "--policy.type", "act"]):
        assert main(["train", *words]) == 0
        text = capsys.readouterr().out
        assert "--policy.chunk_size=100" in text
        assert "actions predicted at once" in text


def test_help_is_readable_at_80_columns_and_not_endless(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--policy.type=act", "--help"])
    lines = capsys.readouterr().out.splitlines()
    # a default that is long in itself cannot be broken
    assert [line for line in lines if len(line) > 80 and "normalization_mapping" not in line] == []
    assert len(lines) < 340


def test_every_option_has_a_description() -> None:
    from understudy.core.describe import options_of
    from understudy.policies.act.config import ActConfig

    options = [*options_of(TrainConfig), *options_of(ActConfig, ("policy",))]
    hidden = {("policy", "type")}
    assert [".".join(path) for path, field in options if not field.description and path not in hidden] == []


def test_a_bad_command_is_answered_before_torch_is_imported() -> None:
    code = (
        "import sys; from understudy.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, [m for m in ('torch', 'pyarrow', 'matplotlib', 'av') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "train", *BASE, "--policy.chunk_sze=5"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2 []\n"
    assert done.stderr == "error: `--policy.chunk_sze`: unknown option; did you mean `--policy.chunk_size`?\n"


def test_the_module_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "understudy", "train", "--stesp=3"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "did you mean `--steps`?" in done.stderr
