"""A run that trains an adapter goes on bit for bit, is measured and told of like any other, and can be merged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from make_dataset import make_dataset
from runs import command, finished_and_gone_on
from understudy.cli.main import main
from understudy.nn.weights import read_safetensors

pytest.importorskip("peft")
SHORT = ["--policy.device=cpu", "--batch_size=4", "--precision=fp32", "--tensorboard=false", "--report=false"]
SMALL = ["--policy.type=smolvla", "--policy.preset=tiny", "--policy.from_scratch=true", "--policy.num_steps=2"]
CHUNK = ["--policy.chunk_size=5", "--policy.n_action_steps=5"]
FROZEN = ["--policy.train_expert_only=true", "--policy.freeze_vision_encoder=true"]
FILES = [
    "pretrained_model/adapter_model.safetensors",
    "pretrained_model/adapter_config.json",
    "pretrained_model/understudy.json",
    "training_state/optimizer_state.safetensors",
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tasks = ("move the block", "put the block into the box")
    folder = tmp_path_factory.mktemp("set") / "d"
    return make_dataset(folder, episodes=3, frames=12, cameras=("front", "wrist"), tasks=tasks)


def done(capsys: pytest.CaptureFixture[str], words: list[str]) -> tuple[int, str, str]:
    """Exit code and output of `understudy WORDS`, in this process: peft takes seconds to import."""
    capsys.readouterr()
    code = main(words)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture(scope="module")
def base(dataset: Path) -> Path:
    where = [f"--dataset.repo_id={dataset}", f"--output_dir={dataset.parent / 'base'}", "--steps=2"]
    assert main(["train", *where, *SMALL, *CHUNK, *FROZEN, *SHORT]) == 0
    return dataset.parent / "base"


def train(dataset: Path, base: Path, *options: str) -> list[str]:
    where = [f"--dataset.repo_id={dataset}", f"--policy.path={base}", "--dataset.eval_episodes=[2]"]
    return ["train", *where, *SHORT, *options]


@pytest.mark.parametrize(
    ("options", "cache"),
    [
        ([], "memory"),
        pytest.param(
            ['--peft.target_modules=["q_proj", "v_proj"]', "--peft.init_type=pissa"], "auto", marks=pytest.mark.slow
        ),
    ],
    ids=["beside the expert", "everywhere"],
)
def test_going_on_from_a_checkpoint_gives_the_same_adapter_bit_for_bit(
    options: list[str], cache: str, dataset: Path, base: Path, tmp_path: Path
) -> None:
    words = train(dataset, base, "--peft.r=4", f"--prefix_cache={cache}", *options)
    first, again, told = finished_and_gone_on(command(*words), tmp_path)
    assert ("looked at 36 frames" in told) == (cache == "memory")
    assert ("the vision tower is trained" in told) == (cache == "auto")
    for name in FILES:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
    trained = read_safetensors(first / FILES[0])
    assert all(bool(tensor.any()) for name, tensor in trained.items() if "lm_expert" in name and "lora_B" in name)


def test_everything_that_takes_a_checkpoint_takes_an_adapter_s_and_a_merged_one(
    dataset: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [f"--output_dir={tmp_path / 'run'}", "--steps=3"]
    assert main(train(dataset, base, "--peft.method_type=lora", *where)) == 0
    checkpoint = tmp_path / "run/checkpoints/last/pretrained_model"
    assert json.loads((checkpoint / "train_config.json").read_text())["peft"]["method_type"] == "LORA"
    for verb, *names in (["inspect", "run"], ["doctor", "run"], ["report", "run"], ["merge", "run", "merged"]):
        code, _, error = done(capsys, [verb, *(str(tmp_path / name) for name in names)])
        assert code == 0 or (verb == "doctor" and code == 1), error
    errors = []
    for place in ("run", "merged"):
        what = [f"--policy.path={tmp_path / place}", f"--dataset.repo_id={dataset}", "--dataset.episodes=[2]", "--json"]
        code, out, error = done(capsys, ["eval", *what, f"--output_dir={tmp_path / 'of' / place}"])
        assert code == 0, error
        errors.append(json.loads(out)["action_mae_mean"])
    assert errors[0] == errors[1]
    # a new adapter and whole weights begin at the merged ones, and a run goes on with the adapter that there is
    kept = []
    for number, (start, *options) in enumerate((["merged", "--peft.r=2"], ["merged"], ["run"])):
        output = tmp_path / str(number)
        code, _, error = done(capsys, train(dataset, tmp_path / start, *options, f"--output_dir={output}", "--steps=1"))
        assert code == 0, error
        kept.append((output / "checkpoints/last/pretrained_model/model.safetensors").exists())
    assert kept == [False, True, False]


@pytest.mark.parametrize(
    ("start", "options", "words"),
    [
        ("run", ["--peft.r=4"], "this checkpoint holds an adapter itself"),
        ("run", ["--policy.use_peft=false"], "the checkpoint holds an adapter"),
        ("base", ["--policy.use_peft=true"], "this one holds none"),
        ("base", ['--peft.target_modules=["nothing"]'], "Target modules {'nothing'} not found"),
        (
            "base",
            ["--peft.target_modules=all-linear", "--prefix_cache=features"],
            "nothing can be kept: the vision tower",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_a_run_folder_is_made(
    start: str,
    options: list[str],
    words: str,
    dataset: Path,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = base
    if start == "run":
        source = tmp_path / "run"
        assert main(train(dataset, base, "--peft.r=2", f"--output_dir={source}", "--steps=1")) == 0
    code, _, error = done(capsys, train(dataset, source, *options, f"--output_dir={tmp_path / 'refused'}", "--steps=1"))
    assert code == 2 and words in error, error
    assert not (tmp_path / "refused").exists()
