"""`--prefix_cache`: when it is chosen and why not, and that a run with it is the run without."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch.testing import assert_close

from make_dataset import make_dataset
from understudy.core.errors import ConfigError, DataError, DiskFull
from understudy.core.rng import Rng
from understudy.core.run_folder import RunFolder
from understudy.core.units import readable_bytes
from understudy.data import seen_store
from understudy.data.spec import MEMORY, seen_name
from understudy.policies.prefix import Prefix
from understudy.policies.smolvla.model import SmolVla
from understudy.policies.smolvla.network import SmolVlaNetwork
from understudy.train import prefix_cache
from understudy.train.command import read_command
from understudy.train.config import TrainConfig
from understudy.train.distributed import ALONE
from understudy.train.prefix_cache import choose_prefix_cache, example_batch, seen_frames
from understudy.train.prepare import Prepared, prepare, prepare_policy
from understudy.train.settle import settled
from understudy.train.start_up import StartUp

CAMERAS = ["observation.images.front", "observation.images.wrist"]
KINDS = ["features", "memory"]
AUGMENTED = {"image_transforms": {"enable": True}}
AUGMENTED_WHY = "--dataset.image_transforms.enable changes the pictures at every step"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tasks = ("move the block", "put the block into the box")
    return make_dataset(
        tmp_path_factory.mktemp("set") / "d", episodes=3, frames=10, cameras=("front", "wrist"), tasks=tasks
    )


def config_of(
    folder: Path, *, policy: dict[str, Any] | None = None, dataset: dict[str, Any] | None = None, **more: Any
) -> TrainConfig:
    small = {"preset": "tiny", "from_scratch": True, "chunk_size": 5, "n_action_steps": 5, "num_steps": 2}
    frozen = {"train_expert_only": True, "freeze_vision_encoder": True, "device": "cpu"}
    given = {"repo_id": str(folder), "eval_episodes": [2]} | (dataset or {})
    options = {"batch_size": 4, "precision": "fp32", "steps": 100, "output_dir": str(folder / "run")}
    return TrainConfig.model_validate(
        options | more | {"policy": {"type": "smolvla"} | small | frozen | (policy or {}), "dataset": given}
    )


def prepared_with(config: TrainConfig) -> tuple[Prepared, SmolVla]:
    """As a run prepares itself, before what is left open is settled."""
    prepared = prepare(config, RunFolder(Path(str(config.output_dir))), ALONE, StartUp())
    torch.manual_seed(0)
    return prepared, prepared.config.policy.build(prepared.statistics()).train()


def choice(config: TrainConfig) -> tuple[str, str]:
    prepared, policy = prepared_with(config)
    return choose_prefix_cache(prepared.config, policy, prepared)


def memory_of(available: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available))


def test_the_most_that_fits_is_kept_and_size_and_time_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, why = choice(config_of(folder))
    # 32 picture tokens and 32 words, 4 layers of 2 x 2 heads of 16 numbers, and whether it is padding; 30 frames
    assert chosen == "memory" and why.startswith(f"{readable_bytes(30 * 64 * (4 * 2 * 2 * 16 + 1) * 4)} in ")
    assert ": 30 frames to look at once, about " in why
    memory_of(2_000_000, monkeypatch)
    chosen, why = choice(config_of(folder))
    # 16 tokens of 96 numbers for each of 60 pictures
    assert chosen == "features" and why.startswith("368.6 kB in ")
    assert ": 60 frames to look at once, about " in why
    assert why.endswith(" (not memory: 2.0 MB, half of the memory that is available is 1.0 MB)")


@pytest.mark.parametrize(
    ("options", "features", "memory"),
    [
        (
            {"policy": {"train_expert_only": False}},
            "the connector is trained",
            "the connector and the language model are trained",
        ),
        (
            {"policy": {"train_expert_only": False, "freeze_vision_encoder": False}},
            "the vision tower and the connector are trained",
            "the vision tower, the connector and the language model are trained",
        ),
    ],
)
def test_what_is_not_the_same_each_time_is_not_kept_and_refused_where_it_was_asked_for(
    folder: Path, options: dict[str, Any], features: str, memory: str
) -> None:
    assert choice(config_of(folder, **options)) == ("off", features)
    for kind, why in (("features", features), ("memory", memory)):
        with pytest.raises(ConfigError, match=f"nothing can be kept: {why}") as caught:
            choice(config_of(folder, **options, prefix_cache=kind))
        assert caught.value.where == f"--prefix_cache={kind}"


def test_pictures_that_change_at_every_step_are_not_kept(folder: Path) -> None:
    assert choice(config_of(folder, dataset=AUGMENTED)) == ("off", AUGMENTED_WHY)


def test_a_run_that_sees_fewer_frames_than_there_are_does_not_wait_for_all(folder: Path) -> None:
    why = "7 steps look at 56 frames, and 60 would be looked at first"
    assert choice(config_of(folder, steps=7)) == ("off", why)
    assert choice(config_of(folder, steps=8))[0] == "memory"
    assert choice(config_of(folder, steps=7, prefix_cache="features"))[0] == "features"


def test_a_disk_without_room_is_left_alone_and_an_error_where_it_was_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    usable = 500_000
    monkeypatch.setattr(seen_store, "usable_disk_bytes", lambda cache: usable)
    chosen, why = choice(config_of(folder))
    assert chosen == "features" and "(not memory: 2.0 MB to write to the disk, 500.0 kB may be used" in why
    usable = 100_000
    chosen, why = choice(config_of(folder))
    assert chosen == "off" and why.startswith("368.6 kB to write to the disk, 100.0 kB may be used")
    with pytest.raises(DiskFull, match=r"does not fit the disk: 368\.6 kB") as caught:
        choice(config_of(folder, prefix_cache="features"))
    assert caught.value.exit_code == 5
    assert not (own_cache / "seen").exists()


def test_a_policy_without_such_a_part_is_trained_as_ever_without_a_word(folder: Path) -> None:
    act = {"type": "act", "pretrained_backbone_weights": None, "dim_model": 16, "n_heads": 2, "device": "cpu"}
    config = TrainConfig.model_validate(config_of(folder).model_dump() | {"policy": act})
    assert choice(config) == ("off", "")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--policy.type=act"], "act has no part that is computed before what is trained"),
        (["--policy.type=tiny_pi0"], "tiny_pi0 has no part that is computed before what is trained"),
        (
            ["--policy.type=smolvla", "--dataset.image_transforms.enable=true"],
            "dataset.image_transforms.enable=true changes the pictures at every step",
        ),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_can_never_be_kept_is_refused_before_the_dataset_is_looked_for(
    options: list[str], why: str, kind: str
) -> None:
    with pytest.raises(ConfigError, match=f"prefix_cache={kind}") as caught:
        read_command(["--dataset.repo_id=nobody/nothing", *options, f"--prefix_cache={kind}"])
    assert why in str(caught.value)


def test_a_task_without_words_that_no_loaded_episode_has_is_no_obstacle(tmp_path: Path) -> None:
    spoken = make_dataset(tmp_path / "d", episodes=4, frames=10, cameras=("front", "wrist"), tasks=("", "open it"))
    given = {"episodes": [1, 3], "eval_episodes": [3]}
    for kind in KINDS:
        _, policy = updated(config_of(spoken, dataset=given, prefix_cache=kind), 1)
        assert isinstance(policy, SmolVla)
    with pytest.raises(DataError, match="the task of some episodes is empty: 0, 2"):
        updated(config_of(spoken, dataset={"eval_episodes": [3]}), 1)


def test_a_run_that_was_begun_before_the_option_was_there_goes_on_without(folder: Path) -> None:
    prepared, policy = prepared_with(config_of(folder))
    resumed = prepared.config.model_copy(update={"resume": True})
    assert choose_prefix_cache(resumed, policy, prepared) == ("off", "the run was begun without it")


def test_what_was_chosen_is_printed_and_kept_in_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared, policy = prepared_with(config_of(folder))
    assert settled(prepared.config, policy, prepared).prefix_cache == "memory"
    prepared, policy = prepared_with(config_of(folder, dataset=AUGMENTED))
    assert settled(prepared.config, policy, prepared).prefix_cache == "off"
    said = capsys.readouterr().out
    assert "prefix     memory  2.0 MB in " in said
    assert "prefix     off  --dataset.image_transforms.enable changes" in said


def updated(config: TrainConfig, steps: int = 3) -> tuple[Prepared, SmolVla]:
    """A run's own preparation and updates."""
    prepared = prepare(config, RunFolder(Path(str(config.output_dir))), ALONE, StartUp())
    parts, source = prepare_policy(prepared, None), prepared.source()
    for step in range(steps):
        parts.update([source.take(step)], step)
    source.close()
    assert isinstance(parts.policy, SmolVla)
    return prepared, parts.policy


@pytest.mark.parametrize("kind", KINDS)
def test_updates_and_held_out_errors_are_those_of_a_run_without(folder: Path, kind: str) -> None:
    (_, plain), (prepared, kept) = (updated(config_of(folder, prefix_cache=chosen)) for chosen in ("off", kind))
    for (name, a), (_, b) in zip(plain.named_parameters(), kept.named_parameters(), strict=True):
        assert_close(a, b, rtol=1e-5, atol=1e-5, msg=name)
    seen, prepared.seen = prepared.seen, None
    from_pictures = prepared.measurement("validation", torch.device("cpu")).measure(kept)
    prepared.seen = seen
    measured = prepared.measurement("validation", torch.device("cpu")).measure(kept)
    for name in ("loss", "action_error"):
        assert measured[name] == pytest.approx(from_pictures[name], rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_once_everything_is_kept_no_picture_is_looked_at_in_training_or_validation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    prepared, policy = updated(config_of(folder, prefix_cache=kind))
    monkeypatch.setattr(SmolVlaNetwork, "look", lambda *_: pytest.fail("looked at a picture"))
    if kind == "memory":
        monkeypatch.setattr(SmolVlaNetwork, "read", lambda *_: pytest.fail("read a task"))
    batch = prepared.source().take(0)
    expected = {MEMORY} if kind == "memory" else {seen_name(camera) for camera in CAMERAS}
    assert expected < batch.observation.keys()
    assert not set(CAMERAS) & batch.observation.keys()
    policy.loss(batch, Rng(0))
    prepared.measurement("validation", policy.device).measure(policy)


def test_a_second_run_with_the_same_frozen_weights_finds_them_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    updated(config_of(folder), 1)
    capsys.readouterr()
    updated(config_of(folder, batch_size=2, policy={"num_steps": 3}), 1)
    said = capsys.readouterr().out
    assert "all is there already" in said and "looked at" not in said
    updated(config_of(folder, seed=7), 1)
    assert "looked at 30 frames" in capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_are_read_once_to_know_what_they_saw(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[torch.device] = []
    whole = Prefix.identity
    monkeypatch.setattr(Prefix, "identity", lambda self, device: read.append(device) or whole(self, device))
    updated(config_of(folder, prefix_cache=kind), 1)
    assert len(read) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_in_bf16_the_numbers_of_the_step_are_kept(folder: Path, kind: str) -> None:
    config = config_of(folder, precision="bf16", prefix_cache=kind)
    prepared, policy = prepared_with(config)
    batch, prefix = prepared.windows().gather(np.arange(8)), policy.prefixes(prepared.dataset.tasks)[kind]
    seen = seen_frames(prepared.config, policy, prepared)
    assert seen is not None and seen.names == list(prefix.entries)
    for entry in prefix.entries:
        expected = prefix_cache._computed(prepared.config, policy, prefix, entry, batch)
        assert expected.dtype is torch.bfloat16
        assert torch.equal(seen.gather(entry, np.arange(8)), expected)


@pytest.mark.parametrize("chosen", [*KINDS, "off"])
def test_an_example_of_a_batch_has_the_names_and_shapes_of_a_real_one(folder: Path, chosen: str) -> None:
    prepared, policy = updated(config_of(folder, prefix_cache=chosen), 0)
    real, example = prepared.source().take(0), example_batch(prepared.config, policy, prepared.dataset.tasks)
    shapes = [{name: (v.shape, v.dtype) for name, v in b.observation.items()} for b in (real, example)]
    assert shapes[0] == shapes[1]
    assert dataclasses.asdict(real).keys() == dataclasses.asdict(example).keys()


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_datasets_what_was_seen_of_one_alone_is_not_looked_at_again(
    folder: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_CACHE", str(tmp_path / "cache"))
    other = make_dataset(tmp_path / "other", episodes=2, frames=7, cameras=("front", "wrist"), seed=9)
    alone = config_of(folder, prefix_cache=kind)
    prepared, policy = prepared_with(alone)
    assert seen_frames(prepared.config, policy, prepared) is not None
    mixture = {"repo_id": None, "eval_episodes": None, "mixture": [str(folder), str(other)], "eval_split": 0}
    both = config_of(folder, prefix_cache=kind, dataset=mixture)
    prepared, policy = prepared_with(both)
    _, why = choose_prefix_cache(prepared.config, policy, prepared)
    assert f": {7 * 2 * (2 if kind == 'features' else 1)} frames to look at once" in why
    prepared.seen = seen_frames(prepared.config, policy, prepared)
    rows = np.array([40, 3, 29, 30, 12])
    kept, plain = prepared.windows().gather(rows), None
    prepared.seen, seen = None, prepared.seen
    plain = prepared.windows().gather(rows)
    prepared.seen = seen
    losses = []
    for batch in (plain, kept):
        rng = Rng(3)
        rng.seed_torch("update")
        losses.append(policy.loss(batch, rng).total)
    assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-5)
