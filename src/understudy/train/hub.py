"""Pushing the finished policy to the Hub: only when `--policy.repo_id` asks for it, checked before training starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.core import log
from understudy.core.errors import ConfigError

from .place import batch_words

if TYPE_CHECKING:
    from .config import TrainConfig


def wants_push(config: TrainConfig) -> bool:
    """Whether the finished policy goes to the Hub."""
    return bool(config.policy.push_to_hub and config.policy.repo_id)


def check_credentials(config: TrainConfig) -> None:
    """A push that could not work for want of a login is refused before the training, not after it."""
    if not wants_push(config):
        return
    if not config.save_checkpoint:
        raise ConfigError(
            f"the finished policy is to be pushed to {config.policy.repo_id}, but --save_checkpoint=false saves none",
            where="--policy.repo_id",
            hint="drop one of the two flags",
        )
    from huggingface_hub import get_token

    if not get_token():
        raise ConfigError(
            f"the finished policy is to be pushed to {config.policy.repo_id}, but nobody is logged in to the Hub",
            where="--policy.repo_id",
            hint="log in with `hf auth login`, or drop the flag and push later",
        )


def push(config: TrainConfig, pretrained: Path, world: int = 1) -> None:
    """Upload a `pretrained_model` folder as LeRobot does: its content at the repository's root, with a model card.

    A failure is a warning that names the command which repeats the push: the policy itself is safe on the disk.
    """
    repo_id = str(config.policy.repo_id)
    (pretrained / "README.md").write_text(model_card(config, world))
    try:
        from huggingface_hub import HfApi

        api = HfApi()
        api.create_repo(repo_id, private=config.policy.private, exist_ok=True)
        api.upload_folder(repo_id=repo_id, folder_path=str(pretrained), commit_message="Upload policy weights")
    except Exception as error:  # any fault of the network or the Hub; the run itself has succeeded
        reason = str(error).strip().splitlines()
        log.warn(
            f"the push to {repo_id} failed ({reason[0] if reason else type(error).__name__}); "
            f"repeat it with: hf upload {repo_id} {pretrained}"
        )
        return
    log.say(f"pushed to {repo_id}")


def model_card(config: TrainConfig, world: int = 1) -> str:
    """The repository's README.md, with the front matter by which the Hub sorts models; `world` ranks trained it."""
    policy = config.policy
    tags = sorted({"robotics", "lerobot", policy.type, *(policy.tags or [])})
    lines = ["---", "library_name: lerobot", f"license: {policy.license or 'apache-2.0'}", "pipeline_tag: robotics"]
    names = config.dataset.repo_ids
    lines += [f"datasets: {names[0]}"] if len(names) == 1 else ["datasets:", *(f"- {name}" for name in names)]
    lines += [f"model_name: {policy.type}", "tags:"]
    lines += [f"- {tag}" for tag in tags]
    lines += ["---", "", f"# {policy.type} trained on {config.dataset.repo_id}", ""]
    lines += [
        f"{config.steps:,} updates of {batch_words(config.batch_size, world)}, seed {config.seed}, "
        "trained with Understudy.",
        "",
    ]
    lines += ["Runs in LeRobot:", "", "    lerobot-record --policy.path=" + str(policy.repo_id) + " ...", ""]
    return "\n".join(lines)
