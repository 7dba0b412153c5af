"""A whole evaluation in simulation: the same records whatever happens on the way, and refusals before any work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import toy_env
from understudy.core.errors import ConfigError, DiskFull, Interrupted
from understudy.core.run_folder import RunFolder
from understudy.envs.catalogue import EnvConfig
from understudy.evaluate.records import read_evaluation
from understudy.evaluate.simulation import run as simulation
from understudy.evaluate.simulation.config import EvalConfig, PolicyOptions
from understudy.evaluate.simulation.result import SimulationResult


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy_env.in_workers(monkeypatch)
    monkeypatch.chdir(tmp_path)


def evaluate(
    folder: Path | None, task: str = "toy/reach", policy: Any = "expert", n: int = 8, seed: int = 40, **options: Any
) -> SimulationResult:
    chosen = PolicyOptions(type=policy) if isinstance(policy, str) else policy
    resume = options.pop("resume", False)
    config = EvalConfig(n_episodes=n, **options)
    return simulation.evaluate_in_simulation(
        chosen, EnvConfig(type=task), config, seed=seed, folder=folder, resume=resume
    )


def unmeasured(folder: Path) -> str:
    """episodes.jsonl with what was measured cut off each line."""
    return "\n".join(line.partition('"measured"')[0] for line in (folder / "episodes.jsonl").read_text().splitlines())


@pytest.mark.parametrize("who", ["expert", "random"])
def test_one_worker_or_three_leave_the_same_records(tmp_path: Path, who: str) -> None:
    one = evaluate(tmp_path / "one", "toy/raises", who, workers=1)
    three = evaluate(tmp_path / "three", "toy/raises", who, workers=3)
    assert unmeasured(tmp_path / "one") == unmeasured(tmp_path / "three")
    assert one.protocol["hash"] == three.protocol["hash"]
    assert one.n == 8


@pytest.mark.slow
def test_a_policy_does_the_same_in_one_worker_or_three_and_when_resumed(tmp_path: Path) -> None:
    policy = PolicyOptions(path=str(toy_env.toy_policy(tmp_path / "policy")))
    evaluate(tmp_path / "one", policy=policy, workers=1)
    evaluate(tmp_path / "three", policy=policy, workers=3)
    assert unmeasured(tmp_path / "one") == unmeasured(tmp_path / "three")
    lines = (tmp_path / "one/episodes.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "half").mkdir()
    (tmp_path / "half/protocol.json").write_text((tmp_path / "one/protocol.json").read_text())
    (tmp_path / "half/journal.jsonl").write_text("".join([lines[5], lines[1], lines[2][:30]]))
    evaluate(tmp_path / "half", policy=policy, workers=2, resume=True)
    assert unmeasured(tmp_path / "half") == unmeasured(tmp_path / "one")


def test_the_files_hold_what_the_result_says(tmp_path: Path) -> None:
    result = evaluate(tmp_path / "e")
    assert (result.successes, result.n) == (8, 8)
    # 8 of 8: the lower bound is the 8th root of 0.025
    assert result.interval.low == pytest.approx(0.025 ** (1 / 8), abs=1e-12)
    summary = json.loads((tmp_path / "e/summary.json").read_text())
    assert summary == json.loads(json.dumps(result.to_json()))
    stored = read_evaluation(tmp_path / "e")
    assert (stored.policy, stored.successes, stored.protocol) == ("expert", 8, result.protocol)
    assert [episode.seed for episode in stored.episodes] == list(range(40, 48))


def test_an_episode_that_raises_fails_alone_with_its_reason(tmp_path: Path) -> None:
    result = evaluate(tmp_path / "e", "toy/raises")
    bad = [episode for episode in result.episodes if not episode.success]
    assert [(episode.seed, episode.reason.rpartition(": ")[2]) for episode in bad] == [(43, "the gears are stuck")]
    assert result.successes == 7


def test_an_episode_that_hangs_is_ended_and_fails_alone(tmp_path: Path) -> None:
    result = evaluate(tmp_path / "e", "toy/hangs", timeout_s=3, workers=1, n=5)
    assert result.episodes[3].reason == "no answer within 3 s"
    assert result.successes == 4


def test_an_episode_in_which_the_process_dies_fails_alone(tmp_path: Path) -> None:
    result = evaluate(tmp_path / "e", "toy/dies", workers=1, n=5)
    assert result.reasons() == {"success": 4, "the process died (exit code 9)": 1}


@pytest.mark.slow
def test_a_killed_evaluation_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    evaluate(tmp_path / "whole", "toy/hangs", n=3)
    code = (
        "import toy_env, pytest; from pathlib import Path\n"
        "from understudy.envs.catalogue import EnvConfig\n"
        "from understudy.evaluate.simulation.config import EvalConfig, PolicyOptions\n"
        "from understudy.evaluate.simulation.run import evaluate_in_simulation\n"
        "patch = pytest.MonkeyPatch(); toy_env.in_workers(patch)\n"
        "evaluate_in_simulation(PolicyOptions(type='expert'), EnvConfig(type='toy/hangs'), "
        f"EvalConfig(n_episodes=4, workers=1), seed=40, folder=Path({str(tmp_path / 'e')!r}))\n"
    )
    path = os.pathsep.join([str(Path(toy_env.__file__).parent), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path})
    journal = tmp_path / "e/journal.jsonl"
    # seed 43 hangs, so it stops there for certain
    while not (journal.exists() and journal.read_text().count("\n") == 3):
        assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    # with a hang of its own, seed 43 costs the time limit; the first three are not run again
    result = evaluate(tmp_path / "e", "toy/hangs", n=4, resume=True, timeout_s=4)
    assert result.successes == 3
    whole, resumed = unmeasured(tmp_path / "whole").splitlines(), unmeasured(tmp_path / "e").splitlines()
    assert resumed[:3] == whole


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    evaluate(tmp_path / "e", n=4)
    before = (tmp_path / "e/episodes.jsonl").read_bytes()
    evaluate(tmp_path / "e", n=4, resume=True)
    assert (tmp_path / "e/episodes.jsonl").read_bytes() == before


def test_the_folder_of_another_evaluation_is_refused_with_what_differs(tmp_path: Path) -> None:
    evaluate(tmp_path / "e", n=2)
    with pytest.raises(ConfigError, match="n: there 2, asked for 3"):
        evaluate(tmp_path / "e", n=3, resume=True)
    with pytest.raises(ConfigError, match=r"policy: there expert .* asked for hold"):
        evaluate(tmp_path / "e", policy="hold", n=2, resume=True)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = simulation.run_in_workers

    def interrupted(*given: Any, **options: Any) -> Any:
        for number, answer in enumerate(original(*given, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield answer

    monkeypatch.setattr(simulation, "run_in_workers", interrupted)
    with pytest.raises(Interrupted, match="3 of 8") as caught:
        evaluate(tmp_path / "e")
    assert caught.value.exit_code == 130
    assert "--resume=true" in str(caught.value.hint)
    monkeypatch.setattr(simulation, "run_in_workers", original)
    assert evaluate(tmp_path / "e", resume=True).n == 8


def test_a_full_disk_loses_no_finished_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = os.write, []

    def full(descriptor: int, content: bytes) -> int:
        if b'"instruction"' in bytes(content):
            calls.append(1)
            if len(calls) > 2:
                # half a line gets there before the disk is full
                original(descriptor, bytes(content)[:10])
                raise OSError(28, "No space left on device")
        return original(descriptor, content)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskFull):
        evaluate(tmp_path / "e", workers=1)
    monkeypatch.setattr(os, "write", original)
    assert (tmp_path / "e/journal.jsonl").read_text().count("\n") == 2
    assert evaluate(tmp_path / "e", resume=True).n == 8


def test_videos_show_the_first_episodes_and_the_first_failures(tmp_path: Path) -> None:
    import av

    evaluate(tmp_path / "e", "toy/reach", "random", videos=2, n=4)
    names = sorted(path.name for path in (tmp_path / "e/videos").iterdir())
    assert names[0].startswith("40-")
    assert names[1].startswith("41-")
    first = read_evaluation(tmp_path / "e").episodes[0]
    with av.open(str(tmp_path / "e/videos" / names[0])) as video:
        frames = sum(1 for _ in video.decode(video=0))
    # every state, and one second of the last
    assert frames == first.steps + 1 + 10
    longest = max(episode.steps for episode in read_evaluation(tmp_path / "e").episodes)
    with av.open(str(tmp_path / "e/episodes.mp4")) as video:
        grid = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(grid) <= longest + 1 + 10
    assert grid[0].shape == (284, 640, 3) if len(names) == 2 else (568, 640, 3)
    assert (tmp_path / "e/failures.png").exists()
    assert not (tmp_path / "e/.last_frames").exists()


def test_nothing_of_the_name_to_blank_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean `cameras`"):
        evaluate(tmp_path / "e", blank="camera")
    assert not (tmp_path / "e").exists()


def test_an_unknown_task_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean `toy/reach`"):
        evaluate(tmp_path / "e", "toy/reech")


def trained_on(root: Path, run: Path, task: str) -> RunFolder:
    """A run whose dataset was recorded in `task` from the seeds 42 and 50."""
    (root / "meta").mkdir(parents=True)
    recording = {name: {} for name in ("task", "actor", "disturbance", "packages")}
    recording |= {"env": {"type": task}, "seeds": [42, 50], "attempts": []}
    (root / "meta/recording.json").write_text(json.dumps(recording))
    run.mkdir()
    (run / "train_config.json").write_text(json.dumps({"dataset": {"repo_id": "local/x", "root": str(root)}}))
    return RunFolder(run)


def test_seeds_that_were_trained_on_are_refused_by_name(tmp_path: Path) -> None:
    home = trained_on(tmp_path / "set", tmp_path / "run", "toy/reach")
    toy_env.toy_policy(home.checkpoint(5, 5) / "pretrained_model")
    policy = PolicyOptions(path=str(home.path))
    with pytest.raises(ConfigError, match=r"1 of 8 episodes .* seeds 42"):
        evaluate(None, policy=policy)
    assert not home.eval.exists()
    env = EnvConfig(type="toy/reach")
    simulation.plan(policy, env, EvalConfig(n_episodes=8, allow_training_seeds=True), seed=40)
    simulation.plan(policy, env, EvalConfig(n_episodes=8), seed=51)
    simulation.plan(policy, EnvConfig(type="toy/raises"), EvalConfig(n_episodes=8), seed=40)


def test_a_policy_of_another_robot_is_shown_in_two_columns(tmp_path: Path) -> None:
    policy = PolicyOptions(path=str(toy_env.toy_policy(tmp_path / "policy")))
    with pytest.raises(ConfigError, match="the policy wants"):
        simulation.plan(policy, EnvConfig(type="toy/reach", width=64), EvalConfig(), seed=40)


def test_the_pictures_have_the_size_that_the_policy_was_trained_on(tmp_path: Path) -> None:
    policy = PolicyOptions(path=str(toy_env.toy_policy(tmp_path / "policy", width=48, height=32)))
    planned = simulation.plan(policy, EnvConfig(type="toy/reach"), EvalConfig(), seed=40)
    assert (planned.setup["env"]["width"], planned.setup["env"]["height"]) == (48, 32)
    other = simulation.plan(PolicyOptions(type="hold"), EnvConfig(type="toy/reach"), EvalConfig(), seed=40)
    # what a policy sees is its own affair: the terms are equal but for how predictions are executed
    differing = {key for key in planned.protocol if planned.protocol[key] != other.protocol[key]}
    assert differing == {"n_action_steps", "hash"}


def test_how_predictions_are_executed_is_part_of_the_protocol(tmp_path: Path) -> None:
    path = str(toy_env.toy_policy(tmp_path / "policy"))
    env, config = EnvConfig(type="toy/reach"), EvalConfig()
    plain = simulation.plan(PolicyOptions(path=path), env, config, seed=40)
    short = simulation.plan(PolicyOptions(path=path, n_action_steps=2), env, config, seed=40)
    smooth = simulation.plan(PolicyOptions(path=path, temporal_ensemble_coeff=0.01), env, config, seed=40)
    assert (plain.protocol["n_action_steps"], short.protocol["n_action_steps"]) == (5, 2)
    assert (smooth.protocol["n_action_steps"], smooth.protocol["temporal_ensemble_coeff"]) == (1, 0.01)
    assert len({p.protocol["hash"] for p in (plain, short, smooth)}) == 3
    with pytest.raises(ConfigError, match="cannot exceed chunk_size"):
        simulation.plan(PolicyOptions(path=path, n_action_steps=6), env, config, seed=40)
