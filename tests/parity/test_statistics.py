"""Agreement with scipy, statsmodels and likelihoods maximised with 40 digits; statistics/record.py recorded them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.core.paired import mcnemar, mcnemar_mid_p, tango
from understudy.core.stats import clopper_pearson, holm
from understudy.core.unpaired import boschloo, miettinen_nurminen

RECORDED: dict[str, list[Any]] = json.loads((Path(__file__).parent / "statistics/recorded.json").read_text())


def close(ours: float, recorded: float, absolute: float = 1e-10) -> None:
    assert ours == pytest.approx(recorded, rel=0, abs=absolute)


@pytest.mark.parametrize("row", RECORDED["clopper_pearson"], ids=str)
def test_clopper_pearson_is_that_of_scipy_and_statsmodels(row: list[float]) -> None:
    k, n, confidence, *ends = row
    interval = clopper_pearson(int(k), int(n), confidence)
    for ours, scipys, statsmodels in zip(interval.to_json(), ends[:2], ends[2:], strict=True):
        close(ours, scipys)
        close(ours, statsmodels)


@pytest.mark.parametrize("row", RECORDED["mcnemar"], ids=str)
def test_mcnemars_p_values_are_those_of_statsmodels(row: list[float]) -> None:
    only_a, only_b, exact, mid = row
    close(mcnemar(int(only_a), int(only_b)), exact)
    close(mcnemar_mid_p(int(only_a), int(only_b)), mid)


@pytest.mark.parametrize("row", RECORDED["boschloo"], ids=str)
def test_boschloos_p_value_is_that_of_scipy(row: list[float]) -> None:
    *counts, p_value = row
    close(boschloo(*(int(count) for count in counts)), p_value)


@pytest.mark.parametrize(("family", "corrected"), RECORDED["holm"], ids=str)
def test_holms_correction_is_that_of_statsmodels(family: list[float], corrected: list[float]) -> None:
    for ours, recorded in zip(holm(family), corrected, strict=True):
        close(ours, recorded)


@pytest.mark.parametrize("row", RECORDED["tango"], ids=str)
def test_tangos_interval_is_where_the_score_of_the_likelihood_passes_its_limit(row: list[float]) -> None:
    only_a, only_b, n, confidence, low, high = row
    interval = tango(int(only_a), int(only_b), int(n), confidence)
    close(interval.low, low)
    close(interval.high, high)


@pytest.mark.parametrize("row", RECORDED["miettinen_nurminen"], ids=str)
def test_miettinen_and_nurminens_interval_is_too(row: list[float]) -> None:
    *counts, confidence, low, high = row
    interval = miettinen_nurminen(*(int(count) for count in counts), confidence)
    close(interval.low, low)
    close(interval.high, high)


@pytest.mark.parametrize(
    ("counts", "printed"),
    # table II, method 6, of Newcombe, Statistics in Medicine 17, 1998
    [
        ((56, 70, 48, 80), (0.0528, 0.3382)),
        ((9, 10, 3, 10), (0.1700, 0.8406)),
        ((6, 7, 2, 7), (0.0342, 0.8534)),
        ((5, 56, 0, 29), (-0.0326, 0.1933)),
    ],
)
def test_it_is_that_of_the_published_table(counts: tuple[int, int, int, int], printed: tuple[float, float]) -> None:
    assert tuple(round(end, 4) for end in miettinen_nurminen(*counts).to_json()) == printed
