from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import toy_env
from make_dataset import make_dataset
from runs import TINY_ACT
from understudy.cli.main import main
from understudy.core import log


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, `set`, and a finished run on it, `run`, that held episodes 1 and 4 out."""
    folder = tmp_path_factory.mktemp("eval")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDERSTUDY_CACHE", str(folder / "cache"))
        make_dataset(folder / "set", episodes=5, frames=8, fps=10)
        where = [f"--dataset.repo_id={folder / 'set'}", f"--output_dir={folder / 'run'}"]
        code = main(["train", *where, *TINY_ACT, "--steps=2", "--dataset.eval_episodes=[1, 4]"])
    assert code == 0
    return folder


@pytest.fixture(autouse=True)
def stdout_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """--json keeps stdout for its document until the process ends, and all tests share one process."""
    monkeypatch.setattr(log, "_to_stderr", False)


def arguments(home: Path, *more: str) -> list[str]:
    return ["eval", f"--policy.path={home / 'run'}", f"--dataset.repo_id={home / 'set'}", "--policy.device=cpu", *more]


def test_the_episodes_that_the_run_held_out_are_evaluated(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(home, "--json")) == 0
    out = capsys.readouterr().out
    document = json.loads(out)
    assert document["episodes"] == [1, 4]
    assert document["frames"] == 14
    assert set(document["action_mae"]) == {f"joint_{i}.pos" for i in range(6)}
    assert set(document["baselines"]) == {"hold", "mean", "nearest"}
    assert set(document["probes"]) == {"cameras_blank", "cameras_shuffled", "state_blank", "state_shuffled"}
    assert document["probe_frames"] == 14
    assert document["horizon_choice"]["episodes"] == [1, 4]
    assert document["absent"] == {}


def test_the_result_is_left_in_the_run_folder_with_pictures(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(home)) == 0
    said = capsys.readouterr().out
    assert "n = 14 frames" in said
    newest = max((home / "run/eval").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    assert newest.name.startswith("heldout-000002")
    assert str(newest) in said
    assert json.loads((newest / "summary.json").read_text())["episodes"] == [1, 4]
    assert (home / "run/plots/actions_predicted.png").exists()
    assert (home / "run/plots/overall_loss.png").exists()


def test_a_second_evaluation_leaves_the_first_alone(home: Path) -> None:
    before = {folder.name for folder in (home / "run/eval").glob("*")}
    assert main(arguments(home, "--max_frames=3")) == 0
    assert len({folder.name for folder in (home / "run/eval").glob("*")} - before) == 1


def test_probes_can_be_left_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(home, "--probe_frames=0", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["probes"] == {}


def test_an_output_folder_takes_result_and_pictures(home: Path, tmp_path: Path) -> None:
    assert main(arguments(home, f"--output_dir={tmp_path / 'here'}")) == 0
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"summary.json", "predictions.npz", "plots"}


def test_an_output_folder_that_exists_is_refused_before_any_work(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(home, f"--output_dir={tmp_path}")) == 2
    assert "there already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_policy_outside_its_run_needs_the_episodes_to_be_named(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = shutil.copytree(home / "run/checkpoints/last/pretrained_model", tmp_path / "policy")
    command = ["eval", f"--policy.path={policy}", f"--dataset.repo_id={home / 'set'}", "--policy.device=cpu"]
    assert main(command) == 2
    assert "--dataset.episodes=all" in capsys.readouterr().err
    assert main([*command, "--dataset.episodes=all", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["episodes"] == [0, 1, 2, 3, 4]
    assert document["path"] is None
    assert "run folder" in document["absent"]["nearest"]
    assert "validation" in document["absent"]["horizon_choice"]


def test_training_episodes_may_be_measured_with_a_warning(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(home, "--dataset.episodes=[0, 1]", "--json")) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["episodes"] == [0, 1]
    assert "1 of 2 episodes were trained on" in said.err


def test_an_episode_that_is_not_there_is_bad_input(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(home, "--dataset.episodes=[99]")) in (2, 3)
    assert "99" in capsys.readouterr().err


def test_a_dataset_of_another_robot_is_shown_in_two_columns(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_dataset(tmp_path / "other", episodes=1, frames=3, action_dim=4, cameras=("wrist",))
    command = ["eval", f"--policy.path={home / 'run'}", f"--dataset.repo_id={other}", "--dataset.episodes=all"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "the policy wants" in said
    assert "action 4" in said


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy_env.in_workers(monkeypatch)
    monkeypatch.chdir(tmp_path)


SIMULATED = ["eval", "--env.type=toy/reach", "--eval.n_episodes=3", "--eval.workers=1"]


def test_success_in_simulation_is_one_json_document(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SIMULATED, "--policy.type=expert", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["policy"], document["env"]) == ("expert", "toy/reach")
    assert (document["successes"], document["n"], document["success_rate"]) == (3, 3, 1.0)
    assert document["interval"] == pytest.approx([0.025 ** (1 / 3), 1.0])
    assert (document["confidence"], document["method"]) == (0.95, "Clopper-Pearson")
    assert document["protocol"]["seeds"] == {"first": 1_000_000, "count": 3}
    assert len(document["protocol"]["hash"]) == 64
    assert document["progress_mean"] == 1.0
    assert document["latency_s"] is None
    assert json.loads((Path(document["path"]) / "summary.json").read_text()) == document


def test_every_rate_is_printed_with_its_n_and_interval(toy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SIMULATED, "--policy.type=hold", "--confidence=0.9", "--output_dir=here"]) == 0
    said = capsys.readouterr().out
    assert "0 of 3 = 0%, 90 % interval 0.0 to 63.2 % (exact, Clopper-Pearson)" in said
    assert "time limit 3" in said
    assert "result in here" in said


def test_a_second_evaluation_in_simulation_leaves_the_first_alone(toy: None) -> None:
    for _ in range(2):
        assert main([*SIMULATED, "--policy.type=expert"]) == 0
    assert {path.name for path in Path("outputs/eval").iterdir()} == {"toy-reach-expert", "toy-reach-expert-2"}
    assert main([*SIMULATED, "--policy.type=expert", "--resume=true"]) == 0
    assert len(list(Path("outputs/eval").iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy.type=expert", "--env.type=toy/reech"], "did you mean `toy/reach`"),
        (["--policy.type=expert", "--env.type=toy/reach", "--eval.n_episodes=0"], "at least 1"),
        (["--policy.type=expert", "--env.type=toy/reach", "--dataset.repo_id=x"], "two evaluations"),
        (["--policy.type=expert"], "evaluate where?"),
        (["--env.type=toy/reach"], "which policy?"),
        (["--policy.type=expert", "--env.type=toy/reach", "--max_frames=3"], "--max_frames: only"),
        (["--policy.path=x", "--dataset.repo_id=x", "--eval.videos=3"], "--eval: only"),
        (["--policy.path=x", "--dataset.repo_id=x", "--policy.n_action_steps=3"], "--policy.n_action_steps: only"),
        (["--policy.type=expert", "--env.type=toy/reach", "--eval.use_async_envs=true"], "processes of their own"),
        (["--policy.type=expert", "--env.type=toy/reach", "--env.task=Lift-v0"], "part of its name"),
        (["--policy.type=expert", "--env.type=toy/reach", "--eval.workers=4", "--eval.batch_size=2"], "is more than"),
        (["--policy.type=expert", "--env.type=toy/reach", "--seed=2147483647"], "seeds end at"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_before_any_work(
    toy: None, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", *words]) == 2
    assert told in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_checkpoint_that_is_not_there_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--policy.path=/nowhere/at/all", f"--dataset.repo_id={home / 'set'}"]) == 3
    assert "/nowhere/at/all" in capsys.readouterr().err
