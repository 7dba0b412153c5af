from __future__ import annotations

import pytest

from understudy.envs.adapters.benchmarks import BENCHMARKS, Benchmark
from understudy.envs.catalogue import ENVIRONMENTS


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=list(BENCHMARKS))
def test_each_entry_of_an_action_has_a_name_and_limits(benchmark: Benchmark) -> None:
    assert len(benchmark.action) == len(benchmark.low) == len(benchmark.high) == len(set(benchmark.action))
    assert all(low < high for low, high in zip(benchmark.low, benchmark.high, strict=True))
    assert benchmark.object_size.keys() == benchmark.instructions.keys()


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=list(BENCHMARKS))
def test_every_package_that_decides_what_happens_is_pinned(benchmark: Benchmark) -> None:
    pinned = {requirement.split("==")[0] for requirement in benchmark.requirements if "==" in requirement}
    assert set(benchmark.packages) < pinned
    assert len(pinned) == len(benchmark.requirements)


def test_the_catalogue_has_exactly_the_tasks_of_the_benchmarks() -> None:
    ours = {name for name, place in ENVIRONMENTS.items() if ".adapters." in place}
    tasks = {f"{name}/{task}".rstrip("/") for name, b in BENCHMARKS.items() for task in b.instructions}
    assert ours == tasks
    assert len(ours) == 53
