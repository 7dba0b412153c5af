"""Several processes that train one policy: one curve, one order of samples, one end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from make_dataset import make_dataset
from runs import TINY_ACT, run, start
from understudy.core.errors import ConfigError, UnderstudyError, from_json
from understudy.train import distributed
from understudy.train.distributed import ALONE, Ranks, joined
from understudy.train.place import Place

# keypoints: the smallest policy that looks at pictures; without dropout a curve does not depend on who draws the masks
SMALL = [*TINY_ACT, "--policy.vision_backbone=keypoints", "--policy.dropout=0", "--policy.optimizer_lr=1e-4"]
SMALL += ["--dataset.eval_episodes=[2]", "--log_freq=1", "--eval_steps=0"]
STEPS = 12


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "dataset", episodes=3, frames=20)


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    return {"UNDERSTUDY_CACHE": str(tmp_path / "cache")}


def torchrun(ranks: int, *arguments: str) -> list[str]:
    """The command line of `torchrun ... -m understudy train ...` in this interpreter."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return [*launcher, "-m", "understudy", "train", *arguments]


def new_run(dataset: Path, output: Path, *arguments: str) -> list[str]:
    return [f"--dataset.repo_id={dataset}", f"--output_dir={output}", *SMALL, f"--steps={STEPS}", *arguments]


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [e for e in map(json.loads, (folder / "events.jsonl").read_text().splitlines()) if e["event"] == kind]


def curve(folder: Path) -> dict[int, float]:
    """Step -> loss; of a step that was repeated after a resume, the later one."""
    return {event["step"]: event["loss"] for event in events(folder, "step")}


def workers(launcher: subprocess.Popen[str]) -> list[psutil.Process]:
    """The ranks that a torchrun has started, by rank."""
    found = psutil.Process(launcher.pid).children()
    return sorted(found, key=lambda process: int(process.environ()["RANK"]))


def wait_for_step(process: subprocess.Popen[str], step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if f"step:{step} " in line:
            return
    raise AssertionError(f"step {step} was never logged: {process.communicate()}")


@pytest.fixture
def long_run(dataset: Path, tmp_path: Path, cache: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Two ranks in the middle of a run that takes far longer than the test."""
    command = torchrun(2, *new_run(dataset, tmp_path / "run", "--steps=100000", "--batch_size=2", "--save_freq=2"))
    process = start(command, **cache)
    wait_for_step(process, 5)
    yield process
    if process.poll() is None:
        process.kill()


# -- one process ------------------------------------------------------------------------------------------------------


def test_without_torchrun_a_process_is_alone_and_sets_up_nothing() -> None:
    with joined() as ranks:
        assert ranks is ALONE
        assert ranks.leads
        assert ranks.greatest(7) == 7
        assert ranks.any_of([True, False]) == [True, False]
        assert ranks.of_leader("x") == "x"
        ranks.check_same("dataset", "x")
        with ranks.leader_first():
            assert not torch.distributed.is_initialized()


def test_a_launcher_that_said_half_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="MASTER_ADDR"), joined():
        pass


def test_what_is_told_to_other_ranks_keeps_class_and_exit_code() -> None:
    told = from_json(json.loads(json.dumps(distributed._known(torch.OutOfMemoryError("CUDA out of memory")).to_json())))
    assert told.exit_code == 5
    fault = from_json(distributed._known(KeyError("x")).to_json())
    assert isinstance(fault, UnderstudyError)
    assert fault.exit_code == 70
    assert "KeyError" in fault.what


@pytest.mark.parametrize(("here", "refused"), [(2, None), (3, "3 ranks were started on this machine, which has 2")])
def test_each_rank_takes_a_gpu_of_its_own(here: int, refused: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(distributed, "choose_device", lambda name: torch.device("cuda", 0))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.distributed, "new_group", lambda **options: options)
    ranks = Ranks(Place(rank=1, world=here, local=1, here=here))
    if refused is None:
        assert ranks.device("cuda:0") == torch.device("cuda", 1)
        assert chosen == [torch.device("cuda", 1)]
    else:
        with pytest.raises(ConfigError, match=refused):
            ranks.device("cuda")


def test_several_ranks_on_a_device_that_cannot_exchange_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "choose_device", lambda name: torch.device("mps"))
    with pytest.raises(ConfigError, match="not on `mps`"):
        Ranks(Place(rank=0, world=2, local=0, here=2)).device(None)


# -- two processes ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--grad_accumulation_steps=2"]], ids=["plain", "accumulated"])
def test_two_ranks_have_the_curve_of_one_process_with_the_batch_of_both(
    more: list[str], dataset: Path, tmp_path: Path, cache: dict[str, str]
) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    together = run(torchrun(2, *new_run(dataset, two, "--batch_size=4", *more)), **cache)
    assert together.returncode == 0, together.stderr
    assert "batch 4 on 2 ranks = 8" in together.stdout
    assert together.stdout.count("finished 12 steps") == 1
    alone = run([sys.executable, "-m", "understudy", "train", *new_run(dataset, one, "--batch_size=8", *more)], **cache)
    assert alone.returncode == 0, alone.stderr
    assert curve(two) == pytest.approx(curve(one), rel=1e-5)
    for key in ("samples", "epochs", "grad_norm", "l1_loss", "kld_loss"):
        left, right = ([event[key] for event in events(folder, "step")] for folder in (two, one))
        assert left == pytest.approx(right, rel=1e-5), key
    assert (events(two, "run_started")[0]["world_size"], events(one, "run_started")[0]["world_size"]) == (2, 1)
    assert events(two, "run_started")[0]["config_hash"] == events(one, "run_started")[0]["config_hash"]


@pytest.mark.gpu
def test_two_gpus_have_the_curve_of_one_with_the_batch_of_both(
    dataset: Path, tmp_path: Path, cache: dict[str, str]
) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("NOT RUN: needs two CUDA devices")
    folders = [tmp_path / "two", tmp_path / "one"]
    for ranks, folder, batch in zip((2, 1), folders, (4, 8), strict=True):
        words = [word for word in new_run(dataset, folder, f"--batch_size={batch}") if "policy.device" not in word]
        done = run(torchrun(ranks, *words, "--policy.device=cuda"), **cache)
        assert done.returncode == 0, done.stderr
    assert curve(folders[0]) == pytest.approx(curve(folders[1]), rel=1e-3)


@pytest.mark.slow
def test_with_dropout_the_ranks_draw_different_masks(dataset: Path, tmp_path: Path, cache: dict[str, str]) -> None:
    folders = [tmp_path / "two", tmp_path / "one"]
    for ranks, folder, batch in zip((2, 1), folders, (4, 8), strict=True):
        words = new_run(dataset, folder, f"--batch_size={batch}", "--policy.dropout=0.5", "--steps=2")
        assert run(torchrun(ranks, *words), **cache).returncode == 0
    assert curve(folders[0])[1] != pytest.approx(curve(folders[1])[1], rel=1e-4)


@pytest.mark.slow
def test_a_run_of_two_ranks_goes_on_as_one_in_the_same_order(
    dataset: Path, tmp_path: Path, cache: dict[str, str]
) -> None:
    unbroken, output = tmp_path / "unbroken", tmp_path / "run"
    assert run(torchrun(2, *new_run(dataset, unbroken, "--batch_size=4")), **cache).returncode == 0
    process = start(torchrun(2, *new_run(dataset, output, "--batch_size=4", "--save_freq=3")), **cache)
    wait_for_step(process, 7)
    for worker in workers(process):
        worker.kill()
    process.communicate()
    alone = [sys.executable, "-m", "understudy", "train", "--resume", str(output)]
    refused = run(alone, **cache)
    assert refused.returncode == 2
    assert "batch 4 on 2 ranks = 8" in refused.stderr
    assert "--batch_size=8" in refused.stderr
    done = run([*alone, "--batch_size=8"], **cache)
    assert done.returncode == 0, done.stderr
    assert curve(output) == pytest.approx(curve(unbroken), rel=1e-5)
    assert events(output, "run_resumed")[0]["world_size"] == 1
    assert events(output, "run_resumed")[0]["config_hash"] == events(unbroken, "run_started")[0]["config_hash"]


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["launcher", "rank 1"])
def test_sigterm_ends_all_after_one_checkpoint(
    whom: str, long_run: subprocess.Popen[str], tmp_path: Path, cache: dict[str, str]
) -> None:
    if whom == "launcher":
        long_run.send_signal(signal.SIGTERM)
    else:
        workers(long_run)[1].send_signal(signal.SIGTERM)
    out, err = long_run.communicate(timeout=100)
    assert "understudy train --resume" in err, out + err
    interrupted = events(tmp_path / "run", "run_interrupted")
    last = events(tmp_path / "run", "checkpoint")[-1]
    assert len(interrupted) == 1
    assert last["reason"] == "interrupt"
    assert last["step"] == interrupted[0]["step"]
    words = ["--resume", str(tmp_path / "run"), f"--steps={last['step'] + 1}"]
    done = run(torchrun(2, *words), **cache)
    assert done.returncode == 0, done.stderr
    assert f"from step {last['step']:,} of" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_when_a_rank_is_killed_the_other_ends_with_an_error(
    rank: int, long_run: subprocess.Popen[str], tmp_path: Path
) -> None:
    alive = workers(long_run)
    alive[rank].kill()
    out, err = long_run.communicate(timeout=100)
    assert long_run.returncode != 0
    assert "SIGKILL" in err
    assert not [worker for worker in alive if worker.is_running()]
    if rank == 1:
        assert "another rank ended without a word" in err, out + err
        assert events(tmp_path / "run", "run_failed")[0]["reason"] == "ResourceError"


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all_with_exit_code_4(
    dataset: Path, tmp_path: Path, cache: dict[str, str]
) -> None:
    done = run(torchrun(2, *new_run(dataset, tmp_path / "run", "--policy.optimizer_lr=1e30")), **cache)
    assert done.returncode != 0
    assert done.stderr.count("error: the loss or its gradient was not finite") == 1
    assert "exitcode  : 4" in done.stderr
    assert len(events(tmp_path / "run", "run_failed")) == 1


@pytest.mark.slow
def test_a_full_disk_of_rank_0_ends_all(
    dataset: Path, small_disk: Callable[[int], Path], cache: dict[str, str]
) -> None:
    output = small_disk(3_000_000) / "run"
    done = run(torchrun(2, *new_run(dataset, output, "--save_freq=1", "--steps=1000")), **cache)
    assert done.returncode != 0
    assert done.stderr.count("error: the disk is full") == 1, done.stderr
    assert "exitcode  : 5" in done.stderr
    assert events(output, "checkpoint")


@pytest.mark.slow
def test_what_only_rank_0_finds_wrong_ends_the_others_too(dataset: Path, tmp_path: Path, cache: dict[str, str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    done = run(torchrun(2, *new_run(dataset, tmp_path / "run")), **cache)
    assert done.returncode != 0
    assert done.stderr.count("error: the output folder is not empty") == 1
    assert "exitcode  : 2" in done.stderr
