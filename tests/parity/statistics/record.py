"""Records what scipy and statsmodels answer, and what is found by maximising likelihoods with 40 digits (mpmath).

    python tests/parity/statistics/record.py        # rewrites recorded.json; needs scipy, statsmodels, mpmath

statsmodels' own score interval for a difference of two proportions is not recorded: its cubic is not the one of the
maximum of the likelihood (compare `prop2_null` of `score_test_proportions_2indep` with a numerical maximum). The
interval is found here from its definition instead, and agrees with table II of Newcombe (Statistics in Medicine 17,
1998) to the four digits printed there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import mpmath as mp
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

mp.mp.dps = 40
FILE = Path(__file__).with_name("recorded.json")


def clopper_pearson() -> list[list[float]]:
    counts = [(0, 1), (1, 1), (5, 5), (0, 50), (34, 50), (42, 50), (49, 50), (162, 200), (327, 500), (999, 1000)]
    rows = []
    for k, n in counts:
        for confidence in (0.8, 0.95, 0.99):
            by_scipy = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
            low, high = proportion_confint(k, n, alpha=1 - confidence, method="beta")
            rows.append([k, n, confidence, float(by_scipy.low), float(by_scipy.high), float(low), float(high)])
    return rows


def mcnemar_exact() -> list[list[float]]:
    pairs = [(0, 0), (1, 0), (5, 0), (6, 0), (3, 3), (11, 3), (12, 2), (20, 7), (60, 41), (300, 250)]
    rows = []
    for b, c in pairs:
        exact = float(mcnemar([[10, b], [c, 10]], exact=True).pvalue)
        at_seen = float(stats.binom.pmf(b, b + c, 0.5))
        mid = exact - at_seen if b != c else 1 - at_seen / 2
        rows.append([b, c, exact, mid if b + c else 1.0])
    return rows


def boschloo() -> list[list[float]]:
    draw = random.Random(0)
    tables = [(7, 12, 8, 3 + 8), (0, 5, 5, 5), (10, 10, 4, 10), (34, 50, 42, 50), (3, 4, 90, 120)]
    for _ in range(25):
        n_a, n_b = draw.randint(2, 60), draw.randint(2, 60)
        tables.append((draw.randint(0, n_a), n_a, draw.randint(0, n_b), n_b))
    return [
        [a, n_a, b, n_b, float(stats.boschloo_exact([[a, b], [n_a - a, n_b - b]], n=128).pvalue)]
        for a, n_a, b, n_b in tables
    ]


def holm() -> list[list[list[float]]]:
    families = [[0.01, 0.04, 0.03], [0.2], [0.001, 0.001, 0.5, 0.02, 0.9, 0.04], [0.6, 0.7, 0.9]]
    return [[family, multipletests(family, method="holm")[1].tolist()] for family in families]


def tango() -> list[list[float]]:
    tables = [(0, 0, 10), (1, 0, 44), (9, 7, 44), (12, 2, 50), (11, 3, 50), (0, 9, 20), (10, 0, 10), (60, 41, 500)]
    return [[b, c, n, 0.95, *_both_ends(lambda d, b=b, c=c, n=n: _paired_score(b, c, n, d))] for b, c, n in tables]


def miettinen_nurminen() -> list[list[float]]:
    tables = [
        (56, 70, 48, 80),
        (9, 10, 3, 10),
        (6, 7, 2, 7),
        (5, 56, 0, 29),
        (0, 10, 0, 20),
        (10, 10, 0, 20),
        (34, 50, 42, 50),
        (105, 197, 13, 41),
        (1, 1, 0, 1),
    ]
    return [
        [*table, 0.95, *_both_ends(lambda d, table=table: _unpaired_score(*table, d))]  # type: ignore[misc]
        for table in tables
    ]


def _both_ends(score: Callable[[mp.mpf], mp.mpf]) -> tuple[float, float]:
    """Where a falling score passes z and -z; the end of [-1, 1] where it never does."""
    z = mp.sqrt(2) * mp.erfinv(mp.mpf("0.95"))
    return _crossing(lambda d: score(d) - z), _crossing(lambda d: score(d) + z)


def _crossing(function: Callable[[mp.mpf], mp.mpf]) -> float:
    low, high = mp.mpf(-1), mp.mpf(1)
    for _ in range(110):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return float((low + high) / 2)


def _root(function: Callable[[mp.mpf], mp.mpf], low: mp.mpf, high: mp.mpf) -> mp.mpf:
    """Where the derivative of a concave log-likelihood is 0 between `low` and `high`."""
    for _ in range(130):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def _share(k: int, p: mp.mpf) -> mp.mpf:
    return k / p if k else mp.mpf(0)


def _paired_score(b: int, c: int, n: int, d: mp.mpf) -> mp.mpf:
    """(b - c - n d) over its standard deviation with p(only B) = p, p(only A) = p + d most likely."""

    def slope(p: mp.mpf) -> mp.mpf:
        rest = n - b - c
        return _share(b, p + d) + _share(c, p) - (2 * rest / (1 - 2 * p - d) if rest else 0)

    low, high = max(mp.mpf(0), -d), (1 - d) / 2
    p = _root(slope, low, high)
    return _over(mp.mpf(b - c) - n * d, n * (2 * p + d - d * d))


def _unpaired_score(a: int, n_a: int, b: int, n_b: int, d: mp.mpf) -> mp.mpf:
    def slope(p: mp.mpf) -> mp.mpf:
        q = p + d
        return _share(b, p) - _share(n_b - b, 1 - p) + _share(a, q) - _share(n_a - a, 1 - q)

    p = _root(slope, max(mp.mpf(0), -d), min(mp.mpf(1), 1 - d))
    q, n = p + d, n_a + n_b
    return _over(mp.mpf(a) / n_a - mp.mpf(b) / n_b - d, (q * (1 - q) / n_a + p * (1 - p) / n_b) * n / (n - 1))


def _over(excess: mp.mpf, variance: mp.mpf) -> mp.mpf:
    if variance <= mp.mpf(10) ** -36:
        return mp.mpf(0) if abs(excess) < mp.mpf(10) ** -18 else mp.sign(excess) * mp.inf
    return excess / mp.sqrt(variance)


if __name__ == "__main__":
    recorded = {
        "versions": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "mpmath": mp.__version__},
        "clopper_pearson": clopper_pearson(),
        "mcnemar": mcnemar_exact(),
        "boschloo": boschloo(),
        "holm": holm(),
        "tango": tango(),
        "miettinen_nurminen": miettinen_nurminen(),
    }
    text = ",\n".join(
        f' "{name}": ' + (json.dumps(v) if isinstance(v, dict) else "[\n  " + ",\n  ".join(map(json.dumps, v)) + "\n ]")
        for name, v in recorded.items()
    )
    FILE.write_text("{\n" + text + "\n}\n")
