"""A command line becomes a TrainConfig, or one error that names every fault, before torch is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.core.errors import CheckpointError, ConfigError
from understudy.core.run_folder import RunFolder
from understudy.policies.act.config import ActConfig
from understudy.train.command import read_command
from understudy.train.config import TrainConfig

BASE = ["--dataset.repo_id=u/n", "--policy.type=act"]


def read(*words: str) -> TrainConfig:
    return read_command(words).config


def fault(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(*words)
    return str(caught.value)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder as training leaves it: the complete configuration, and a checkpoint with LeRobot's files."""
    folder = RunFolder(tmp_path / "runs" / "x")
    words = [*BASE, "--policy.chunk_size=20", "--policy.n_action_steps=20", "--policy.loss_normalization=all"]
    config = read(*words, "--batch_size=4", "--steps=100", f"--output_dir={folder.path}", "--wandb.run_id=abc")
    pretrained = folder.checkpoint(50, 100) / "pretrained_model"
    pretrained.mkdir(parents=True)
    folder.last.symlink_to("000050")
    folder.config.write_text(json.dumps(config.to_json()))
    folder.events.write_text("")
    (pretrained / "config.json").write_text(json.dumps(config.policy.lerobot_json()))
    own = {"format": 1, "writer": "understudy", "policy": config.policy.own_json()}
    (pretrained / "understudy.json").write_text(json.dumps(own, default=str))
    (pretrained / "train_config.json").write_text(json.dumps(config.lerobot_json()))
    (pretrained / "model.safetensors").write_bytes(b"")
    return folder


# -- flags ------------------------------------------------------------------------------------------------------------


def test_a_lerobot_command_line_works_as_it_is() -> None:
    config = read(
        *("--dataset.repo_id=u/n", "--policy.type=act", "--output_dir=o", "--job_name=j", "--policy.device=cpu"),
        *("--wandb.enable=false", "--policy.push_to_hub=false", "--num_workers=4", "--eval_freq=20000"),
        *("--dataset.video_backend=pyav", "--dataset.episodes=[0,1,2]", "--policy.chunk_size=50"),
        *("--policy.n_action_steps=50", "--policy.optimizer_lr=1e-4", "--steps", "500", "--policy.tags=[a, b]"),
    )
    assert isinstance(config.policy, ActConfig)
    assert (config.output_dir, config.job_name, config.num_workers, config.steps) == (Path("o"), "j", 4, 500)
    assert (config.policy.chunk_size, config.policy.optimizer_lr, config.policy.tags) == (50, 1e-4, ["a", "b"])
    assert config.dataset.episodes == [0, 1, 2]


def test_what_is_not_said_keeps_its_default() -> None:
    assert read(*BASE) == TrainConfig(dataset={"repo_id": "u/n"}, policy=ActConfig())


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("--policy.chunk_sze=3", "`--policy.chunk_sze`: unknown option; did you mean `--policy.chunk_size`?"),
        ("--chunk_size=3", "`--chunk_size`: unknown option; did you mean `--policy.chunk_size`?"),
        ("--batch-size=3", "`--batch-size`: unknown option; did you mean `--batch_size`?"),
        ("--epochs=3", "`--epochs`: unknown option; did you mean `--num_epochs`?"),
        ("--ema.enabl=true", "`--ema.enabl`: unknown option; did you mean `--ema.enable`?"),
        ("--batch_size=0", "`--batch_size`: got `0`; expects a whole number of at least 1"),
        ("--policy.dropout=one", "`--policy.dropout`: got `one`; expects a number of at least 0 and below 1"),
        ("--precision=fp16", "`--precision`: got `fp16`; expects one of auto, fp32, bf16; did you mean `bf16`?"),
        ("--policy.type=acct", "`--policy.type`: unknown policy `acct`; did you mean `act`?"),
        ("--policy=act", "`--policy`: unknown option; did you mean `--policy.type=act`?"),
        (
            "--dataset.video_backend=video_reader",
            "`--dataset.video_backend`: got `video_reader`; expects pyav, or null",
        ),
        ("--env.type=so101/lft", "unknown task `so101/lft`; did you mean `so101/lift`?"),
        ("--env.fps=20", "`--env.fps`: `20` is refused: a task of Understudy brings this along"),
        ("--eval.n_episodes=0", "`--eval.n_episodes`: got `0`; expects a whole number of at least 1"),
        ("--peft.r=0", "`--peft.r`: got `0`; expects a whole number of at least 1"),
        ("--peft.method_type=dora", "`--peft.method_type`: got `dora`; expects one of LORA, MISS"),
        ("--peft.init_type=eva", "`--peft`: init_type=eva: with LORA there are gaussian, orthogonal, olora, pissa"),
        ("--peft.r=16", "peft puts an adapter beside trained weights: name them with policy.path"),
        ("--dataset.streaming=true", "`--dataset.streaming`: `true` is refused"),
        ("--seed=null", "`--seed`: got `null`; expects a whole number of at least 0"),
    ],
)
def test_a_fault_is_answered_in_its_own_words(word: str, answer: str) -> None:
    words = [w for w in BASE if not word.startswith(w.split("=")[0] + "=")] if word != "--policy=act" else BASE[:1]
    assert fault(*words, word).startswith(answer)


def test_faults_of_the_policy_the_run_and_lerobot_s_flags_come_together() -> None:
    text = fault(*BASE, "--policy.n_heads=0", "--stpes=5", "--use_rabc=true", "--dataset.eval_split=2")
    assert text.startswith("4 options cannot be used")
    assert all(name in text for name in ("policy.n_heads", "--stpes", "--use_rabc", "eval_split"))
    assert len(text.splitlines()) <= 6


def test_a_policy_has_to_be_named_and_only_once() -> None:
    assert "`--policy.type` or `--policy.path` is required" in fault("--dataset.repo_id=u/n")
    assert "give one of them" in fault(*BASE, "--policy.path=/x")


def test_a_misspelt_policy_option_is_told_even_when_no_policy_is_named() -> None:
    assert "did you mean `--policy.chunk_size`?" in fault("--dataset.repo_id=u/n", "--policy.chunk_sze=3")


def test_steps_and_epochs_contradict_only_when_both_are_typed() -> None:
    assert "give one of them" in fault(*BASE, "--steps=5", "--num_epochs=2")
    assert read(*BASE, "--num_epochs=2").num_epochs == 2


def test_one_optimiser_option_is_completed_from_the_preset() -> None:
    optimizer = read(*BASE, "--optimizer.lr=1e-3", "--policy.optimizer_weight_decay=0.5").optimizer
    assert optimizer is not None
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ("adamw", 1e-3, 0.5)


def test_without_the_preset_lerobot_s_defaults_complete_the_optimiser() -> None:
    off = ["--use_policy_training_preset=false", "--scheduler.type=diffuser", "--scheduler.num_warmup_steps=0"]
    optimizer = read(*BASE, *off, "--optimizer.type=adam").optimizer
    assert optimizer is not None
    assert (optimizer.lr, optimizer.weight_decay, optimizer.grad_clip_norm) == (1e-3, 0.0, 10.0)
    assert "`--optimizer.type` is required" in fault(*BASE, *off, "--optimizer.lr=1")
    assert "leaves optimizer open" in fault(*BASE, *off)


def test_options_of_the_command_itself_are_read() -> None:
    command = read_command([*BASE, "--dry_run", "--json"])
    assert command.dry_run
    assert command.as_json
    assert "`--dry_run`: got `maybe`" in fault(*BASE, "--dry_run=maybe")


# -- files ------------------------------------------------------------------------------------------------------------


def test_flags_lie_on_top_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("dataset: {repo_id: u/n}\npolicy: {type: act, dropout: 0.2}\nsteps: 7\noutput_dir: here\n")
    config = read(f"--config_path={file}", "--policy.dropout=0.3", "--batch_size=2")
    assert isinstance(config.policy, ActConfig)
    assert (config.steps, config.batch_size, config.policy.dropout) == (7, 2, 0.3)
    assert config.output_dir == Path("here")


def test_epochs_typed_take_the_place_of_steps_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(read(*BASE, "--steps=7").to_json()))
    assert read(f"--config_path={file}", "--num_epochs=2").num_epochs == 2
    file.write_text(json.dumps(read(*BASE, "--num_epochs=2").to_json()))
    assert read(f"--config_path={file}", "--steps=9").num_epochs is None


def test_faults_in_a_file_name_the_file_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"dataset": {"repo_id": "u/n"}, "policy": {"type": "act", "chunk_sze": 5}, "batch_size": "many"}')
    text = fault(f"--config_path={file}")
    assert "`policy.chunk_sze`: unknown option; did you mean `policy.chunk_size`?" in text
    assert "`batch_size`: got `many`; expects a whole number of at least 1" in text
    assert text.endswith(f"where: {file}")


def test_a_run_s_own_record_repeats_the_run_in_another_folder(run: RunFolder) -> None:
    recorded = TrainConfig.model_validate_json(run.config.read_text())
    for place in (run.path, run.config, run.last / "pretrained_model", run.last / "pretrained_model/train_config.json"):
        config = read(f"--config_path={place}")
        assert config.output_dir is None
        assert config.wandb.run_id is None
        same = {"output_dir": recorded.output_dir, "wandb": recorded.wandb}
        assert config.model_copy(update=same) == recorded


def test_a_checkpoint_taken_out_of_its_run_still_has_our_own_options(run: RunFolder, tmp_path: Path) -> None:
    (run.last / "pretrained_model").resolve().rename(tmp_path / "alone")
    policy = read(f"--config_path={tmp_path / 'alone'}").policy
    assert isinstance(policy, ActConfig)
    assert policy.loss_normalization == "all"


def test_lerobot_s_note_of_the_preset_does_not_hide_a_new_learning_rate(run: RunFolder, tmp_path: Path) -> None:
    (run.last / "pretrained_model").resolve().rename(tmp_path / "alone")
    assert json.loads((tmp_path / "alone/train_config.json").read_text())["optimizer"]["lr"] == 1e-5
    config = read(f"--config_path={tmp_path / 'alone'}", "--policy.optimizer_lr=1e-3")
    assert config.optimizer is None
    assert config.policy.optimizer_preset().lr == 1e-3


def test_an_optimiser_that_is_not_the_preset_s_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "theirs.json"
    optimizer = {"type": "adam", "lr": 0.01, "weight_decay": 0.0, "grad_clip_norm": 10.0}
    file.write_text(json.dumps({"dataset": {"repo_id": "u/n"}, "policy": {"type": "act"}, "optimizer": optimizer}))
    config = read(f"--config_path={file}")
    assert config.optimizer is not None
    assert config.optimizer.lr == 0.01


@pytest.mark.parametrize("place", ["nothing.json", "a/b/c", "folder"])
def test_a_configuration_that_is_not_there_is_an_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert str(tmp_path / place) in fault(f"--config_path={tmp_path / place}")


def test_a_configuration_that_neither_disk_nor_hub_has_is_an_error() -> None:
    assert "the Hub did not give train_config.json" in fault("--config_path=nobody/nothing")


# -- a policy to start from -------------------------------------------------------------------------------------------


def test_a_policy_s_path_gives_its_options_and_its_weights(run: RunFolder) -> None:
    pretrained = (run.last / "pretrained_model").resolve()
    for place in (run.path, run.checkpoint(50, 100), run.last / "pretrained_model"):
        policy = read("--dataset.repo_id=u/n", f"--policy.path={place}", "--policy.kl_weight=1").policy
        assert isinstance(policy, ActConfig)
        assert (policy.chunk_size, policy.loss_normalization, policy.kl_weight) == (20, "all", 1.0)
        assert policy.pretrained_path == str(pretrained)


def test_where_a_policy_was_made_and_published_is_not_inherited(run: RunFolder) -> None:
    file = run.last / "pretrained_model" / "config.json"
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"device": "cuda", "repo_id": "them/theirs", "tags": ["t"]})
    )
    policy = read("--dataset.repo_id=u/n", f"--policy.path={run.path}").policy
    assert (policy.device, policy.repo_id, policy.tags) == (None, None, None)


def test_a_path_in_a_file_works_like_the_flag(run: RunFolder, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"dataset: {{repo_id: u/n}}\npolicy: {{path: {run.path}, kl_weight: 2}}\n")
    policy = read(f"--config_path={file}").policy
    assert isinstance(policy, ActConfig)
    assert (policy.chunk_size, policy.kl_weight) == (20, 2.0)
    file.write_text(f"dataset: {{repo_id: u/n}}\npolicy: {{path: {run.path}, type: act}}\n")
    assert "give one of them" in fault(f"--config_path={file}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pretrained_revision": None, "gradient_checkpointing": False}, None),
        ({"new_trick": True}, "`policy.new_trick`: unknown option"),
        ({"type": "diffusion"}, "`policy.type`: `diffusion` is a policy of LeRobot that cannot be run here yet"),
        ({"dropout": 7}, "`policy.dropout`: got `7`"),
    ],
)
def test_options_of_other_versions_are_left_out_only_when_they_are_off(
    run: RunFolder, change: dict[str, Any], expected: str | None
) -> None:
    file = run.last / "pretrained_model" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    words = ["--dataset.repo_id=u/n", f"--policy.path={run.path}"]
    if expected is None:
        assert read(*words).policy.type == "act"
    else:
        text = fault(*words)
        assert text.startswith(expected)
        assert "config.json" in text


def test_a_folder_without_a_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        read("--dataset.repo_id=u/n", f"--policy.path={tmp_path}")
    assert "no such file or folder" in fault("--dataset.repo_id=u/n", f"--policy.path={tmp_path / 'nothing'}")


# -- a run that goes on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["run", "config", "checkpoint", "output_dir"])
def test_a_run_goes_on_however_it_is_named(run: RunFolder, how: str) -> None:
    words = {
        "run": ["--resume", str(run.path)],
        "config": ["--resume=true", f"--config_path={run.config}"],
        "checkpoint": ["--resume", f"--config_path={run.last}/pretrained_model/train_config.json"],
        "output_dir": ["--resume=true", f"--output_dir={run.path}"],
    }[how]
    config = read(*words)
    recorded = TrainConfig.model_validate_json(run.config.read_text())
    assert config.resume
    assert config.output_dir is not None
    assert config.output_dir.resolve() == run.path.resolve()
    assert config.model_copy(update={"resume": False, "output_dir": recorded.output_dir}) == recorded
    assert config.hash() == recorded.hash()


def test_what_leaves_the_mathematics_alone_may_change(run: RunFolder) -> None:
    words = [
        *("--steps=200", "--save_freq=5", "--save_minutes=1", "--log_freq=3", "--eval_steps=9", "--wandb.enable=true"),
        *("--trackio.enable=true", "--tensorboard=false", "--num_workers=2", "--dataset.root=/moved"),
        *("--dataset.frames=ram", "--policy.device=cpu", "--policy.repo_id=u/p", "--policy.tags=[a]"),
    ]
    before, after = read(f"--resume={run.path}"), read(f"--resume={run.path}", *words)
    assert after.steps == 200
    assert after.policy.repo_id == "u/p"
    assert after.hash() == before.hash()
    assert read(f"--resume={run.path}", "--num_epochs=4").num_epochs == 4


def test_what_would_make_it_another_run_is_refused_with_both_values(run: RunFolder) -> None:
    text = fault("--resume", str(run.path), "--batch_size=16", "--policy.chunk_size=30", "--seed=1000")
    assert "`--batch_size`: got `16`, but the run has `4`" in text
    assert "`--policy.chunk_size`: got `30`, but the run has `20`" in text
    assert "--seed" not in text
    assert f"--policy.path={run.path}" in text


def test_repeating_the_whole_command_with_resume_is_fine(run: RunFolder) -> None:
    assert read(*BASE, "--batch_size=4", "--policy.chunk_size=20", "--resume=true", f"--output_dir={run.path}").resume


def test_a_run_that_is_not_there_cannot_go_on(tmp_path: Path) -> None:
    assert "there is no run to go on with" in fault("--resume", str(tmp_path / "nothing"))
    assert "neither a configuration nor a checkpoint" in fault("--resume", str(tmp_path))
    assert "which run?" in fault("--resume")
    assert "which run?" in fault("--resume=true")


def test_a_run_cannot_go_on_from_another_policy(run: RunFolder) -> None:
    assert "give one of them" in fault("--resume", str(run.path), "--policy.path=/x")


def test_resume_false_starts_a_new_run(run: RunFolder) -> None:
    assert not read(*BASE, "--resume=false").resume


def test_a_run_of_lerobot_goes_on_without_holding_episodes_out(run: RunFolder) -> None:
    run.config.unlink()
    config = read("--resume", str(run.path))
    assert config.dataset.eval_split == 0.0
    assert config.resume


# -- LeRobot's files --------------------------------------------------------------------------------------------------

ALL_OF_0_6 = {
    "dataset": {
        "repo_id": "u/n",
        "repo_type": "dataset",
        "exclude_episodes": None,
        "image_transforms": {"enable": False, "max_num_transforms": 3, "tfs": {"a": {"type": "Blur"}}},
        "video_backend": "torchcodec",
        "return_uint8": False,
        "depth_output_unit": "mm",
        "streaming": False,
        "eval_split": 0.0,
    },
    "env": None,
    "policy": {"type": "act", "pretrained_revision": None, "device": "cuda"},
    "reward_model": None,
    "cudnn_deterministic": False,
    "num_workers": 4,
    "prefetch_factor": 4,
    "persistent_workers": True,
    "dataloader_multiprocessing_context": "spawn",
    "env_eval_freq": 20000,
    "eval_steps": 0,
    "max_eval_samples": 0,
    "checkpoint_format": "safetensors",
    "parallelism": {
        "dp_replicate": 1,
        "dp_shard": 1,
        "context_parallel": {"ring_degree": 1, "ulysses_degree": 1},
        "cfg_parallel": 1,
    },
    "accelerator": {
        "mixed_precision": "no",
        "gradient_accumulation": {"steps": 1},
        "grad_scaler": {"init_scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000},
        "fsdp": {
            "reshard_after_forward": True,
            "wrap_modules": None,
            "min_num_params": None,
            "cpu_offload": False,
            "ignored_modules": None,
        },
        "ddp": {"find_unused_parameters": True, "gradient_as_bucket_view": False, "static_graph": False},
        "compile": {"enabled": False, "backend": "inductor", "mode": None, "regional": True},
        "activation_checkpointing": {"mode": "none"},
    },
    "eval": {"n_episodes": 50, "batch_size": 22, "use_async_envs": True, "recording": False, "recording_repo_id": None},
    "ema": {"enable": False, "decay": None, "update_after_step": 0, "power": 0.75, "use_for_eval": True},
    "wandb": {"enable": False, "add_tags": True},
    "peft": None,
    "job": {"target": None, "image": "huggingface/lerobot-gpu:latest", "timeout": "2d", "detach": False, "tags": []},
    "save_checkpoint_to_hub": False,
    "sample_weighting": None,
    "rename_map": {},
    "checkpoint_path": None,
}


def test_a_complete_file_of_0_6_at_its_defaults_loads(tmp_path: Path) -> None:
    file = tmp_path / "train_config.json"
    file.write_text(json.dumps(ALL_OF_0_6))
    config = read(f"--config_path={file}")
    assert (config.dataset.eval_split, config.eval_steps, config.max_eval_samples) == (0.0, 0, 0)
    assert (config.policy.device, config.precision) == ("cuda", "auto")


@pytest.mark.parametrize(
    ("words", "precision"),
    [
        (["--accelerator.mixed_precision=bf16"], "bf16"),
        (["--precision=bf16"], "bf16"),
        (["--accelerator.mixed_precision=no", "--precision=bf16"], "bf16"),
    ],
)
def test_a_file_s_precision_may_be_overridden(tmp_path: Path, words: list[str], precision: str) -> None:
    file = tmp_path / "train_config.json"
    file.write_text(json.dumps(ALL_OF_0_6))
    assert read(f"--config_path={file}", *words).precision == precision


def test_a_file_that_lerobot_0_4_4_wrote_loads(tmp_path: Path) -> None:
    recorded = Path(__file__).resolve().parents[2] / "parity" / "train_config_lerobot_0_4_4.json"
    for name, content in json.loads(recorded.read_text()).items():
        file = tmp_path / "train_config.json"
        file.write_text(json.dumps(content))
        config = read(f"--config_path={file}")
        assert config.policy.type == "act", name
        assert not config.resume


# -- real files -------------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "facts"),
    [
        ("act_picklift_real24/train_config.json", (67, 100_000, 0.0, True)),
        ("fork_train_configs_act_dp_pi0/train_config_act.json", (100, 200_000, None, False)),
    ],
)
def test_real_act_configurations_load(shared: Path, file: str, facts: tuple[Any, ...]) -> None:
    config = read(f"--config_path={shared / 'checkpoint_configs' / file}")
    assert isinstance(config.policy, ActConfig)
    options = config.dataset
    assert (config.policy.chunk_size, config.steps, options.eval_split, options.use_imagenet_stats) == facts


@pytest.mark.shared
def test_a_real_smolvla_configuration_loads_and_its_preset_stays_one(shared: Path) -> None:
    file = shared / "checkpoint_configs/smolvla_koch_2025/pretrained_model/train_config.json"
    config = read(f"--config_path={file}", "--policy.optimizer_lr=2e-4", "--policy.push_to_hub=false")
    assert config.policy.type == "smolvla"
    assert (config.optimizer, config.scheduler) == (None, None)
    schedule = config.schedule()
    assert schedule is not None
    assert (schedule.peak_lr, schedule.num_warmup_steps) == (2e-4, 1000)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "reasons"),
    [
        ("fork_train_configs_act_dp_pi0/train_config_dp.json", ["`policy.type`: `diffusion` is a policy of LeRobot"]),
        ("fork_train_configs_act_dp_pi0/train_config_pi0.json", ["`policy.type`: `pi0` is a policy of LeRobot"]),
        (
            "fork_train_configs_act_dp_pi0/train_config_umi.json",
            ["`policy.type`: `diffusion`"],
        ),
        ("sarm_reward_model/train_config.json", ["`policy.type`: `sarm_ext` is a reward model"]),
        ("lerobot_hydra_era_2024/act_koch_real.yaml", ["before January 2025, when LeRobot used Hydra"]),
        ("lerobot_hydra_era_2024/default.yaml", ["before January 2025, when LeRobot used Hydra"]),
    ],
)
def test_other_real_configurations_are_refused_by_key_with_the_reason(
    shared: Path, file: str, reasons: list[str]
) -> None:
    text = fault(f"--config_path={shared / 'checkpoint_configs' / file}")
    assert all(reason in text for reason in reasons)
    assert len(text.splitlines()) <= 4
    assert file in text


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("vllm_remote_policy", "client of a remote model"),
        ("diffusion_vqbet_pusht_converted/vqbet", "policy of LeRobot"),
    ],
)
def test_other_real_checkpoints_are_no_start(shared: Path, folder: str, reason: str) -> None:
    assert reason in fault("--dataset.repo_id=u/n", f"--policy.path={shared / 'checkpoint_configs' / folder}")
