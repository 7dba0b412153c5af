"""A run of LeRobot 0.4.4 goes on here, and a run of ours goes on there: weights, optimiser state and step are read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import TINY_ACT, command, run
from understudy.core.events import read_events

BIN = Path(__file__).resolve().parents[2] / ".venv-lerobot" / "bin"
HERE = Path(__file__).parent
SMOLVLA = [
    "--policy.type=smolvla",
    "--policy.device=cpu",
    f"--policy.vlm_model_name={HERE / 'smolvla_lerobot_0_4_4' / 'vlm'}",
    "--policy.num_vlm_layers=4",
    "--policy.chunk_size=8",
    "--policy.n_action_steps=8",
    "--policy.resize_imgs_with_padding=[64, 64]",
    "--batch_size=4",
    "--precision=fp32",
    "--tensorboard=false",
    "--report=false",
]
OPTIONS = {"act": TINY_ACT, "smolvla": SMOLVLA}
# what LeRobot does not have
OURS = ("--tensorboard", "--precision", "--report")
LEROBOTS_OWN = ["--policy.push_to_hub=false", "--dataset.video_backend=pyav", "--wandb.enable=false", "--num_workers=0"]


def lerobot_train(policy: str, *arguments: str) -> str:
    """Run lerobot-train; what it logged."""
    offline = [BIN / "python", HERE / "lerobot_train_offline.py"]
    program = {"act": [BIN / "lerobot-train"], "smolvla": offline}[policy]
    done = subprocess.run(
        [*map(str, program), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("policy", OPTIONS)
def test_runs_go_on_in_the_other_program(policy: str, tmp_path: Path) -> None:
    if not (BIN.parent / "complete").exists():
        pytest.skip("NOT RUN: needs LeRobot's environment; make it with tests/parity/lerobot_env.sh")
    data = make_dataset(tmp_path / "data")
    where = ["--dataset.repo_id=local/data", f"--dataset.root={data}"]

    theirs = tmp_path / "theirs"
    common = [option for option in OPTIONS[policy] if not option.startswith(OURS)]
    lerobot_train(policy, *common, *LEROBOTS_OWN, *where, f"--output_dir={theirs}", "--steps=4", "--save_freq=4")
    done = run(command("train", "--resume", str(theirs), "--steps=6", "--log_freq=1", "--tensorboard=false"))
    assert done.returncode == 0, done.stderr
    assert "from step 4 of 6" in done.stdout
    assert [event["step"] for event in read_events(theirs / "events.jsonl") if event["event"] == "step"] == [5, 6]

    ours = tmp_path / "ours"
    meant = ["--policy.from_scratch=true"] if policy == "smolvla" else []
    done = run(command("train", *OPTIONS[policy], *meant, *where, f"--output_dir={ours}", "--steps=4"))
    assert done.returncode == 0, done.stderr
    config = ours / "checkpoints/last/pretrained_model/train_config.json"
    changed = ["--steps=6", "--log_freq=1", "--dataset.video_backend=pyav", "--num_workers=0"]
    logged = lerobot_train(policy, f"--config_path={config}", "--resume=true", *changed)
    assert "step:5 " in logged
    assert "step:6 " in logged
    assert "step:4 " not in logged
    assert (ours / "checkpoints/000006/pretrained_model/model.safetensors").exists()
