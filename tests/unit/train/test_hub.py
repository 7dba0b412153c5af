"""Pushing: only when asked for, refused early without a login, never able to spoil a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from understudy.core.errors import ConfigError
from understudy.train import hub
from understudy.train.config import TrainConfig


def config(**policy: Any) -> TrainConfig:
    return TrainConfig.model_validate({"dataset": {"repo_id": "u/data"}, "policy": {"type": "act", **policy}})


def test_nothing_is_pushed_unless_a_repository_is_named() -> None:
    assert not hub.wants_push(config())
    assert not hub.wants_push(config(repo_id="u/p", push_to_hub=False))
    assert hub.wants_push(config(repo_id="u/p"))


def test_without_a_login_a_push_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(ConfigError, match="nobody is logged in"):
        hub.check_credentials(config(repo_id="u/p"))
    hub.check_credentials(config())


def test_a_push_of_a_policy_that_is_not_saved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "token")
    wanted = config(repo_id="u/p")
    hub.check_credentials(wanted)
    with pytest.raises(ConfigError, match="save_checkpoint=false"):
        hub.check_credentials(wanted.model_copy(update={"save_checkpoint": False}))


def test_the_content_of_pretrained_model_is_uploaded_with_a_model_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[tuple[str, Any]] = []

    class Api:
        def create_repo(self, repo_id: str, **options: Any) -> None:
            calls.append(("create", (repo_id, options["private"])))

        def upload_folder(self, **options: Any) -> None:
            calls.append(("upload", options))

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    (tmp_path / "config.json").write_text("{}")
    hub.push(config(repo_id="u/p", private=True, license="mit", tags=["so101"]), tmp_path)
    assert calls[0] == ("create", ("u/p", True))
    assert calls[1][1]["repo_id"] == "u/p"
    assert calls[1][1]["folder_path"] == str(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "license: mit" in card
    assert "- so101" in card
    assert "datasets: u/data" in card


def test_a_push_that_fails_warns_with_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Api:
        def create_repo(self, repo_id: str, **options: Any) -> None:
            raise ConnectionError("no route to the Hub")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    hub.push(config(repo_id="u/p"), tmp_path)
    said = capsys.readouterr().err
    assert "no route to the Hub" in said
    assert f"hf upload u/p {tmp_path}" in said
