"""Weights without a configuration fill a preset exactly, or not at all."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from understudy.core.errors import CheckpointError
from understudy.core.rng import Rng
from understudy.policies.base import Policy
from understudy.policies.pretrained import load_policy
from understudy.policies.published import published_policy
from understudy.policies.tiny_pi0.config import TinyPi0Config

STATE = {"observation.state": torch.rand(3, 4) - 0.5}


def original() -> TinyPi0Config:
    return TinyPi0Config.model_validate(
        {
            "preset": "original",
            "input_features": {"observation.state": {"type": "STATE", "shape": (4,)}},
            "output_features": {"action": {"type": "ACTION", "shape": (1,)}},
        }
    )


@pytest.fixture
def trained() -> Policy:
    torch.manual_seed(3)
    return original().build({}).eval()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[3] / "scripts" / "published_weights.py"
    spec = importlib.util.spec_from_file_location("published_weights", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published(policy: Policy) -> dict[str, torch.Tensor]:
    """The state dict as the study wrote it."""
    return {name.removeprefix("model."): value.clone() for name, value in policy.state_dict().items()}


def test_a_pickled_state_dict_becomes_a_checkpoint_that_predicts_the_same(
    trained: Policy, script: ModuleType, tmp_path: Path
) -> None:
    torch.save(published(trained), tmp_path / "weights.pth")
    assert script.main(["convert", str(tmp_path / "weights.pth"), str(tmp_path / "weights.safetensors")]) == 0
    assert script.main(["fill", "tiny_pi0", str(tmp_path / "weights.safetensors"), str(tmp_path / "policy")]) == 0
    loaded = load_policy(tmp_path / "policy", device="cpu")
    assert torch.equal(loaded.predict(STATE, Rng(1)), trained.predict(STATE, Rng(1)))


def test_a_pickle_that_holds_code_is_not_run_and_nothing_is_written(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "harmed"),)  # type: ignore[return-value]

    torch.save({"weight": Harm()}, tmp_path / "bad.pth")
    assert script.main(["convert", str(tmp_path / "bad.pth"), str(tmp_path / "out.safetensors")]) == 3
    assert "no state dict can be read" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"bad.pth"}


def test_a_pickle_is_not_opened_by_the_package(trained: Policy, tmp_path: Path) -> None:
    torch.save(published(trained), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="pickle"):
        published_policy(original(), tmp_path / "weights.pth")


def test_missing_extra_and_misshapen_tensors_are_listed(trained: Policy, tmp_path: Path) -> None:
    tensors = published(trained)
    del tensors["flow_output.bias"]
    tensors["another.weight"] = torch.zeros(2)
    tensors["state_embedding.weight"] = torch.zeros(128, 5)
    save_file(tensors, tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError) as error:
        published_policy(original(), tmp_path / "weights.safetensors")
    lines = [" ".join(line.split()) for line in str(error.value).splitlines()]
    assert "missing model.flow_output.bias (1,)" in lines
    assert "extra model.another.weight (2,)" in lines
    assert "shape model.state_embedding.weight (128, 5), expected (128, 4)" in lines
