"""understudy report: of a run, of somebody else's log, of several runs; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_run import evaluation_summary, started, step, validation, write_events
from make_evaluation import write_evaluation
from understudy.cli.report import run
from understudy.core import log
from understudy.core.errors import ConfigError, DataError
from understudy.core.run_folder import RunFolder

LINE = "INFO 2025-07-16 20:{i:02d}:31 ts/train.py:232 step:{step} loss:{loss} lr:1.0e-05 updt_s:0.05 data_s:0.2\n"


@pytest.fixture(autouse=True)
def on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_to_stderr", False)


def make_run(folder: Path, *, seed: int = 0, factor: float = 1.0) -> RunFolder:
    made = RunFolder(folder)
    steps = [step(number, 500) for number in range(10, 501, 10)]
    steps = [{**event, "loss": event["loss"] * factor} for event in steps]
    write_events(made, [started(version="0.1.0"), *steps, validation(250, 500), validation(500, 500)])
    config = {"policy": {"type": "act", "use_vae": False}, "dataset": {"repo_id": "somebody/banana"}, "seed": seed}
    made.config.write_text(json.dumps(config))
    return made


def test_a_run_gets_its_page_in_both_forms_with_findings_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path / "cube", seed=5)
    assert run([str(made.path), "--json"]) == 0
    paths = json.loads(capsys.readouterr().out)
    page, html = Path(paths["path"]).read_text(), Path(paths["html"]).read_text()
    assert "## What the doctor says" in page and "| `policy.use_vae` | false | true |" in page
    assert "| `seed` | 5 | 1000 |" in page
    assert "data:image/png;base64" in html and 'src="plots' not in html
    assert (made.plots / "overall_loss.png").exists()


def test_what_the_source_says_the_page_says(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b", factor=2.0)
    pages = []
    for made in (first, second):
        run([str(made.path)])
        pages.append((made.path / "report.md").read_text())
    lines = [next(line for line in page.splitlines() if line.startswith("| 450 to 500")) for page in pages]
    losses = [float(line.split("|")[2]) for line in lines]
    assert losses[1] == pytest.approx(2 * losses[0], rel=0.01)


def test_a_log_of_lerobot_becomes_a_page_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(LINE.format(i=i, step=100 * i, loss=1 / i) for i in range(1, 31)))
    assert run([str(path), f"--output_dir={tmp_path / 'page'}"]) == 0
    page = (tmp_path / "page/report.md").read_text()
    assert "80% of a step is spent waiting for data" in page and "told by: another program" in page
    assert "How to make it again" not in page and "None" not in page


def test_runs_side_by_side_tell_what_differs(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a/seed", seed=1).path, make_run(tmp_path / "b/seed", seed=2).path]
    assert run([f"--compare=[{runs[0]}, {runs[1]}]", f"--output_dir={tmp_path / 'both'}"]) == 0
    page = (tmp_path / "both/report.md").read_text()
    assert "| option | a/seed | b/seed |" in page and "| `seed` | 1 | 2 |" in page and "`policy.use_vae`" not in page
    assert (
        "| a/seed | still going on, or killed | 500 |" in page and (tmp_path / "both/plots/overall_loss.png").exists()
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a run"),
        (["GONE"], "no such file"),
        (["RUN", "--compare=[RUN]", "--output_dir=NEW"], "named twice"),
        (["LOG"], "no files of ours"),
        (["RUN", "--output_dir=NEW"], "stands in its own folder"),
        (["--compare=[RUN]", "--output_dir=NEW"], "two runs or more"),
        (["--compare=[RUN, RUN]"], "needs a folder"),
        (["--compare=[RUN, RUN]", "--output_dir=NEW"], "named twice"),
        (["LOG", "--output_dir=RUN"], "there already"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(words: list[str], said: str, tmp_path: Path) -> None:
    made, path = make_run(tmp_path / "cube"), tmp_path / "train.log"
    path.write_text(LINE.format(i=1, step=100, loss=1))
    for name, place in (("RUN", made.path), ("LOG", path), ("NEW", tmp_path / "new"), ("GONE", tmp_path / "gone")):
        words = [word.replace(name, str(place)) for word in words]
    with pytest.raises(ConfigError, match=said):
        run(words)
    assert not (tmp_path / "new").exists() and not (made.path / "report.md").exists()


def test_a_file_without_numbers_leaves_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("nothing\n")
    with pytest.raises(DataError):
        run([str(path), f"--output_dir={tmp_path / 'page'}"])
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("words", [["--compare", "A", "B", "LOG"], ["A", "B", "LOG"], ["--compare=[A, B]", "LOG"]])
def test_runs_to_compare_are_named_in_any_of_three_ways(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(LINE.format(i=i, step=100 * i, loss=1 / i) for i in range(1, 31)))
    for name, place in (("A", make_run(tmp_path / "a").path), ("B", make_run(tmp_path / "b").path), ("LOG", path)):
        words = [word.replace(name, str(place)) for word in words]
    assert run([*words, f"--output_dir={tmp_path / 'all'}"]) == 0
    page = (tmp_path / "all/report.md").read_text()
    assert page.startswith("# 3 runs side by side")
    assert "| train.log | as far as the log tells | 3,000 |" in page


def test_a_group_that_is_on_in_one_run_and_off_in_the_other_differs(tmp_path: Path) -> None:
    made = [make_run(tmp_path / name) for name in "ab"]
    for each, env in zip(made, (None, {"type": "so101/lift"}), strict=True):
        each.config.write_text(json.dumps(json.loads(each.config.read_text()) | {"env": env}))
    assert run([*(str(each.path) for each in made), f"--output_dir={tmp_path / 'both'}"]) == 0
    assert '| `env.type` | null | "so101/lift" |' in (tmp_path / "both/report.md").read_text()


def test_unequal_protocols_are_not_paired_and_the_page_says_why(tmp_path: Path) -> None:
    made = [make_run(tmp_path / name) for name in "ab"]
    for number, each in enumerate(made):
        folder = write_evaluation(each.eval / "lift-000500", [1, 0, 1], horizon=90 + number)
        (folder / "summary.json").write_text(json.dumps(evaluation_summary()))
    assert run([*(str(each.path) for each in made), f"--output_dir={tmp_path / 'both'}"]) == 0
    page = (tmp_path / "both/report.md").read_text()
    assert "not compared in pairs: the evaluations followed unequal protocols" in page and "horizon" in page


def test_a_dozen_runs_get_a_dozen_different_lines(tmp_path: Path) -> None:
    paths = [str(make_run(tmp_path / f"seed-{seed}", seed=seed).path) for seed in range(12)]
    assert run([*paths, f"--output_dir={tmp_path / 'all'}"]) == 0
    page = (tmp_path / "all/report.md").read_text()
    # with one option and many runs the table stands on its side
    assert "| option | `seed` |" in page and "| seed-11 | 11 |" in page
