"""SmolVLA's files: another model's, a pickle, a torn one, no tokenizer, no network. Each is named, none does harm."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from small_act import small_policy
from small_smolvla import small_smolvla
from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.data.spec import IMAGES
from understudy.nn.text_tokens import TOKENIZER, byte_tokenizer
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.pretrained import load_policy, save_pretrained
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.vlm import SMOLVLM2, TINY_SHAPE, VlmShape, shape_from


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_pretrained(small_smolvla(), tmp_path / "saved")
    return tmp_path / "saved"


def change(folder: Path, file: str, **values: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def vlm_folder(path: Path) -> Path:
    """A vision-language model as its makers publish one, weights included: more layers than are kept."""
    path.mkdir()
    shape = TINY_SHAPE
    text = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 6, "num_attention_heads": 6}
    text |= {"num_key_value_heads": 2, "vocab_size": 264, "rms_norm_eps": 1e-5}
    vision = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    vision |= {"image_size": shape["image_size"], "patch_size": shape["patch_size"]}
    config = {"model_type": "smolvlm", "scale_factor": 2, "text_config": text, "vision_config": vision}
    (path / "config.json").write_text(json.dumps(config))
    for name, content in byte_tokenizer(["<pad>", "<fake_token_around_image>", "<global-img>"]).files.items():
        (path / name).write_text(content)
    larger = SmolVlaConfig.model_validate(
        SmolVlaConfig.tiny().model_dump() | {"vlm": TINY_SHAPE | {"text_layers": 6}, "num_vlm_layers": 6}
    )
    torch.manual_seed(5)
    vlm = larger.build(larger.fake_statistics()).model.vlm_with_expert.vlm
    write_safetensors(
        path / "model.safetensors", {name: tensor.bfloat16() for name, tensor in vlm.state_dict().items()}
    )
    return path


def with_vlm(name: Path | str, **options: Any) -> SmolVlaConfig:
    return SmolVlaConfig.model_validate(
        SmolVlaConfig.tiny().model_dump() | {"vlm_model_name": str(name), "vlm": None} | options
    )


# -- weights ----------------------------------------------------------------------------------------------------------


def test_weights_of_another_architecture_are_told_as_such(folder: Path) -> None:
    shutil.copy(_saved_act(folder.parent) / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="the weights of another network") as caught:
        load_policy(folder, device="cpu")
    assert re.search(r"not one of their \d+ tensors belongs to smolvla", str(caught.value))
    assert caught.value.where == str(folder / "model.safetensors")


def _saved_act(folder: Path) -> Path:
    save_pretrained(small_policy(), folder / "act")
    return folder / "act"


def test_tensors_missing_extra_and_misshapen_are_each_named(folder: Path) -> None:
    tensors = read_safetensors(folder / "model.safetensors")
    tensors["model.state_proj.weight"] = tensors["model.state_proj.weight"][:, :8].contiguous()
    tensors["model.new_head.weight"] = tensors.pop("model.action_out_proj.bias")
    write_safetensors(folder / "model.safetensors", tensors)
    with pytest.raises(CheckpointError) as caught:
        load_policy(folder, device="cpu")
    for line in ("missing  model.action_out_proj.bias", "extra    model.new_head.weight", "(96, 8), expected (96, 32)"):
        assert line in str(caught.value)


def test_a_pickle_is_not_opened(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04 whatever")
    with pytest.raises(CheckpointError, match=r"the weights are a pickle \(pytorch_model.bin\)"):
        load_policy(folder, device="cpu")
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="this is a pickle"):
        load_policy(folder, device="cpu")


def test_a_torn_file_is_named_with_its_size(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1000])
    with pytest.raises(CheckpointError, match=f"cut short: it has {len(whole) - 1000} bytes of {len(whole)}"):
        load_policy(folder, device="cpu")


# -- the tokenizer ----------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_whole_by_itself(folder: Path) -> None:
    change(folder, "config.json", vlm_model_name="somebody/who-is-not-there")
    policy = load_policy(folder, device="cpu")
    assert policy.instruction(["lift"])
    assert (folder / "tokenizer" / TOKENIZER).is_file()


def test_without_a_tokenizer_it_is_told_what_to_fetch_and_where_to_put_it(folder: Path) -> None:
    change(folder, "config.json", vlm_model_name=SMOLVLM2)
    _change_step(folder, "tokenizer_processor", {"tokenizer_name": SMOLVLM2})
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(CheckpointError, match="no tokenizer of its own") as caught:
        load_policy(folder, device="cpu")
    hint = str(caught.value.hint)
    assert f"https://huggingface.co/{SMOLVLM2}/tree/main" in hint
    assert str(folder / "tokenizer") in hint


def test_a_tokenizer_folder_without_its_file_and_one_of_another_model(folder: Path) -> None:
    (folder / "tokenizer" / TOKENIZER).unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing") as caught:
        load_policy(folder, device="cpu")
    assert f"another checkpoint of this policy into {folder / 'tokenizer'}" in str(caught.value.hint)
    larger = byte_tokenizer([f"<{n}>" for n in range(20)])
    (folder / "tokenizer" / TOKENIZER).write_text(larger.files[TOKENIZER])
    with pytest.raises(CheckpointError, match="the tokenizer has 276 tokens, the model knows 264"):
        load_policy(folder, device="cpu")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"padding_side": "left"}, "padding_side='left'"),
        ({"truncation": False}, "truncation=False"),
        ({"max_length": 0}, "max_length=0"),
        ({"padding": "do_not_pad"}, "padding='do_not_pad'"),
    ],
)
def test_tokenizer_steps_that_would_make_other_tokens_are_refused(
    folder: Path, options: dict[str, Any], words: str
) -> None:
    _change_step(folder, "tokenizer_processor", options)
    with pytest.raises(CheckpointError, match=words):
        load_policy(folder, device="cpu")


def test_the_processors_word_on_tokens_counts_more_than_the_configurations(folder: Path) -> None:
    _change_step(folder, "tokenizer_processor", {"max_length": 7, "padding": "max_length", "tokenizer_name": "a/b"})
    config = load_policy(folder, device="cpu").config
    assert isinstance(config, SmolVlaConfig)
    assert (config.tokenizer_max_length, config.pad_language_to, config.tokenizer_name) == (7, "max_length", "a/b")


def test_a_step_that_is_missing_or_belongs_to_a_policy_that_reads_is_refused(folder: Path) -> None:
    path = folder / "policy_preprocessor.json"
    content = json.loads(path.read_text())
    steps = [step for step in content["steps"] if "new_line" not in step["registry_name"]]
    path.write_text(json.dumps(content | {"steps": steps}))
    with pytest.raises(CheckpointError, match="the processors lack smolvla_new_line_processor"):
        load_policy(folder, device="cpu")
    act = _saved_act(folder.parent)
    content = json.loads((act / "policy_preprocessor.json").read_text())
    content["steps"].append({"registry_name": "tokenizer_processor", "config": {}})
    (act / "policy_preprocessor.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="act reads no words"):
        load_policy(act, device="cpu")


def _change_step(folder: Path, name: str, options: dict[str, Any]) -> None:
    path = folder / "policy_preprocessor.json"
    content = json.loads(path.read_text())
    for step in content["steps"]:
        if step["registry_name"] == name:
            step["config"] |= options
    path.write_text(json.dumps(content))


# -- the vision-language model ----------------------------------------------------------------------------------------


def test_without_a_network_it_is_told_what_to_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for options in ({"from_scratch": True}, {"load_vlm_weights": True}):
        with pytest.raises(ConfigError, match="could not be fetched") as caught:
            SmolVlaConfig(**options).fetch()
        hint = str(caught.value.hint)
        assert f"https://huggingface.co/{SMOLVLM2}/resolve/main/tokenizer" in hint
        assert "into a folder that --policy.vlm_model_name names" in hint


def test_a_folder_gives_sizes_tokenizer_and_weights(tmp_path: Path) -> None:
    folder = vlm_folder(tmp_path / "vlm")
    config = with_vlm(folder, load_vlm_weights=True)
    config.fetch()
    policy = config.build(config.fake_statistics())
    assert policy.config.vlm == VlmShape(**TINY_SHAPE | {"text_layers": 6})
    stored = read_safetensors(folder / "model.safetensors")
    vlm = policy.model.vlm_with_expert.vlm.state_dict()
    assert all(torch.equal(tensor, stored[name].float()) for name, tensor in vlm.items())


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_told(tmp_path: Path, file: str) -> None:
    folder = vlm_folder(tmp_path / "vlm")
    (folder / file).unlink()
    with pytest.raises(ConfigError, match=f"{file} is missing"):
        with_vlm(folder, load_vlm_weights=True).fetch()


def test_a_model_of_another_kind_and_weights_of_another_size(tmp_path: Path) -> None:
    folder = vlm_folder(tmp_path / "vlm")
    tensors = read_safetensors(folder / "model.safetensors")
    del tensors["model.connector.modality_projection.proj.weight"]
    write_safetensors(folder / "model.safetensors", tensors)
    config = with_vlm(folder, load_vlm_weights=True)
    with pytest.raises(ConfigError, match=r"1 of \d+ tensors are missing or of another shape"):
        config.build(config.fake_statistics())
    (folder / "config.json").write_text('{"model_type": "llama", "hidden_size": 5}')
    with pytest.raises(ConfigError, match="no vision-language model of SmolVLM's kind: `text_config` is missing"):
        shape_from(folder / "config.json", {})


def test_the_tiny_model_has_no_weights_to_load() -> None:
    config = with_vlm("tiny", load_vlm_weights=True)
    with pytest.raises(ConfigError, match="no pretrained weights"):
        config.fetch()


# -- what it is shown -------------------------------------------------------------------------------------------------


def test_a_missing_camera_is_named(folder: Path) -> None:
    policy = load_policy(folder, device="cpu")
    batch = policy.config.fake_batch(1)
    seen = batch.observation | policy.instruction(batch.task)
    del seen[IMAGES + "wrist"]
    with pytest.raises(DataError, match=r"lacks `observation\.images\.wrist`"):
        policy.predict(seen)
