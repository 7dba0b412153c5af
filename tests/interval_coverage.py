"""How often intervals hold the truth and tests err: by enumeration of every outcome where possible, else by simulation.

python tests/interval_coverage.py        # the tables of docs/concepts/statistics.md; about two minutes
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import betaln, expit, gammaln, xlogy

from understudy.core.paired import mcnemar, tango
from understudy.core.power import paired_power
from understudy.core.stats import Interval, clopper_pearson
from understudy.core.training_seeds import over_training_seeds, rate_over_training_seeds
from understudy.core.unpaired import boschloo, miettinen_nurminen


def binomial(n: int, rate: float | np.ndarray) -> np.ndarray:
    """(..., n + 1): the probability of each count."""
    k = np.arange(n + 1)
    rate = np.asarray(rate)[..., None]
    return np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, rate) + xlogy(n - k, 1 - rate))


def clopper_pearson_coverage(n: int, rates: np.ndarray, confidence: float = 0.95) -> np.ndarray:
    """Exact coverage at each true rate."""
    intervals = [clopper_pearson(k, n, confidence) for k in range(n + 1)]
    low, high = (np.array([getattr(i, end) for i in intervals]) for end in ("low", "high"))
    held = (low <= rates[:, None]) & (rates[:, None] <= high)
    return (binomial(n, rates) * held).sum(1)


def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every (only_a, only_b) that n episodes can give."""
    only_a, only_b = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    kept = only_a + only_b <= n
    return only_a[kept], only_b[kept]


def pair_probability(n: int, only_a: np.ndarray, only_b: np.ndarray, p: float, q: float) -> np.ndarray:
    """Of each such outcome, if an episode is solved by A alone with probability p, by B alone with q."""
    rest = n - only_a - only_b
    ways = gammaln(n + 1) - gammaln(only_a + 1) - gammaln(only_b + 1) - gammaln(rest + 1)
    return np.exp(ways + xlogy(only_a, p) + xlogy(only_b, q) + xlogy(rest, max(0.0, 1 - p - q)))


def discordance_grid(step: float = 0.05) -> Iterator[tuple[float, float]]:
    """True probabilities (A alone, B alone) with p >= q: the other half is its mirror image."""
    for p in np.arange(0, 1 + 1e-9, step):
        for q in np.arange(0, min(p, 1 - p) + 1e-9, step):
            yield float(p), float(q)


def tango_coverage(n: int, step: float = 0.05, confidence: float = 0.95) -> np.ndarray:
    """Exact coverage at each point of the grid."""
    only_a, only_b = pairs(n)
    low, high = _ends([tango(int(a), int(b), n, confidence) for a, b in zip(only_a, only_b, strict=True)])
    found = []
    for p, q in discordance_grid(step):
        held = (low <= p - q + 1e-12) & (p - q - 1e-12 <= high)
        found.append(pair_probability(n, only_a, only_b, p, q)[held].sum())
    return np.array(found)


def miettinen_nurminen_coverage(n_a: int, n_b: int, step: float = 0.05, confidence: float = 0.95) -> np.ndarray:
    """Exact coverage at each pair of true rates."""
    counts = [(a, b) for a in range(n_a + 1) for b in range(n_b + 1)]
    low, high = (
        end.reshape(n_a + 1, n_b + 1)
        for end in _ends([miettinen_nurminen(a, n_a, b, n_b, confidence) for a, b in counts])
    )
    rates = np.arange(0, 1 + 1e-9, step)
    return np.array(
        [
            binomial(n_a, a) @ ((low <= a - b + 1e-12) & (a - b - 1e-12 <= high)) @ binomial(n_b, b)
            for a in rates
            for b in rates
        ]
    )


def mcnemar_error(n: int, alpha: float = 0.05, step: float = 0.05) -> float:
    """The largest probability of p < alpha between equally good policies."""
    only_a, only_b = pairs(n)
    rejects = np.array([mcnemar(int(a), int(b)) < alpha for a, b in zip(only_a, only_b, strict=True)])
    return max(float(pair_probability(n, only_a, only_b, p, p)[rejects].sum()) for p in np.arange(0, 0.5 + 1e-9, step))


def boschloo_error(n_a: int, n_b: int, alpha: float = 0.05, step: float = 0.01) -> float:
    """The largest probability of p < alpha between equally good policies."""
    rejects = np.array([[boschloo(a, n_a, b, n_b) < alpha for b in range(n_b + 1)] for a in range(n_a + 1)])
    rates = np.arange(0, 1 + 1e-9, step)
    return max(float(binomial(n_a, rate) @ rejects @ binomial(n_b, rate)) for rate in rates)


def sequential_stops(share: float, most: int, alpha: float = 0.05) -> np.ndarray:
    """(most + 1,): the exact probability that the test has decided within so many *differing* pairs.

    share   probability that a differing pair is A's; 0.5 between equally good policies
    """
    threshold = -np.log(alpha)
    running, stopped = np.zeros(most + 2), np.zeros(most + 1)
    running[0] = 1.0
    for m in range(1, most + 1):
        running[1:] = running[1:] * (1 - share) + running[:-1] * share
        running[0] *= 1 - share
        k = np.arange(m + 1)
        evidence = m * np.log(2) + betaln(k + 1, m - k + 1)
        over = np.flatnonzero(evidence >= threshold)
        stopped[m] = stopped[m - 1] + running[over].sum()
        running[over] = 0
    return stopped


def peeking_stops(most: int, alpha: float = 0.05) -> np.ndarray:
    """(most + 1,): the same between equals for McNemar's test, looked at after every pair and stopped at p < alpha."""
    running, stopped = np.zeros(most + 2), np.zeros(most + 1)
    running[0] = 1.0
    for m in range(1, most + 1):
        running[1:] = (running[1:] + running[:-1]) / 2
        running[0] /= 2
        below = [k for k in range(m + 1) if mcnemar(k, m - k) < alpha]
        stopped[m] = stopped[m - 1] + running[below].sum()
        running[below] = 0
    return stopped


def pairs_planned(share: float, power: float = 0.8) -> int:
    """How many differing pairs a plan for a fixed number needs: the first of three in a row that reach the power."""
    m = 5
    while min(paired_power(share, 1 - share, k) for k in (m, m + 1, m + 2)) < power:
        m += 1
    return m


def recipes(draw: np.random.Generator, seeds: int, n: int, truth: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes (seeds, n) of two recipes on the same episodes, by a logistic model with normal effects.

    truth   level and shift (of A over B) in logits; standard deviations: seed, episode (in common), own (per recipe)
    """
    episode = truth["episode"] * draw.normal(size=n)
    sides = []
    for level in (truth["level"] + truth["shift"], truth["level"]):
        seed = truth["seed"] * draw.normal(size=(seeds, 1))
        own = truth["own"] * draw.normal(size=n)
        sides.append(draw.random((seeds, n)) < expit(level + seed + episode + own))
    return sides[0], sides[1]


def true_difference(truth: dict[str, float]) -> float:
    """Its difference of success rates, by numerical integration over the normal effects."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = float(np.sqrt(truth["seed"] ** 2 + truth["episode"] ** 2 + truth["own"] ** 2))
    rates = [weights @ expit(truth["level"] + shift + spread * nodes) / weights.sum() for shift in (truth["shift"], 0)]
    return float(rates[0] - rates[1])


def methods(a: np.ndarray, b: np.ndarray) -> dict[str, Interval]:
    """The interval in use, and two that leave a source of chance out."""
    from scipy.special import stdtrit

    rates, difference = [a.mean(1), b.mean(1)], float(a.mean() - b.mean())
    pooled = 1.96 * np.sqrt(sum(side.mean() * (1 - side.mean()) / side.size for side in (a, b)))
    parts = [rate.var(ddof=1) / len(rate) for rate in rates]
    freedom = sum(parts) ** 2 / max(sum(v * v / (len(a) - 1) for v in parts), 1e-300)
    welch = float(stdtrit(max(freedom, 1.0), 0.975)) * np.sqrt(sum(parts))
    return {
        "pooled": Interval(difference - pooled, difference + pooled),
        "seeds only": Interval(difference - welch, difference + welch),
        "both": over_training_seeds(a, b, paired=True).interval,
    }


TRUTHS = {
    "seeds differ little, episodes alike": {"level": 0.5, "shift": 0.8, "seed": 0.1, "episode": 0.0, "own": 0.0},
    "episodes hard for both": {"level": 0.5, "shift": 0.8, "seed": 0.2, "episode": 1.5, "own": 0.0},
    "each recipe fails elsewhere": {"level": 0.5, "shift": 0.0, "seed": 0.2, "episode": 0.5, "own": 2.0},
    "seeds differ much": {"level": 0.5, "shift": 0.5, "seed": 1.0, "episode": 0.5, "own": 0.5},
    "nearly always solved": {"level": 3.0, "shift": 1.0, "seed": 0.3, "episode": 0.5, "own": 0.5},
}


def seeds_coverage(name: str, seeds: int, n: int, repeats: int, start: int = 0) -> dict[str, float]:
    """Method -> share of intervals that hold the truth."""
    truth = TRUTHS[name]
    target, draw = true_difference(truth), np.random.default_rng([start, seeds, n, len(name)])
    held: dict[str, int] = {}
    for _ in range(repeats):
        for method, interval in methods(*recipes(draw, seeds, n, truth)).items():
            held[method] = held.get(method, 0) + (target in interval)
    return {method: count / repeats for method, count in held.items()}


def rate_coverage(name: str, seeds: int, n: int, repeats: int) -> float:
    """Share of the intervals of one recipe's rate that hold its rate over all training seeds and episodes."""
    truth, draw = TRUTHS[name], np.random.default_rng([seeds, n, len(name)])
    spread = np.sqrt(truth["seed"] ** 2 + truth["episode"] ** 2 + truth["own"] ** 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    target = float(weights @ expit(truth["level"] + spread * nodes) / weights.sum())
    found = [rate_over_training_seeds(recipes(draw, seeds, n, truth)[1]) for _ in range(repeats)]
    return sum(target in interval for interval in found) / repeats


def _ends(intervals: list[Interval]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([i.low for i in intervals]), np.array([i.high for i in intervals])


def main() -> None:
    """Print the tables."""
    print("| interval, 95 % | episodes | smallest | mean | largest |\n| --- | --- | --: | --: | --: |")
    for n in (10, 20, 50, 100):
        _row("Clopper-Pearson", n, clopper_pearson_coverage(n, np.linspace(0.005, 0.995, 199)))
    for n in (10, 20, 50):
        _row("Tango, paired", n, tango_coverage(n, 0.05))
    for n in (10, 20, 50):
        _row("Miettinen-Nurminen, unpaired", f"{n} and {n}", miettinen_nurminen_coverage(n, n))
    print("\n| test at 0.05 | episodes | largest error rate |\n| --- | --- | --: |")
    for n in (10, 20, 50, 100):
        print(f"| McNemar, exact | {n} | {mcnemar_error(n):.4f} |")
    for n in (10, 20, 40):
        print(f"| Boschloo | {n} and {n} | {boschloo_error(n, n):.4f} |")
    print("\n| truth | training seeds | episodes | pooled | seeds only | both (in use) |")
    print("| --- | --: | --: | --: | --: | --: |")
    for name in TRUTHS:
        for seeds in (3, 5, 10):
            found = seeds_coverage(name, seeds, 50, 4000)
            print(f"| {name} | {seeds} | 50 | " + " | ".join(f"{100 * share:.1f} %" for share in found.values()) + " |")
    print("\n| truth | 3 training seeds | 5 | 10 |\n| --- | --: | --: | --: |")
    for name in TRUTHS:
        held = [rate_coverage(name, seeds, 50, 4000) for seeds in (3, 5, 10)]
        print(f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in held) + " |")
    print(
        "\n| share of the differing pairs that are A's | decided within 20 | 50 | 100 | 200 | 2,000 |\n|" + " --: |" * 6
    )
    for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        stops = sequential_stops(share, 2000)
        print(f"| {share} | " + " | ".join(f"{100 * stops[m]:.1f} %" for m in (20, 50, 100, 200, 2000)) + " |")
    peeked = peeking_stops(200)
    print("\nMcNemar after every pair: " + ", ".join(f"{100 * peeked[m]:.1f} % within {m}" for m in (20, 50, 100, 200)))
    print("\n| share | planned, power 0.8 | sequential: mean | half decided | 80 % decided |\n|" + " --: |" * 5)
    for share in (0.6, 0.7, 0.8, 0.9):
        stops = sequential_stops(share, 2000)
        half, most = (int(np.argmax(stops >= level)) for level in (0.5, 0.8))
        print(f"| {share} | {pairs_planned(share)} | {(1 - stops[:-1]).sum():.1f} | {half} | {most} |")


def _row(name: str, n: int | str, coverage: np.ndarray) -> None:
    print(
        f"| {name} | {n} | "
        + " | ".join(f"{100 * x:.1f} %" for x in (coverage.min(), coverage.mean(), coverage.max()))
        + " |"
    )


if __name__ == "__main__":
    main()
