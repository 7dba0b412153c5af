"""LeRobot's flags that Understudy has no option for: which values ask for nothing, and why the others are refused.

A flag of LeRobot is never ignored. Either it is an option of TrainConfig, or it stands here: at a value that asks for
nothing it is accepted (LeRobot writes all of them into every train_config.json), at any other it is refused by name.

`python -m understudy.train.lerobot_flags` prints the table of docs/guides/from-lerobot.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from understudy.core.arguments import Settings, Text, get, has, parse_flow, remove
from understudy.core.describe import written
from understudy.core.errors import ConfigError
from understudy.core.registry import POLICY_CONFIGS

ANY = "any value"


@dataclass(frozen=True)
class Flag:
    """One flag, or a group of them, of LeRobot.

    harmless    the values that ask for nothing, LeRobot's defaults among them; ANY if every value does here
    reason      why another value is refused or, with ANY, why it changes nothing
    while_off   another flag of this table that answers for this one: on its own it does nothing
    """

    path: str
    harmless: tuple[Any, ...] | str
    reason: str
    while_off: str | None = None


_TASK_SAYS = "a task of Understudy brings this along"
_NOT_RECORDED = "episodes are recorded with `understudy record`"
_NO_WORKERS = "batches are gathered without worker processes"
_NO_RABC = "samples are not weighted: RA-BC needs a reward model, which cannot be trained here"
_RANKS = "torchrun says how many ranks there are"
_WHOLE = "each rank holds the whole policy"
_SUMMED = "the ranks' gradients are summed without a wrapper around the policy"
_NO_EMA = "no moving average of the weights is kept yet"
_NO_COMPILE = "steps are compiled with --compile=on"
_NO_SCALER = "only fp16 scales its gradients, and fp16 is not offered"
_NO_JOBS = "training runs on this machine"


def _together(
    group: str, names: str, harmless: tuple[Any, ...] | str, reason: str, while_off: str | None = None
) -> list[Flag]:
    """Several flags of one group that share an answer."""
    return [Flag(f"{group}.{name}", harmless, reason, while_off) for name in names.split()]


FLAGS = (
    # simulation
    Flag("env.task", (None,), "the task is part of its name: --env.type=aloha/transfer-cube"),
    Flag("env.episode_length", (None,), "the time limit is called --env.horizon"),
    *_together("env", "fps features features_map obs_type render_mode", (None,), _TASK_SAYS),
    Flag("eval.use_async_envs", ANY, "episodes always run in processes of their own; see --eval.workers"),
    Flag("eval.recording", (False,), _NOT_RECORDED),
    Flag("eval.recording_repo_id", (None,), _NOT_RECORDED),
    Flag("eval.recording_private", ANY, _NOT_RECORDED),
    Flag("eval.save_predicted_video", (False,), "videos show what happened, not what was predicted; see --eval.videos"),
    # data
    Flag("dataset.repo_type", (None, "dataset"), "storage buckets are not read; copy the dataset into a folder"),
    Flag("dataset.streaming", (False,), "a dataset is downloaded before it is trained on"),
    Flag("dataset.local_files_only", (False,), "to stay off the network set HF_HUB_OFFLINE=1, or give --dataset.root"),
    Flag("dataset.return_uint8", ANY, "frames always travel as bytes and are scaled on the device"),
    Flag("dataset.depth_output_unit", ANY, "concerns depth cameras alone"),
    Flag("prefetch_factor", (None, 2, 4), _NO_WORKERS),
    Flag("persistent_workers", (None, False, True), _NO_WORKERS),
    Flag("dataloader_multiprocessing_context", (None, "spawn"), _NO_WORKERS),
    # the policy
    Flag(
        "policy.pretrained_revision", (None,), "a version on the Hub cannot be named yet; download it, give its folder"
    ),
    Flag(
        "policy.discover_packages_path", (None,), "policies come with Understudy; packages are not searched for others"
    ),
    Flag("reward_model", (None,), "reward models cannot be trained here"),
    # sample weighting
    Flag("use_rabc", (None, False), _NO_RABC),
    *(Flag(f"rabc_{name}", ANY, _NO_RABC, "use_rabc") for name in ("progress_path", "kappa", "epsilon", "head_mode")),
    Flag("sample_weighting", (None,), _NO_RABC),
    # the optimiser
    Flag("optimizer.momentum", (0, 0.0), "sgd is plain: without momentum"),
    Flag("optimizer.dampening", (0, 0.0), "sgd is plain: without momentum"),
    Flag("optimizer.nesterov", (False,), "sgd is plain: without momentum"),
    Flag("ema.enable", (None, False), _NO_EMA),
    *_together(
        "ema", "decay update_after_step inv_gamma power min_decay max_decay use_for_eval", ANY, _NO_EMA, "ema.enable"
    ),
    # the machine
    Flag(
        "accelerator.gradient_accumulation.steps",
        (None, 1),
        "LeRobot counts each batch as a step, Understudy each update: "
        "give --grad_accumulation_steps=N and divide --steps by N",
    ),
    Flag("accelerator.compile.enabled", (None, False), _NO_COMPILE),
    *_together("accelerator.compile", "backend mode regional", ANY, _NO_COMPILE, "accelerator.compile.enabled"),
    Flag(
        "accelerator.activation_checkpointing.mode",
        (None, "none"),
        "it is the policy's: --policy.gradient_checkpointing=true",
    ),
    *_together("accelerator.grad_scaler", "init_scale growth_factor backoff_factor growth_interval", ANY, _NO_SCALER),
    *_together("accelerator.ddp", "find_unused_parameters gradient_as_bucket_view static_graph", ANY, _SUMMED),
    Flag("accelerator.fsdp.cpu_offload", (None, False), _WHOLE),
    *_together("accelerator.fsdp", "wrap_modules min_num_params ignored_modules", (None,), _WHOLE),
    Flag("accelerator.fsdp.reshard_after_forward", ANY, _WHOLE),
    Flag("parallelism.dp_replicate", (None, 1), _RANKS),
    Flag("parallelism.dp_shard", (None, 1, -1), _WHOLE),
    *_together("parallelism.context_parallel", "ring_degree ulysses_degree", (None, 1), _WHOLE),
    Flag("parallelism.cfg_parallel", (None, 1), _WHOLE),
    Flag("cudnn_deterministic", (None, False), "cuDNN chooses its kernels itself; random draws are fixed by --seed"),
    Flag("job.target", (None, "local"), _NO_JOBS),
    *_together("job", "image timeout detach tags", ANY, _NO_JOBS, "job.target"),
    # what is kept
    Flag("checkpoint_format", (None, "safetensors"), "checkpoints are safetensors in one file"),
    Flag("save_checkpoint_to_hub", (None, False), "only the finished policy is pushed, with --policy.repo_id"),
    Flag("checkpoint_path", ANY, "a note of LeRobot's about where a resumed run came from"),
    Flag("wandb.add_tags", (None, True), "runs carry their configuration, which can be filtered like tags"),
)

# a flag of LeRobot -> what it becomes here
TRANSLATED = {
    "env_eval_freq": "LeRobot 0.6's name for --eval_freq",
    "accelerator.mixed_precision": "`bf16` is --precision=bf16, `no` leaves --precision as it is; fp16 is refused",
    "dataset.video_backend": "`pyav` as it is; `torchcodec`, LeRobot's default, becomes pyav; others are refused",
}


def flag_names() -> list[str]:
    """Every flag that is known here: for suggestions."""
    return [flag.path for flag in FLAGS] + list(TRANSLATED)


def take_foreign(settings: Settings) -> list[str]:
    """Take LeRobot's other flags out of `settings` and put in what they stand for; the faults, a line each."""
    faults = []
    for flag in FLAGS:
        path = tuple(flag.path.split("."))
        if not has(settings.values, path):
            continue
        value = get(settings.values, path)
        if not flag.while_off and not _asks_nothing(flag, value):
            faults.append(_refused(flag, path, value, settings))
        remove(settings.values, path)
    faults += _translate(settings)
    for group in {path for flag in FLAGS for path in _groups_of(flag)}:
        if has(settings.values, group) and not get(settings.values, group):
            remove(settings.values, group)
    return faults


def _groups_of(flag: Flag) -> list[tuple[str, ...]]:
    parts = tuple(flag.path.split("."))
    return [parts[:end] for end in range(1, len(parts))]


def _asks_nothing(flag: Flag, value: Any) -> bool:
    """Whether the flag is at a value that changes nothing."""
    if flag.harmless == ANY:
        return True
    if isinstance(value, Text):
        try:
            value = parse_flow(value)
        except ConfigError:
            return False
    # 0 == False and 1 == True in Python, but not for a reader
    return value is None or any(
        value == harmless and isinstance(value, bool) == isinstance(harmless, bool) for harmless in flag.harmless
    )


def _refused(flag: Flag, path: tuple[str, ...], value: Any, settings: Settings) -> str:
    while isinstance(value, Mapping) and value:
        key = next(iter(value))
        path, value = (*path, key), value[key]
    return f"{settings.spelled(path)}: `{written(value)}` is refused: {flag.reason}"


def _translate(settings: Settings) -> list[str]:
    if (newer := settings.values.pop("env_eval_freq", None)) is not None:
        settings.values.setdefault("eval_freq", newer)
    backend, mixed = ("dataset", "video_backend"), ("accelerator", "mixed_precision")
    if get(settings.values, backend) == "torchcodec":
        remove(settings.values, backend)
    name, value = settings.spelled(mixed), get(settings.values, mixed)
    remove(settings.values, mixed)
    if value in (None, "no", "null"):
        return []
    if value != "bf16":
        return [f"{name}: `{value}` is refused: no and bf16 are offered"]
    chosen = settings.values.setdefault("precision", value)
    return [] if chosen == "bf16" else [f"{name} asks for bf16, {settings.spelled(('precision',))} for {chosen}"]


def guide_table() -> str:
    """The table of docs/guides/from-lerobot.md: what becomes of each of LeRobot's flags."""
    from understudy.core.describe import options_of

    from .config import TrainConfig

    rows = [("LeRobot's flag", "here", "what else there is to know"), ("---", "---", "---")]
    rows += [
        (f"`--{'.'.join(path)}`", "the same", field.description or "")
        for path, field in options_of(TrainConfig)
        if ".".join(path) not in TRANSLATED
        # its tasks have other names and other options
        and path[0] != "env"
        and not (isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("own"))
    ]
    rows.append(("`--env.type`", "the same", "names a task of Understudy; `understudy eval --help` lists its options"))
    rows.append(("`--policy.path`", "the same", "a folder, a run folder, or a repository on the Hub"))
    rows.append(("`--policy.…`, options of one policy", "the same", f"of {', '.join(sorted(POLICY_CONFIGS))}"))
    rows.append(("`--config_path`", "the same", "also a run folder or a checkpoint's folder"))
    rows += [(f"`--{name}`", "translated", text) for name, text in TRANSLATED.items()]
    for (answer, reason), flags in groupby(FLAGS, key=lambda flag: (_answer(flag), flag.reason)):
        rows.append((", ".join(f"`--{flag.path}`" for flag in flags), answer, reason))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _answer(flag: Flag) -> str:
    if flag.while_off:
        return f"without effect of its own; see `--{flag.while_off}`"
    if isinstance(flag.harmless, str):
        return "accepted, without effect"
    values = ", ".join(f"`{value}`" for value in dict.fromkeys(map(written, flag.harmless)))
    return f"refused, except {values}"


if __name__ == "__main__":
    print(guide_table(), end="")
