"""Simulated answers whose coverage and majority curves are those that were published.

    python benchmarks/adaptive_populations.py FOLDER          print the published and our curves
    python benchmarks/adaptive_populations.py FOLDER --fit    fit again first

A problem is solved at a rate from a mixture of two beta distributions, fitted to the coverage
curve; its wrong answers have the shares of a Pitman-Yor process, whose log-concentration is normal
over problems and may lean on the rate, fitted to the majority curve. FOLDER holds the points of
Large Language Monkeys (arXiv 2407.21787, figure 7: monkeys_fig7_selection_methods.json) and of When
To Solve, When To Verify (arXiv 2504.01005: genrm_published_plot_points.json).
"""

import argparse
import json
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, expit

Floats = NDArray[np.float64]
Curve = dict[int, float]
WRONG = 300
"""Wrong answers of a problem that are told apart."""
LARGEST = 256
"""Votes to which a majority curve is fitted."""
SIMPLEX = ((0.7, 0.3, 0.7, 0.0), (1.5, 0.1, 0.7, 1.0), (0.5, 0.5, 0.5, -1.0))


@dataclass(frozen=True, slots=True)
class Shape:
    """What the problems of a data set are like for one model."""

    share: float
    """Share of the first beta distribution."""
    a1: float
    b1: float
    a2: float
    b2: float
    concentration: float
    """Mean of the log-concentration of wrong answers at a rate of one half."""
    discount: float
    spread: float
    """Standard deviation of the log-concentration over problems."""
    lean: float
    """How much the log-concentration grows as the rate falls by one."""

    def coverage(self, k: int) -> float:
        """Return the share of problems that k samples are expected to solve."""
        each = ((self.share, self.a1, self.b1), (1 - self.share, self.a2, self.b2))
        return sum(w * (1 - np.exp(betaln(a, b + k) - betaln(a, b))) for w, a, b in each)

    def answers(self, problems: int, rng: np.random.Generator) -> Floats:
        """Draw the shares of every answer, the right one first; (problems, 1 + WRONG)."""
        first = rng.random(problems) < self.share
        rate = np.where(
            first, rng.beta(self.a1, self.b1, problems), rng.beta(self.a2, self.b2, problems)
        )
        log = self.concentration + self.spread * rng.normal(size=problems)
        theta = np.exp(log + self.lean * (0.5 - rate))[:, None]
        sticks = rng.beta(1 - self.discount, theta + self.discount * np.arange(1, WRONG + 1))
        left = np.cumprod(1 - sticks, axis=1)
        wrong = sticks * np.hstack([np.ones((problems, 1)), left[:, :-1]])
        wrong /= wrong.sum(axis=1, keepdims=True)
        return np.hstack([rate[:, None], (1 - rate)[:, None] * wrong])


POINTS = {
    "Llama-3.1-8B, MATH": "math8b",
    "Qwen2.5-7B, MATH": "qwen7b",
    "Llama-3.3-70B, MATH": "math70b",
    "Llama-3.3-70B, GPQA": "gpqa70b",
}
"""Settings of When To Solve, When To Verify, by their keys in the file."""
PUBLISHED = {
    "Llama-3.1-8B, MATH": Shape(0.38, 1.7, 0.669, 0.491, 3.95, 1.5, 0.35, 0.7, 1.0),
    "Qwen2.5-7B, MATH": Shape(0.376, 0.338, 1.59, 1.85, 0.47, -0.43, 0.12, 1.37, -0.59),
    "Llama-3.3-70B, MATH": Shape(0.324, 0.349, 2.08, 1.97, 0.245, 1.24, 0.79, 0.43, -0.55),
    "Llama-3.3-70B, GPQA": Shape(0.778, 0.944, 0.749, 0.927, 148.0, -2.56, 0.0, 1.02, 1.82),
    "Llama-3-8B, GSM8K": Shape(0.686, 0.431, 0.0653, 2.29, 2.37, 0.71, 0.13, 1.04, -0.23),
    "Llama-3-70B, GSM8K": Shape(0.0236, 0.115, 1.22, 3.67, 0.239, -1.27, 0.0, 0.48, 0.9),
    "Llama-3-70B, MATH": Shape(0.393, 0.0558, 0.0127, 0.592, 2.03, 0.65, 0.58, 0.55, 0.14),
    "Llama-3-8B, MATH": Shape(0.432, 0.254, 0.446, 0.383, 1.78, 0.96, 0.14, 1.11, 1.19),
}
"""As `fitted` found them; a fit again may end elsewhere, at curves as near."""


def draws(shares: Floats, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw n answers of every problem; 0 is the right one."""
    upto = np.cumsum(shares, axis=1)
    chance = rng.random((len(shares), n)) * upto[:, -1:]
    return np.array([np.searchsorted(u, c) for u, c in zip(upto, chance, strict=True)])


def majority(shares: Floats, ks: list[int], rng: np.random.Generator) -> Floats:
    """Return the share of problems that a vote of k answers right, one order each."""
    drawn = draws(shares, max(ks), rng)
    rows, width = shares.shape
    right = []
    for k in ks:
        flat = (np.arange(rows)[:, None] * width + drawn[:, :k]).ravel()
        votes = np.bincount(flat, minlength=rows * width).reshape(rows, width)
        ties = rng.random(votes.shape) / 2
        right.append(float(((votes + ties * (votes > 0)).argmax(axis=1) == 0).mean()))
    return np.array(right)


def fitted(coverage: Curve, vote: Curve) -> Shape:
    """Return the shape whose curves are nearest in squares."""

    def far(x: Floats) -> float:
        shape = Shape(float(expit(x[0])), *np.exp(np.clip(x[1:], -5, 5)), 0, 0, 0, 0)
        gaps = [shape.coverage(k) - right for k, right in coverage.items()]
        return float(np.square(gaps).sum() + 1e-6 * np.square(x[1:]).sum())

    starts = [np.random.default_rng(s).normal(size=5) for s in range(6)]
    rates = min(
        (minimize(far, x, method="Nelder-Mead", options={"maxiter": 3000}) for x in starts),
        key=lambda found: found.fun,
    ).x
    base = (float(expit(rates[0])), *np.exp(np.clip(rates[1:], -5, 5)).tolist())
    ks = sorted(k for k in vote if k <= LARGEST)

    def off(x: Floats) -> float:
        curve = majority(_shape(base, x).answers(1500, np.random.default_rng(1)), ks,
                         np.random.default_rng(2))  # fmt: skip
        return float(
            np.square(curve - [vote[k] for k in ks]).sum() + 3e-5 * (x[2] ** 2 + x[3] ** 2)
        )

    tries = []
    for start in SIMPLEX:
        corners = np.array(start) + np.vstack([np.zeros(4), np.diag([0.5, 0.25, 0.5, 0.5])])
        options = {"maxfev": 70, "initial_simplex": corners}
        tries.append(minimize(off, start, method="Nelder-Mead", options=options))
    return _shape(base, min(tries, key=lambda found: found.fun).x)


def _shape(rates: tuple[float, ...], x: Floats) -> Shape:
    return Shape(*rates, x[0], float(np.clip(x[1], 0, 0.9)), abs(x[2]), x[3])


def published(folder: Path) -> dict[str, tuple[Curve, Curve]]:
    """Return coverage and majority of every setting, by k."""
    points = json.loads((folder / "genrm_published_plot_points.json").read_text())
    panels = json.loads((folder / "monkeys_fig7_selection_methods.json").read_text())["panels"]
    found: dict[str, tuple[Curve, Curve]] = {}
    for name, key in POINTS.items():
        kinds = (points[key][kind] for kind in ("coverage", "majority_voting"))
        coverage, vote = ({int(k): v / 100 for k, v in curve.items()} for curve in kinds)
        found[name] = coverage, vote
    for key, panel in panels.items():
        dataset, _, model = key.removesuffix("-Instruct").partition("/")
        kinds = (panel[kind]["mean"] for kind in ("coverage", "majority_vote"))
        coverage, vote = (dict(zip(panel["k"], curve, strict=True)) for curve in kinds)
        found[f"{model}, {dataset}"] = coverage, vote
    return found


def main() -> None:
    """Print the curves of every setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fit", action="store_true")
    asked = parser.parse_args()
    for name, (coverage, vote) in published(asked.folder).items():
        shape = fitted(coverage, vote) if asked.fit else PUBLISHED[name]
        ks = sorted(k for k in vote if k <= LARGEST)
        shares = shape.answers(2000, np.random.default_rng(3))
        here = majority(shares, ks, np.random.default_rng(4))
        print(f"{name}: Shape({', '.join(f'{x:.3g}' for x in astuple(shape))})")
        print("  coverage", *(f"{k}: {v:.3f}/{shape.coverage(k):.3f}" for k, v in coverage.items()))
        print("  majority", *(f"{k}: {vote[k]:.3f}/{h:.3f}" for k, h in zip(ks, here, strict=True)))


if __name__ == "__main__":
    main()
