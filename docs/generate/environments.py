"""The simulated tasks: those that come with Understudy are made and asked, benchmarks are described by their table."""

from __future__ import annotations

from understudy.core.describe import options_of
from understudy.envs.adapters.benchmarks import BENCHMARKS, Benchmark
from understudy.envs.catalogue import ENVIRONMENTS, EnvConfig, make_env
from understudy.envs.environment import Task

from .markdown import code, table, words
from .options import option_table


def environment_pages() -> dict[str, str]:
    """environments.md."""
    ours = [name for name in ENVIRONMENTS if not _is_benchmark(name)]
    parts = [
        "# Simulated tasks",
        "`--env.type=NAME` in `eval`, `record` and `train`; in Python, `understudy.evaluate(policy, NAME)`.",
        "## Tasks that come with Understudy",
        *(part for name in ours for part in _ours(name)),
        "## Benchmarks",
        "Each runs in a Python of its own, which `--env.install=true` makes.",
        *(part for benchmark in BENCHMARKS.values() for part in _benchmark(benchmark)),
        "## Options",
        option_table(options_of(EnvConfig, ("env",)), EnvConfig),
    ]
    return {"environments.md": "\n\n".join(parts) + "\n"}


def _is_benchmark(name: str) -> bool:
    return name.partition("/")[0] in BENCHMARKS


def _ours(name: str) -> tuple[str, str]:
    env = make_env(name)
    task = env.task
    env.close()
    rows = [
        ("instruction", "; ".join(words(text) for text in task.instructions)),
        ("robot", words(task.robot_type)),
        ("control rate, time limit", f"{task.fps} Hz, {task.horizon} steps ({task.horizon / task.fps:g} s)"),
        ("observes", "<br>".join(_feature(task, feature) for feature in task.features if feature != "action")),
        ("action", _feature(task, "action")),
        ("limits of the action", _limits(task)),
        ("version", str(task.version)),
    ]
    return f"### {name}", table(("", ""), rows)


def _feature(task: Task, name: str) -> str:
    feature = task.features[name]
    shape = " x ".join(map(str, feature.shape))
    names = f": {', '.join(map(code, feature.names))}" if feature.names else ""
    return f"{code(name)} ({shape}){names}"


def _limits(task: Task) -> str:
    pairs = dict.fromkeys(zip(task.action_low.tolist(), task.action_high.tolist(), strict=True))
    return ", ".join(f"{low:g} to {high:g}" for low, high in pairs)


def _benchmark(benchmark: Benchmark) -> tuple[str, str]:
    names = [name for name in ENVIRONMENTS if name.partition("/")[0] == benchmark.name]
    rows = [
        ("tasks", ", ".join(map(code, names))),
        ("robot", words(benchmark.robot_type)),
        ("control rate, time limit", f"{benchmark.fps} Hz, {benchmark.horizon} steps"),
        ("state", ", ".join(map(code, benchmark.state))),
        ("action", ", ".join(map(code, benchmark.action))),
        ("cameras", ", ".join(map(code, benchmark.cameras.values()))),
        ("protocol", words(benchmark.protocol)),
        ("expert", "yes" if benchmark.has_expert else "no"),
        ("installs", ", ".join(map(code, benchmark.requirements)) + f": {benchmark.megabytes} MB"),
    ]
    return f"### {benchmark.name}", table(("", ""), rows)
