"""Checkpoints of every era load with the same actions; those that are not whole are refused by name."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from old_checkpoints import camera_policy, change_json, save, save_as_03, save_as_06, small_policy
from understudy.core import log
from understudy.core.errors import CheckpointError, ConfigError, StatisticMissing
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.act.config import ActConfig
from understudy.policies.act.model import Act
from understudy.policies.pretrained import load_policy, load_weights_into, save_pretrained


@pytest.fixture
def policy() -> Act:
    return small_policy()


@pytest.fixture
def folder(policy: Act, tmp_path: Path) -> Path:
    return save(policy, tmp_path / "pretrained_model")


@pytest.fixture(autouse=True)
def warnings_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_warned", set())


def same_actions(policy: Act, path: Path, **options: Any) -> bool:
    observation = policy.config.fake_batch(2).observation
    return torch.equal(load_policy(path, device="cpu", **options).predict(observation), policy.predict(observation))


def rewrite(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors"
    tensors = read_safetensors(path)
    change(tensors)
    write_safetensors(path, tensors)


# -- eras ---------------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_lerobot_06_loads_and_says_what_it_ignored(
    policy: Act, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert same_actions(policy, save_as_06(policy, tmp_path / "new"))
    assert "ignored the unknown options pretrained_revision" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["unnormalize_outputs", "normalize_targets"])
@pytest.mark.parametrize("prefix", ["", "so100-blue_", "so100_"])
def test_a_checkpoint_of_lerobot_03_gives_its_statistics_from_among_the_weights(
    policy: Act, tmp_path: Path, module: str, prefix: str
) -> None:
    assert same_actions(policy, save_as_03(policy, tmp_path / "old", module=module, prefix=prefix))


def test_a_camera_with_an_underscore_in_its_name_is_migrated(tmp_path: Path) -> None:
    policy = camera_policy()
    assert same_actions(policy, save_as_03(policy, tmp_path / "old"))


def test_old_statistics_that_were_never_computed_are_refused(policy: Act, tmp_path: Path) -> None:
    old = save_as_03(policy, tmp_path / "old")
    rewrite(old, lambda t: t["normalize_inputs.buffer_observation_state.mean"].fill_(torch.inf))
    with pytest.raises(StatisticMissing, match=r"`observation\.state` are infinite") as caught:
        load_policy(old)
    assert caught.value.where == str(old)


def test_old_statistics_of_several_robots_are_refused_unless_others_are_given(policy: Act, tmp_path: Path) -> None:
    old = save_as_03(policy, tmp_path / "old", prefix="so100_")
    key = "normalize_inputs.so101_buffer_observation_state.mean"
    rewrite(old, lambda t: t.update({key: torch.zeros(6)}))
    with pytest.raises(StatisticMissing, match="2 robots"):
        load_policy(old)
    assert same_actions(policy, old, statistics=policy.normalizer.statistics)


def test_an_old_checkpoint_saved_again_is_a_new_one(policy: Act, tmp_path: Path) -> None:
    old = save_as_03(policy, tmp_path / "old")
    save_pretrained(load_policy(old, device="cpu"), tmp_path / "new")
    assert (tmp_path / "new" / "policy_preprocessor.json").exists()
    assert not [k for k in read_safetensors(tmp_path / "new" / "model.safetensors") if "normalize" in k]
    assert same_actions(policy, tmp_path / "new")


def test_names_left_by_the_compiler_are_cleaned(policy: Act, folder: Path) -> None:
    path = folder / "model.safetensors"
    renamed = {k.replace("model.", "model._orig_mod.", 1): v for k, v in read_safetensors(path).items()}
    write_safetensors(path, renamed)
    assert same_actions(policy, folder)


def test_weights_in_half_precision_become_float32(policy: Act, folder: Path) -> None:
    path = folder / "model.safetensors"
    write_safetensors(path, {k: v.bfloat16() for k, v in read_safetensors(path).items()})
    assert {p.dtype for p in load_policy(folder).parameters()} == {torch.float32}


def test_the_state_file_is_the_one_the_description_names(policy: Act, folder: Path) -> None:
    for name, step in (("pre", 3), ("post", 0)):
        description = folder / f"policy_{name}processor.json"
        content = json.loads(description.read_text())
        state = folder / content["steps"][step]["state_file"]
        content["steps"][step]["state_file"] = f"step_9_{name}.safetensors"
        state.rename(folder / f"step_9_{name}.safetensors")
        description.write_text(json.dumps(content))
    assert same_actions(policy, folder)


# -- statistics ---------------------------------------------------------------------------------------------------


def test_statistics_of_the_caller_win(policy: Act, folder: Path) -> None:
    other = {
        **policy.normalizer.statistics,
        "action": {k: v + 1 for k, v in policy.normalizer.statistics["action"].items()},
    }
    observation = policy.config.fake_batch(2).observation
    shifted = load_policy(folder, device="cpu", statistics=other).predict(observation)
    torch.testing.assert_close(shifted, policy.predict(observation) + 1)


@pytest.mark.parametrize("gone", ["file", "entry"])
def test_a_checkpoint_without_its_statistics_is_refused_unless_some_are_given(
    policy: Act, folder: Path, gone: str
) -> None:
    for description in folder.glob("policy_*.json"):
        content = json.loads(description.read_text())
        for step in content["steps"]:
            if "state_file" in step and gone == "file":
                (folder / step["state_file"]).unlink()
            elif gone == "entry":
                step.pop("state_file", None)
        description.write_text(json.dumps(content))
    with pytest.raises(StatisticMissing, match="is missing") as caught:
        load_policy(folder)
    assert caught.value.where == str(folder)
    assert same_actions(policy, folder, statistics=policy.normalizer.statistics)


def test_every_statistic_is_kept_even_of_features_the_policy_does_not_use(policy: Act, tmp_path: Path) -> None:
    policy.normalizer.statistics["timestamp"] = {"mean": np.array([1.5]), "count": np.array([7])}
    save_pretrained(policy, tmp_path / "saved")
    stored = read_safetensors(tmp_path / "saved" / "policy_preprocessor_step_3_normalizer_processor.safetensors")
    assert stored["timestamp.mean"].tolist() == [1.5]
    assert {tensor.dtype for tensor in stored.values()} == {torch.float32}
    assert load_policy(tmp_path / "saved").normalizer.statistics["timestamp"]["count"] == 7


# -- places -------------------------------------------------------------------------------------------------------


def test_a_run_a_step_and_a_file_lead_to_the_same_checkpoint(policy: Act, tmp_path: Path) -> None:
    run = tmp_path / "run"
    step = run / "checkpoints" / "000500"
    step.mkdir(parents=True)
    save(policy, step / "pretrained_model")
    (run / "train_config.json").write_text("{}")
    places = [run, run / "checkpoints", step, step / "pretrained_model", step / "pretrained_model" / "config.json"]
    assert all(same_actions(policy, place) for place in places)
    (run / "checkpoints" / "last").symlink_to("000500")
    assert all(same_actions(policy, place) for place in [*places, run / "checkpoints" / "last"])


def test_a_run_without_checkpoints_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        load_policy(tmp_path / "run")


def test_the_hub_is_asked_for_a_name_that_is_no_folder(
    policy: Act, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(repository: str, **options: Any) -> str:
        asked.append(repository)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert same_actions(policy, Path("someone/act_cube"))
    assert asked == ["someone/act_cube"]


def test_without_a_network_a_hub_name_is_an_error_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="someone/act_cube") as caught:
        load_policy("someone/act_cube")
    assert "hf download someone/act_cube" in str(caught.value.hint)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        load_policy(tmp_path / "a" / "b" / "c")


# -- what is refused ----------------------------------------------------------------------------------------------


def test_a_missing_an_extra_and_a_misshapen_tensor_are_listed(policy: Act, folder: Path) -> None:
    def damage(tensors: dict[str, torch.Tensor]) -> None:
        tensors.pop("model.action_head.bias")
        tensors["model.fourth_head.bias"] = torch.zeros(2)
        tensors["model.action_head.weight"] = torch.zeros(7, 16)

    rewrite(folder, damage)
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights_into(policy, folder)
    assert re.search(r"missing +model\.action_head\.bias +\(6,\)", caught.value.what)
    assert re.search(r"extra +model\.fourth_head\.bias +\(2,\)", caught.value.what)
    assert re.search(r"shape +model\.action_head\.weight +\(7, 16\), expected \(6, 16\)", caught.value.what)
    assert all(torch.equal(before[name], tensor) for name, tensor in policy.state_dict().items())
    with pytest.raises(CheckpointError, match="do not fit"):
        load_policy(folder)


def test_a_long_list_of_differences_is_cut(folder: Path) -> None:
    rewrite(folder, lambda tensors: [tensors.pop(name) for name in list(tensors)[:30]])
    with pytest.raises(CheckpointError, match="and 18 more"):
        load_policy(folder)


def test_weights_cut_short_are_named_so(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="cut short"):
        load_policy(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "policy.pt", "model.ckpt"])
def test_a_pickle_in_place_of_the_weights_is_refused(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / name)
    with pytest.raises(CheckpointError, match="pickle"):
        load_policy(folder)
    with pytest.raises(CheckpointError, match="pickle"):
        load_policy(folder / name)


def test_an_adapter_that_does_not_say_what_it_is_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="does not say which method it is: `peft_type` is missing"):
        load_policy(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": ...}, "key `type` is missing"),
        ({"type": "diffusion"}, "policy of LeRobot that cannot be run here yet"),
        ({"type": "sarm_ext"}, "reward model"),
        ({"type": "vllm"}, "remote model"),
        ({"type": "akt"}, "no policy that is known"),
        ({"type": ..., "input_shapes": {}}, "early 2025"),
        ({"dim_model": "wide"}, "dim_model"),
        ({"n_action_steps": 1000}, "cannot exceed chunk_size"),
        ({"use_relative_actions": True}, "use_relative_actions=True"),
    ],
)
def test_a_configuration_that_cannot_be_run_is_refused(folder: Path, changes: dict[str, Any], words: str) -> None:
    change_json(folder / "config.json", **changes)
    with pytest.raises(CheckpointError, match=words):
        load_policy(folder)


@pytest.mark.parametrize("content", ["{", "[]", "\x00\x01"])
@pytest.mark.parametrize("name", ["config.json", "policy_preprocessor.json", "understudy.json"])
def test_json_that_is_none_is_named_with_its_file(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=re.escape(name)):
        load_policy(folder)


def test_a_preprocessor_without_its_postprocessor_is_refused(folder: Path) -> None:
    (folder / "policy_postprocessor.json").unlink()
    with pytest.raises(CheckpointError, match=r"policy_postprocessor\.json is missing"):
        load_policy(folder)


def test_a_checkpoint_of_a_newer_version_is_refused(folder: Path) -> None:
    change_json(folder / "understudy.json", format=99)
    with pytest.raises(CheckpointError, match="newer version"):
        load_policy(folder)


def with_step(folder: Path, step: dict[str, Any]) -> None:
    path = folder / "policy_preprocessor.json"
    content = json.loads(path.read_text())
    content["steps"].append(step)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "step",
    [
        {"registry_name": "relative_actions_processor", "config": {"enabled": True}},
        {"class": "their_package.steps.Squash", "config": {}},
    ],
)
def test_a_processing_step_that_is_not_known_is_refused_by_name(folder: Path, step: dict[str, Any]) -> None:
    with_step(folder, step)
    with pytest.raises(CheckpointError, match=str(step.get("registry_name") or step.get("class"))):
        load_policy(folder)


def test_a_step_that_is_switched_off_is_no_hindrance(policy: Act, folder: Path) -> None:
    with_step(folder, {"registry_name": "relative_actions_processor", "config": {"enabled": False}})
    assert same_actions(policy, folder)


def change_scaling(folder: Path, **changes: Any) -> None:
    for path in folder.glob("policy_*.json"):
        content = json.loads(path.read_text())
        for step in content["steps"]:
            if "normalizer" in step["registry_name"]:
                step["config"].update(changes)
        path.write_text(json.dumps(content))


def test_the_processors_decide_how_numbers_are_scaled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_scaling(folder, norm_map={"STATE": "MIN_MAX", "ACTION": "MEAN_STD"})
    modes = load_policy(folder).normalizer.modes
    assert modes == {"observation.state": "MIN_MAX", "observation.environment_state": "IDENTITY", "action": "MEAN_STD"}
    assert "disagree on normalisation" in capsys.readouterr().err


def test_a_feature_the_processors_leave_out_is_an_error(folder: Path) -> None:
    change_scaling(folder, features={})
    with pytest.raises(CheckpointError, match="do not list"):
        load_policy(folder)


def test_another_epsilon_is_an_error(folder: Path) -> None:
    change_scaling(folder, eps=1e-2)
    with pytest.raises(CheckpointError, match=r"std \+ 0\.01"):
        load_policy(folder)


def test_a_state_file_outside_the_checkpoint_is_not_read(folder: Path, tmp_path: Path) -> None:
    shutil.copy(next(folder.glob("policy_preprocessor_*")), tmp_path / "other.safetensors")
    path = folder / "policy_preprocessor.json"
    content = json.loads(path.read_text())
    content["steps"][3]["state_file"] = "../other.safetensors"
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="outside the checkpoint"):
        load_policy(folder)


def test_an_absent_device_is_an_error_before_anything_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="`cuda` was asked for"):
        load_policy(folder, device="cuda")


# -- saving -------------------------------------------------------------------------------------------------------


def test_a_folder_that_exists_is_never_written_into(policy: Act, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigError, match="exists"):
        save_pretrained(policy, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_save_that_fails_leaves_nothing(policy: Act, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_pretrained(policy, tmp_path / "saved", train_config={"a": object()})
    assert not list(tmp_path.iterdir())


def test_what_else_belongs_to_the_checkpoint_is_kept_beside_it(policy: Act, tmp_path: Path) -> None:
    save_pretrained(policy, tmp_path / "saved", train_config={"steps": 5}, extra={"note": "x"})
    own = json.loads((tmp_path / "saved" / "understudy.json").read_text())
    assert own["note"] == "x"
    assert own["writer"].startswith("understudy ")
    assert own["policy"]["loss_normalization"] == "valid"
    assert json.loads((tmp_path / "saved" / "train_config.json").read_text()) == {"steps": 5}
    assert same_actions(policy, tmp_path / "saved")


def test_a_policy_loaded_in_bf16_predicts_and_is_not_saved(tmp_path: Path) -> None:
    config = ActConfig.tiny()
    save_pretrained(config.build(config.fake_statistics()), tmp_path / "policy")
    observation = config.fake_batch(2).observation
    exact = load_policy(tmp_path / "policy", "cpu").predict(observation)
    policy = load_policy(tmp_path / "policy", "cpu", precision="bf16")
    assert 0 < float((policy.predict(observation) - exact).square().mean().sqrt() / exact.std()) < 0.1
    with pytest.raises(ConfigError, match="lost digits"):
        save_pretrained(policy, tmp_path / "again")
    assert not (tmp_path / "again").exists()
