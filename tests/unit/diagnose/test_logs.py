from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.core.errors import DataError
from understudy.diagnose.logs.read import read_log

LEROBOT = """INFO 2025-07-16 20:15:00 ts/train.py:111 {'batch_size': 12,
 'dataset': {'repo_id': 'somebody/cubes', 'root': None},
 'eval': {'batch_size': 50, 'n_episodes': 50},
 'log_freq': 200,
 'policy': {'chunk_size': 100, 'type': 'act'},
INFO 2025-07-16 20:16:00 ts/train.py:190 cfg.steps=100000 (100K)
INFO 2025-07-16 20:16:00 ts/train.py:191 dataset.num_frames=411 (411)
INFO 2025-07-16 20:16:00 ts/train.py:192 dataset.num_episodes=1
INFO 2025-07-16 20:35:31 ts/train.py:232 step:18K smpl:211K ep:514 epch:513.87 \
loss:0.046 grdn:6.848 lr:1.0e-05 updt_s:0.048 data_s:0.010
\x1b[32mINFO\x1b[0m 2025-07-16 20:35:43 ts/train.py:232 step:18K smpl:214K ep:520 epch:519.71 \
loss:0.044 grdn:nan lr:1.0e-05 updt_s:0.048 data_s:0.013
INFO 2025-07-16 20:35:56 ts/train.py:241 Checkpoint policy after step 18000
INFO 2025-07-16 20:40:00 ts/train.py:300 End of training
"""
NEWER = """INFO 2026-06-01 10:00:00 step:2 smpl:4 ep:0 epch:0.06 loss:104.317 grdn:436.460 \
lr:1.0e-05 data_s:0.082 prep_s:0.044 updt_s:15.608 step_s:15.733 smp/s:0 l1_loss:0.954 kld_loss:10.336
"""
HOME_MADE = """\
2025-10-28 14:56:12,086 - INFO - Step 100/100000 | Loss: 55.7550 | L1: 0.7429 | KLD: 5.5012 | LR: 1.01e-06
2025-10-28 14:56:13,086 - ERROR - Training failed with error: out of luck
2025-10-28 14:57:12,086 - INFO - Step 50/100000 | Loss: 60 | LR: 1e-06
2025-10-28 14:58:12,086 - INFO - Step 100/100000 | Loss: 50.1 | LR: 1e-06
"""


# 0.6 with accelerate, several processes, a policy that is made to be fine-tuned, and held-out losses
LEROBOT_0_6 = """INFO 2026-06-01 09:59:00 ot_train.py:100 {'accelerator': {'mixed_precision': 'bf16'},
 'log_freq': 2500,
 'optimizer': {'grad_clip_norm': 10.0, 'type': 'adamw'},
 'policy': {'chunk_size': 50, 'pretrained_path': None, 'type': 'smolvla'},
 'save_freq': 20000,
INFO 2026-06-01 09:59:10 ot_train.py:200 Effective batch size: 8 x 2 = 16
INFO 2026-06-01 10:00:00 ot_train.py:400 step:2K smpl:40K ep:80 epch:4.00 loss:0.417 grdn:4.0 lr:1.0e-05 \
data_s:0.082 prep_s:0.044 updt_s:0.608 step_s:0.733 smp/s:21 mem_gb:7.31 losses_after_forward:0.417
INFO 2026-06-01 10:30:00 ot_train.py:420 step 2500: eval_loss=0.5234
INFO 2026-06-01 10:40:00 ot_train.py:400 step:5K smpl:80K ep:160 epch:8.00 loss:0.317 grdn:3.0 lr:1.0e-05 updt_s:0.6
INFO 2026-06-01 10:40:30 ot_train.py:430 step:5K smpl:80K ep:160 epch:8.00 \u2211rwrd:90.123 success:62.5 eval_s:12.300
"""
HYDRA = """INFO 2024-07-16 20:00:00 ts/train.py:133 step:20K smpl:160K ep:800 epch:8.00 loss:0.05 grdn:1.0 lr:1e-05 \
updt_s:0.1 data_s:0.002
INFO 2024-07-16 20:35:31 ts/train.py:150 step:20K smpl:160K ep:800 epch:8.00 \u2211rwrd:90.1 success:62.0% eval_s:12.3
"""


def read(folder: Path, text: str, name: str = "train.log"):  # type: ignore[no-untyped-def]
    path = folder / name
    path.write_text(text)
    return read_log(path)


def test_rounded_steps_of_lerobot_are_found_again_from_the_epochs(tmp_path: Path) -> None:
    log = read(tmp_path, LEROBOT)
    assert [event["step"] for event in log.events] == [17600, 17800]
    assert log.events[0] == {
        "event": "step",
        "step": 17600,
        "time": 1752698131.0,
        "samples": 17600 * 12,
        "episodes": 514,
        "epochs": 513.87,
        "loss": 0.046,
        "grad_norm": 6.848,
        "lr": 1e-5,
        "update_s": 0.048,
        "data_s": 0.010,
    }
    assert log.facts == {
        "batch_size": 12,
        "chunk_size": 100,
        "dataset": "somebody/cubes",
        "eval_batch_size": 50,
        "log_freq": 200,
        "policy": "act",
        "total_steps": 100000,
        "frames": 411,
        "episodes": 1,
    }
    assert (log.metric_lines, log.read_lines, log.starts, log.ends_whole) == (2, 2, 1, True)


def test_names_of_newer_versions_are_kept_as_they_are(tmp_path: Path) -> None:
    event = read(tmp_path, NEWER, "output.log").events[0]
    assert (event["l1_loss"], event["kld_loss"], event["samples_per_s"], event["prep_s"]) == (0.954, 10.336, 0, 0.044)


def test_held_out_losses_success_and_what_the_header_says_of_0_6_are_read(tmp_path: Path) -> None:
    log = read(tmp_path, LEROBOT_0_6)
    assert [(e["event"], e["step"]) for e in log.events] == [
        ("step", 2500),
        ("validation", 2500),
        ("step", 5000),
        ("evaluation", 5000),
    ]
    assert log.events[0]["memory_gb"] == 7.31 and log.events[1]["loss"] == 0.5234
    assert (log.events[3]["success_rate"], log.events[3]["sum_reward"]) == (0.625, 90.123)
    assert (
        log.facts.items()
        >= {
            "batch_size": 16,
            "grad_clip": 10.0,
            "policy": "smolvla",
            "pretrained": "",
            "precision": "bf16",
            "save_freq": 20000,
        }.items()
    )
    assert (log.read_lines, log.metric_lines) == (4, 4)


def test_success_of_2024_is_in_percent_with_its_sign(tmp_path: Path) -> None:
    log = read(tmp_path, HYDRA)
    assert [(e["event"], e.get("success_rate")) for e in log.events] == [("step", None), ("evaluation", 0.62)]


def test_a_pretrained_start_is_told_from_a_fresh_one(tmp_path: Path) -> None:
    line = "INFO x 'pretrained_path': PosixPath('lerobot/smolvla_base'), 'type': 'smolvla'\n"
    assert read(tmp_path, line + HYDRA).facts["pretrained"] == "lerobot/smolvla_base"


def test_a_log_that_nobody_may_read_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *arguments: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "train.log").write_text(HYDRA)
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match="Permission denied"):
        read_log(tmp_path / "train.log")


def test_a_counter_that_jumps_back_is_a_new_start_and_errors_are_kept(tmp_path: Path) -> None:
    log = read(tmp_path, HOME_MADE)
    assert [(event["step"], event["loss"]) for event in log.events] == [(50, 60), (100, 50.1)]
    assert log.starts == 2 and log.facts["total_steps"] == 100000 and log.metric_lines == 3
    assert log.errors == [(2, "2025-10-28 14:56:13,086 - ERROR - Training failed with error: out of luck")]


def test_a_summary_of_wandb_takes_its_facts_from_the_configuration_beside_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "batch_size:\n  value: 64\npolicy:\n  value:\n    type: act\nwandb_version: 1\n"
    )
    content = {
        "eval/pc_success": 40.0,
        "eval/eval_s": 9.5,
        "train/loss": 0.9,
        "train/steps": 1000,
        "_step": 1007,
        "loss/val": 1.1,
        "picture": {"_type": "image-file", "width": 640},
        "flag": True,
    }
    log = read(tmp_path, json.dumps(content), "wandb-summary.json")
    assert log.events == [
        {"event": "evaluation", "success_rate": 0.4, "eval_s": 9.5, "step": 1000},
        {"event": "step", "loss": 0.9, "step": 1000},
        {"event": "validation", "loss": 1.1, "step": 1000},
    ]
    assert log.facts == {"batch_size": 64, "policy": "act"}


def test_of_a_csv_export_the_longest_run_is_read(tmp_path: Path) -> None:
    table = (
        '"Step","a - train/loss","a - train/loss__MIN","b - train/loss"\n"10","1.5","1.4",""\n"20","1.2","1.1","7"\n'
    )
    log = read(tmp_path, table, "export.csv")
    assert log.events == [{"event": "step", "loss": 1.5, "step": 10}, {"event": "step", "loss": 1.2, "step": 20}]


def test_tensorboard_scalars_become_events(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        for step in (1, 2):
            writer.add_scalar("train/loss", 1.0 / step, step)
            writer.add_scalar("validation/loss", 2.0 / step, step)
    log = read_log(tmp_path)
    assert [(e["event"], e["step"], e["loss"]) for e in log.events] == [
        ("step", 1, 1.0),
        ("validation", 1, 2.0),
        ("step", 2, 0.5),
        ("validation", 2, 1.0),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train.log", b"nothing of interest\n\xff\xfe\x00", "no numbers of a training"),
        ("x.json", b"[1, 2", "cannot be read"),
        ("x.json", b"[1, 2]", "no JSON object"),
        ("x.csv", b"a,b\n1,2\n", "no column of steps"),
        ("events.out.tfevents.1", b"\x00" * 64, "event file"),
        ("empty.log", b"", "no numbers of a training"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_words(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_log(tmp_path / name)
    assert caught.value.where == str(tmp_path / name)


def test_a_folder_without_a_log_says_what_a_log_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no log was found") as caught:
        read_log(tmp_path)
    assert "TensorBoard" in str(caught.value.hint)
