"""Do scorio, Inspect and vervet give the same numbers where they compute the same?

Run: python benchmarks/peers_exact.py        (pip install scorio inspect_ai)

Random verdicts, easy to hopeless problems, tied votes and missing answers. Every row shows the
largest difference; the command fails where one exceeds 1e-12. A peer that is not installed is
named in one line. What each peer counts:

- scorio: binary verdicts. Its maj@k is a strict majority of right samples among k, which is
  G-Pass@k at τ = (⌊k/2⌋ + 1)/k, not a vote over answers; max@k is the best of k rewards.
- Inspect: reducers over epochs. `pass_at`, `pass_k`, `mean`, `max`; an unscored (NaN) epoch is left
  out; `majority` is one panel of all epochs, unscored where no value has more than half.
"""

import importlib
import sys
from collections.abc import Iterator
from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np

from vervet.stats.arrays import Ints
from vervet.stats.best_of import best_of
from vervet.stats.coverage import coverage
from vervet.stats.reliability import mean_at_n, mean_pass_share, pass_all, pass_share
from vervet.stats.votes import Ballot, majority

TOLERANCE = 1e-12
SAMPLES = 24
KS = (1, 2, 3, 7, 12, 23, 24)
LEVELS = 4


def verdicts(rng: np.random.Generator, problems: int = 60) -> Ints:
    """Draw verdicts, problems × samples, with hopeless and certain problems among them."""
    found = (rng.random((problems, SAMPLES)) < rng.beta(0.4, 0.6, (problems, 1))).astype(np.int64)
    found[0], found[1] = 0, 1
    return found


def scorio_rows(scorio: ModuleType, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Compare means over problems with scorio's."""
    table = verdicts(rng)
    right, rewards = table.sum(axis=1), rng.integers(0, LEVELS, table.shape)
    worth = np.linspace(0, 1, LEVELS)
    for k in KS:
        strict = (k // 2 + 1) / k
        yield f"pass@{k}", coverage(right, SAMPLES, k=k).mean() - scorio.pass_at_k(table, k)
        yield f"pass^{k}", pass_all(right, SAMPLES, k=k).mean() - scorio.pass_hat_k(table, k)
        for share in (0.25, 0.5, 0.75, 1.0, strict):
            ours = pass_share(right, SAMPLES, k=k, share=share).mean()
            yield f"G-pass@{k}, τ = {share:.2f}", ours - scorio.g_pass_at_k_tau(table, k, share)
        ours = pass_share(right, SAMPLES, k=k, share=strict).mean()
        yield f"strict majority of {k}", ours - scorio.maj_at_k(table, k)
        if k > 1:
            ours = mean_pass_share(right, SAMPLES, k=k).mean()
            yield f"mG-pass@{k}", ours - scorio.mg_pass_at_k(table, k)
        # The best reward of k: the sum over levels of the chance to reach each.
        reached = [coverage((rewards >= level).sum(axis=1), SAMPLES, k=k) for level in (1, 2, 3)]
        ours = sum(float(chance.mean()) for chance in reached) / (LEVELS - 1)
        yield f"max@{k} of tied rewards", ours - scorio.max_at_k(rewards, k, w=worth)
    yield "mean@n", mean_at_n(right, SAMPLES).mean() - scorio.avg(table)[0]


def inspect_rows(scorer: ModuleType, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Compare problem by problem with Inspect's reducers; unscored epochs are left out."""
    for row in verdicts(rng):
        missing = rng.random(SAMPLES) < rng.choice([0.0, 0.3])
        scores = [
            scorer.Score(value=float("nan") if gone else int(right))
            for right, gone in zip(row, missing, strict=True)
        ]
        right, total = [int(row[~missing].sum())], [int((~missing).sum())]
        for k in KS:
            pairs = (
                (f"pass@{k}", coverage(right, total, k=k), scorer.pass_at(k)),
                (f"pass^{k}", pass_all(right, total, k=k), scorer.pass_k(k)),
            )
            for name, ours, reduce in pairs:
                yield name, _gap(ours[0, 0], reduce(scores).value)
        yield "mean", _gap(mean_at_n(right, total)[0], scorer.mean_score()(scores).value)
        whole = coverage(right, total, k=total)[0, 0]
        yield "max", _gap(whole, scorer.max_score()(scores).value)


def panel_rows(scorer: ModuleType, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Compare the vote of k of n answers with Inspect's panel on every subset of k.

    A strict majority of the panel wins our vote too; the rest of our vote is ties and pluralities,
    which are enumerated here, the unanswered being silent.
    """
    for _ in range(12):
        answers = [None if rng.random() < 0.25 else str(rng.integers(0, 3)) for _ in range(7)]
        ballot = Ballot.of(answers, [answer == "0" for answer in answers])
        for k in (1, 2, 3, 4, 7):
            won = [_vote(scorer, subset) for subset in combinations(answers, k)]
            yield f"vote of {k}", _gap(majority([ballot], k=[k])[0, 0], float(np.mean(won)))


def _vote(scorer: ModuleType, subset: tuple[str | None, ...]) -> float:
    """Share of the win that "0" has: Inspect's panel where it is decided, else split."""
    scores = [scorer.Score(value=float("nan") if a is None else a) for a in subset]
    panel: Any = scorer.majority_score()(scores).value
    if isinstance(panel, str):
        return float(panel == "0")
    given = [answer for answer in subset if answer is not None]
    most = max((given.count(answer) for answer in given), default=0)
    top = {answer for answer in given if given.count(answer) == most}
    return ("0" in top) / max(len(top), 1)


def best_of_rows(scorio: ModuleType, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Compare best-of-k by a score that knows the truth, where it is scorio's pass@k."""
    table = verdicts(rng)
    for k in KS:
        ours = best_of(list(table.astype(float)), list(table == 1), k=k).mean()
        yield f"best of {k} by the truth", ours - scorio.pass_at_k(table, k)


def _gap(ours: float, theirs: float) -> float:
    """Return the difference; both unknown is none."""
    if np.isnan(ours) or np.isnan(theirs):
        return 0.0 if np.isnan(ours) and np.isnan(theirs) else np.inf
    return float(ours - theirs)


def main() -> None:
    """Print the largest difference of every quantity, and fail above the tolerance."""
    rng, worst = np.random.default_rng(0), 0.0
    peers = {
        "scorio": ("scorio.eval", (scorio_rows, best_of_rows)),
        "inspect_ai": ("inspect_ai.scorer", (inspect_rows, panel_rows)),
    }
    for package, (module, parts) in peers.items():
        try:
            peer = importlib.import_module(module)
        except ImportError:
            print(f"{package} is not installed: pip install {package}")
            continue
        largest: dict[str, float] = {}
        for part in parts:
            for name, gap in part(peer, rng):
                largest[name] = max(largest.get(name, 0.0), abs(float(gap)))
        for name, gap in largest.items():
            print(f"{package:12s} {name:28s} {gap:.1e}")
        worst = max([worst, *largest.values()])
    print(f"largest difference {worst:.1e}")
    sys.exit(int(worst > TOLERANCE))


if __name__ == "__main__":
    main()
