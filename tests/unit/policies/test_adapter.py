"""An adapter in a policy: what is trained, saved and loaded, what the prefix keeps, and what is refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from small_act import small_policy
from small_smolvla import small_smolvla
from understudy.core.errors import CheckpointError, ConfigError
from understudy.core.rng import Rng
from understudy.nn.weights import read_safetensors, write_safetensors
from understudy.policies.adapter import add_adapter
from understudy.policies.base import Policy
from understudy.policies.facts import read_checkpoint
from understudy.policies.merging import merge_adapter
from understudy.policies.pretrained import load_policy, load_weights_into, save_pretrained
from understudy.policies.smolvla.model import SmolVla

pytest.importorskip("peft")
READER = r".*text_model.*\.v_proj"
METHODS = [
    {"peft_type": "LORA"},
    *({"peft_type": "LORA", "init_lora_weights": name} for name in ("gaussian", "orthogonal", "olora", "pissa")),
    {"peft_type": "MISS"},
    {"peft_type": "LORA", "modules_to_save": ["action_out_proj"]},
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "pretrained_model"
    save_pretrained(small_smolvla(), folder)
    return folder


def adapted(base: Path, **options: Any) -> SmolVla:
    """The policy at `base` with a new adapter in it, in train mode."""
    policy = load_policy(base, device="cpu")
    assert isinstance(policy, SmolVla)
    torch.manual_seed(1)
    given = {"peft_type": "LORA", "r": 4, "target_modules": policy.config.adapter_targets}
    add_adapter(policy, given | options, base, str(base))
    policy.train()
    return policy


def trained(policy: Policy, updates: int = 3) -> Policy:
    parameters = [p for p in policy.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, 1e-2)
    for step in range(updates):
        policy.loss(policy.config.fake_batch(2, seed=step), Rng(0, step)).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    return policy.eval()


def actions(policy: Policy) -> torch.Tensor:
    batch = policy.config.fake_batch(2)
    return policy.predict(batch.observation | policy.instruction(batch.task))


def test_the_default_layers_are_the_expert_s_and_the_policy_starts_as_its_base(base: Path) -> None:
    policy = adapted(base)
    assert_close(actions(policy.eval()), actions(load_policy(base, device="cpu")), rtol=0, atol=0)
    names = [name for name, p in policy.named_parameters() if p.requires_grad]
    assert names and all("lora_" in name for name in names)
    assert not [name for name in names if ".vlm." in name]
    assert any("lm_expert" in name for name in names) and any("state_proj" in name for name in names)


@pytest.mark.parametrize("options", METHODS, ids=lambda o: "-".join(map(str, o.values())))
def test_what_is_saved_is_loaded_bit_for_bit_and_merged_up_to_rounding(
    options: dict[str, Any], base: Path, tmp_path: Path
) -> None:
    policy = trained(adapted(base, **options))
    save_pretrained(policy, tmp_path / "adapter")
    assert not (tmp_path / "adapter/model.safetensors").exists()
    assert json.loads((tmp_path / "adapter/config.json").read_text())["use_peft"] is True
    apart = load_policy(tmp_path / "adapter", device="cpu", adapter="apart")
    assert torch.equal(actions(apart), actions(policy))
    assert not torch.allclose(actions(apart), actions(load_policy(base, device="cpu")), atol=1e-3)
    merged = load_policy(tmp_path / "adapter", device="cpu")
    assert merged.adapter is None and merged.config.use_peft is False
    assert_close(actions(merged), actions(policy), rtol=1e-4, atol=1e-4)
    merge_adapter(tmp_path / "adapter", tmp_path / "merged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "peft", None)
        assert torch.equal(actions(load_policy(tmp_path / "merged", device="cpu")), actions(merged))


def test_a_loaded_adapter_is_trained_on_as_the_first_one_would_have_been(base: Path, tmp_path: Path) -> None:
    policy = adapted(base)
    save_pretrained(policy, tmp_path / "adapter")
    again = load_policy(tmp_path / "adapter", device="cpu", adapter="apart")
    assert torch.equal(actions(trained(again.train())), actions(trained(policy)))


def test_peft_itself_loads_what_is_saved(base: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    policy = trained(adapted(base))
    save_pretrained(policy, tmp_path / "adapter")
    theirs = PeftModel.from_pretrained(load_policy(base, device="cpu"), str(tmp_path / "adapter"))
    assert torch.equal(actions(theirs.get_base_model()), actions(policy))


def test_another_policy_takes_an_adapter_where_layers_are_named(tmp_path: Path) -> None:
    policy = small_policy()
    save_pretrained(policy, tmp_path / "base")
    options = {"peft_type": "LORA", "r": 2, "target_modules": ["linear1", "linear2"]}
    add_adapter(policy, options, tmp_path / "base", str(tmp_path / "base"))
    save_pretrained(trained(policy), tmp_path / "adapter")
    assert torch.equal(actions(load_policy(tmp_path / "adapter", device="cpu", adapter="apart")), actions(policy))


def test_the_prefix_stays_what_it_is_beside_the_expert_and_is_trained_elsewhere(base: Path) -> None:
    plain, beside = load_policy(base, device="cpu"), adapted(base)
    inside = adapted(base, target_modules=READER)
    assert isinstance(plain, SmolVla)
    for name, prefix in plain.prefixes(["lift"]).items():
        assert beside.prefixes(["lift"])[name].trained() == []
        assert beside.prefixes(["lift"])[name].identity(plain.device) == prefix.identity(plain.device)
    assert inside.prefixes(["lift"])["memory"].trained() == ["the language model"]
    assert inside.prefixes(["lift"])["features"].trained() == []


@pytest.mark.parametrize("targets", [READER, r".*vision_model.*\.v_proj", r".*connector.*proj"])
def test_gradients_reach_an_adapter_wherever_it_is(targets: str, base: Path) -> None:
    policy = adapted(base, target_modules=targets, init_lora_weights="gaussian")
    policy.loss(policy.config.fake_batch(2), Rng(0)).total.backward()
    found = {name: p.grad for name, p in policy.named_parameters() if "lora_B" in name}
    # the last layer of the reader stops at its keys and values, which are looked at
    assert found and all(gradient is not None and bool(gradient.any()) for gradient in found.values())


def test_after_a_merge_all_is_trained_that_was(base: Path) -> None:
    before = {name: p.requires_grad for name, p in load_policy(base, device="cpu").named_parameters()}
    policy = adapted(base)
    assert policy.adapter is not None
    policy.adapter.merge()
    assert {name: p.requires_grad for name, p in policy.named_parameters()} == before


def test_a_base_that_is_gone_or_has_other_weights_is_named_with_what_to_do(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    save_pretrained(adapted(tmp_path / "base"), tmp_path / "adapter")
    (tmp_path / "base").rename(tmp_path / "moved")
    with pytest.raises(CheckpointError, match="belongs to cannot be had: there is no such folder") as caught:
        load_policy(tmp_path / "adapter", device="cpu")
    assert "`base_model_name_or_path`" in str(caught.value.hint)
    assert read_checkpoint(tmp_path / "adapter").problems
    config = tmp_path / "adapter/adapter_config.json"
    config.write_text(config.read_text().replace(str(tmp_path / "base"), str(tmp_path / "moved")))
    load_policy(tmp_path / "adapter", device="cpu")
    assert not read_checkpoint(tmp_path / "adapter").problems
    weights = tmp_path / "moved/model.safetensors"
    write_safetensors(weights, {name: tensor + 1 for name, tensor in read_safetensors(weights).items()})
    with pytest.raises(CheckpointError, match="are not those that it was trained with"):
        load_policy(tmp_path / "adapter", device="cpu")
    assert "are not those" in read_checkpoint(tmp_path / "adapter").problems[0]


def test_an_adapter_of_another_policy_is_refused(base: Path, tmp_path: Path) -> None:
    save_pretrained(adapted(base), tmp_path / "adapter")
    save_pretrained(small_policy(), tmp_path / "act")
    config = tmp_path / "adapter/adapter_config.json"
    values = json.loads(config.read_text())
    with pytest.raises(CheckpointError, match="weights of another network"):
        config.write_text(json.dumps(values | {"base_model_name_or_path": str(tmp_path / "act")}))
        own = tmp_path / "adapter/understudy.json"
        own.write_text(json.dumps({**json.loads(own.read_text()), "base": {}}))
        load_policy(tmp_path / "adapter", device="cpu")
    for changes, words in (({"r": 8}, "does not fit the policy"), ({"target_modules": ["linear1"]}, "cannot be put")):
        config.write_text(json.dumps(values | changes))
        with pytest.raises(CheckpointError, match=words):
            load_policy(tmp_path / "adapter", device="cpu")
        assert any("adapter" in problem for problem in read_checkpoint(tmp_path / "adapter").problems)


def test_adapter_weights_that_are_torn_or_pickled_are_refused(base: Path, tmp_path: Path) -> None:
    save_pretrained(adapted(base), tmp_path / "adapter")
    weights = tmp_path / "adapter/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        load_policy(tmp_path / "adapter", device="cpu")
    weights.unlink()
    torch.save({}, tmp_path / "adapter/adapter_model.bin")
    with pytest.raises(CheckpointError, match=r"adapter_model\.safetensors is missing"):
        load_policy(tmp_path / "adapter", device="cpu")


def test_weights_that_another_adapter_s_numbers_would_fill_stay_as_they_were(base: Path, tmp_path: Path) -> None:
    policy = adapted(base)
    save_pretrained(adapted(base, target_modules=["o_proj"]), tmp_path / "other")
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    with pytest.raises(CheckpointError, match="does not fit"):
        load_weights_into(policy, tmp_path / "other")
    assert all(torch.equal(tensor, before[name]) for name, tensor in policy.state_dict().items())


def test_layers_that_match_nothing_are_refused_with_those_there_are(base: Path) -> None:
    with pytest.raises(ConfigError, match="no adapter can be made of this") as caught:
        adapted(base, target_modules=["nothing"])
    assert "q_proj" in str(caught.value.hint)


def test_without_the_package_the_extra_is_named(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_pretrained(adapted(base), tmp_path / "adapter")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match="adapters need the package peft") as caught:
        load_policy(tmp_path / "adapter", device="cpu")
    assert caught.value.hint == "pip install 'understudy[lora]'"
    assert "adapters need the package peft" in read_checkpoint(tmp_path / "adapter").problems[0]


def test_inspect_counts_what_the_adapter_trains(base: Path, tmp_path: Path) -> None:
    policy = adapted(base)
    save_pretrained(policy, tmp_path / "adapter")
    facts = read_checkpoint(tmp_path / "adapter")
    assert facts.problems == [] and facts.adapter is not None and facts.adapter["r"] == 4
    assert facts.parameters == sum(p.numel() for p in policy.parameters() if p.requires_grad)
    assert facts.values == sum(tensor.numel() for tensor in load_policy(base, device="cpu").state_dict().values())


def test_only_an_adapter_is_merged_and_only_into_a_new_folder(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no adapter"):
        merge_adapter(base, tmp_path / "merged")
    with pytest.raises(ConfigError, match="this one exists"):
        merge_adapter(base, tmp_path)
