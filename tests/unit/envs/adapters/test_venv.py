from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from fake_benchmark import make_fake_benchmark
from understudy.core.errors import ConfigError, ResourceError
from understudy.envs.adapters import venv
from understudy.envs.adapters.benchmarks import ALOHA, PUSHT
from understudy.envs.adapters.venv import python_of
from understudy.envs.catalogue import make_env


def test_a_missing_python_is_never_made_unasked_and_the_commands_are_shown(own_cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"aloha runs in a Python of its own \(gym-aloha==0\.1\.5") as error:
        make_env("aloha/transfer-cube")
    folder = own_cache / "benchmarks" / "aloha-0.1.5"
    assert error.value.where == str(folder)
    pasted = [shlex.split(line) for line in str(error.value.hint).splitlines()[1:]]
    assert pasted[0] == [sys.executable, "-m", "venv", "--clear", str(folder)]
    assert pasted[1][1:4] == ["-m", "pip", "install"]
    assert set(ALOHA.requirements) < set(pasted[1])
    assert not folder.exists()


def test_a_complete_python_is_found_and_one_with_another_version_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_BENCHMARKS", str(make_fake_benchmark(tmp_path)))
    assert python_of(PUSHT, install=False) == tmp_path / "pusht-0.1.8" / "bin" / "python"
    facts = next(tmp_path.rglob("pymunk-*.dist-info"))
    facts.rename(facts.with_name("pymunk-7.0.0.dist-info"))
    with pytest.raises(ConfigError, match="not there yet"):
        python_of(PUSHT, install=False)


def test_asked_for_it_is_made_with_the_commands_that_would_have_been_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNDERSTUDY_BENCHMARKS", str(tmp_path / "here"))
    make = f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; "
    make += "from fake_benchmark import make_fake_benchmark; make_fake_benchmark(Path(sys.argv[1]))"
    monkeypatch.setattr(venv, "commands", lambda folder, benchmark: [[sys.executable, "-c", make, str(folder.parent)]])
    made = python_of(PUSHT, install=True)
    assert made.exists()
    assert "making the Python of pusht" in "".join(capsys.readouterr())
    monkeypatch.setattr(venv, "commands", lambda folder, benchmark: [["false"]])
    assert python_of(PUSHT, install=True) == made


def test_when_pip_fails_its_last_words_and_the_command_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_BENCHMARKS", str(tmp_path))
    words = "import sys; print('collecting'); sys.exit('ERROR: no matching distribution')"
    monkeypatch.setattr(venv, "commands", lambda folder, benchmark: [[sys.executable, "-c", words]])
    with pytest.raises(ResourceError, match="could not be made: ERROR: no matching distribution") as error:
        python_of(PUSHT, install=True)
    assert sys.executable in str(error.value.where)
