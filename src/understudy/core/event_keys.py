"""What each event of a run's events.jsonl says, key by key. One JSON object a line; numbers that JSON does not know are
the strings "NaN", "Infinity" and "-Infinity"; further keys may come.

The page of events in the documentation is made from this, and tests hold what runs write against it.
"""

from __future__ import annotations

from typing import NamedTuple


class EventKeys(NamedTuple):
    """When an event is written, and its keys: name -> meaning. A name with <...> stands for several."""

    when: str
    keys: dict[str, str]


COMMON = {
    "event": "its name",
    "time": "Unix seconds",
    "step": "optimiser updates done",
}
_PARTS = {"<part>_loss": "each part of the loss that the policy names: `l1_loss`, `kld_loss`, `flow_loss`, ..."}
_STARTED = {
    "run_id": "12 hex digits, new at every start",
    "version": "of Understudy",
    "command": "the command line",
    "config_hash": "16 hex digits that name the mathematics: equal for a run and what goes on with it",
    "dataset": "`repo_id`, `fingerprint`, `episodes`, `frames`, `fps`, `robot`, `tasks` (20 at most); of several "
    "datasets `parts`, a list of `repo_id`, `fingerprint`, `first_episode`, `episodes`, `frames`, `weight`",
    "policy": "`type`, `parameters`, `trainable_parameters`",
    "batch_size": "windows of one process and forward pass",
    "world_size": "processes that train together",
    "machine": "`cpu`, `cores`, `memory_bytes`, `gpu`, `driver`, `torch`, `python`, ...",
    "precision": "number format of the forward and backward pass",
    "frames_tier": "where decoded frames are held: `ram`, `disk`, `device`, ...",
    "startup_s": "seconds of each phase of the start, and `total`",
}
_ENDED = {
    "reason": 'why, in a few words: "all steps done", "stopped early: ...", an error\'s name',
    "seconds": "since the start, or since it went on",
    "error": "what the error said; null where there was none",
}
KEYS = {
    "run_started": EventKeys("Once, before the first update.", _STARTED),
    "run_resumed": EventKeys(
        "When a run goes on. What was logged beyond `from_step` before it no longer counts.",
        _STARTED | {"from_step": "the checkpoint's step"},
    ),
    "step": EventKeys(
        "Every `--log_freq` updates; means since the last one.",
        {
            "loss": "what is minimised",
            **_PARTS,
            "grad_norm": "norm of the whole gradient, before it is clipped",
            "clipped_fraction": "share of updates whose gradient was clipped",
            "lr": "learning rate of the first group of parameters",
            "lr_<group>": "learning rate of each group",
            "update_s": "seconds an update took, waiting left out",
            "data_s": "seconds it waited for data",
            "samples": "windows trained on so far",
            "episodes": "the same in episodes: windows divided by the mean length of one",
            "epochs": "the same in passes over the training frames",
            "samples_per_s": "windows a second, waiting included",
        },
    ),
    "validation": EventKeys(
        "Every `--eval_steps` updates and at the end: held-out episodes are measured.",
        {
            "loss": "mean over the held-out frames that are looked at",
            **_PARTS,
            "action_mae": "joint -> mean absolute error of the predicted chunk, in the dataset's units",
            "action_error": "the same in standard deviations of each joint, averaged over those that move",
            "baselines": "`action_error` of `hold`, who repeats the last action, and of `mean`, who gives the mean one",
            "datasets": "of several datasets: name -> `action_error` on what is held out of it",
            "episodes": "the episodes that are held out",
            "frames": "how many of their frames were measured",
        },
    ),
    "telemetry": EventKeys(
        "Every few seconds; what cannot be measured is absent.",
        {
            "cpu_percent": "of all cores together",
            "rss_bytes": "resident memory of the process",
            "disk_free_bytes": "on the run folder's file system",
            "gpu_power_w": "watts",
            "gpu_temperature_c": "degrees Celsius",
            "gpu_utilization": "per cent of the time in which a kernel ran",
            "gpu_memory_bytes": "memory in use on the GPU, by whomever",
            "gpu_slowed": "1 where the driver lowers the clock for heat or lack of power; NVIDIA only",
        },
    ),
    "checkpoint": EventKeys(
        "When a checkpoint was written.",
        {
            "path": "its folder",
            "reason": "the weightiest one: `final`, `schedule`, `best`, `evaluation`, `time`, `interrupt`",
            "reasons": "all of them",
            "bytes": "its size",
            "seconds": "how long writing took",
        },
    ),
    "finding": EventKeys(
        "What the doctor found while it looked on, each rule once in a run.",
        {
            "rule": "its name",
            "severity": "`error`, `warning` or `note`",
            "message": "what is the case, with its numbers",
            "evidence": "the numbers that decided, by name",
            "remedy": "what to do about it",
            "episodes": "the episodes concerned; empty where it is about the whole",
            "frames": "[episode, first frame, last frame] of the frames concerned",
        },
    ),
    "evaluation": EventKeys(
        "Every `--eval_freq` updates, with `--env.type`: the success of the checkpoint just written.",
        {
            "env": "the task",
            "successes": "how many episodes succeeded",
            "n": "of how many",
            "success_rate": "the one divided by the other",
            "interval": "[low, high] of the rate, exact (Clopper-Pearson)",
            "confidence": "of the interval",
            "progress_mean": "mean over the episodes of the best progress, 0 to 1",
            "protocol": "hash of everything that the number depends on",
            "seconds": "how long it took",
            "path": "the folder with a record of every episode",
        },
    ),
    "run_finished": EventKeys("When all updates are done, or the run stopped early as it was told to.", _ENDED),
    "run_interrupted": EventKeys("After Ctrl-C or SIGTERM, when a checkpoint was saved.", _ENDED),
    "run_failed": EventKeys("After an error.", _ENDED),
}
