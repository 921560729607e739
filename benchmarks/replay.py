"""Twenty policies on 128 problems × 1,000 samples × 200 orders, and the generic replay beside it.

    python benchmarks/replay.py
    python benchmarks/replay.py --problems 32 --samples 200 --orders 50

Prints CPU seconds of each policy. The ratio to the generic replay is taken on a few orders of the
same run, and both must have decided alike.
"""

import argparse
import time

import numpy as np

from vervet.models.population import Population
from vervet.planning.archive import Archive, Rows, archive
from vervet.planning.flows import driven
from vervet.planning.replay import Orders, outcome, summary
from vervet.policies.abstain import Abstain
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.best_of import BestOf
from vervet.policies.certified import Certified
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, Recorded, name_of
from vervet.policies.majority import Majority
from vervet.policies.posterior import Posterior
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.weighted import Weighted
from vervet.types import Outcome, Sample, Verdict

GENERIC_ORDERS = 2


def policies(n: int) -> list[Policy]:
    """Return twenty policies that use up to n samples."""
    return [
        Fixed(),
        *(Majority(k, "v") for k in (n // 64, n // 16, n // 4, n)),
        *(FirstAccepted(k, "v") for k in (n // 16, n)),
        *(BestOf(k, "v") for k in (n // 16, n)),
        BestOf(n),
        *(Weighted(k, "v", "j") for k in (n // 16, n)),
        VerifyThenVote(n // 4, 1, "j", "v"),
        VerifyThenVote(n, 1, "j", "v", per="answer"),
        AdaptiveConsistency(n, "v"),
        EarlyStopping(n, "v"),
        Posterior(n, "v"),
        Posterior(n // 8, "v"),
        Certified(n, "v"),
        Abstain(Majority(n // 16, "v"), 0.6),
    ]


def rows(problems: int, samples: int) -> Rows:
    """Return a simulated population with answers and a judge's noisy scores."""
    population = Population(problems=problems, a=0.8, b=0.8, wrong_answers=16)
    rng = np.random.default_rng(0)
    return [(population.problem(p), recorded(population, p, samples, rng)) for p in range(problems)]


def recorded(population: Population, p: int, n: int, rng: np.random.Generator) -> Recorded:
    """Return n samples of one problem."""
    answers = rng.choice(population.wrong_answers + 1, size=n, p=population.answers(p))
    name = population.problem_id(p)
    samples = [
        Sample(name, "m", i, "", logprob=float(rng.normal()), completion_tokens=100, cost=0.001)
        for i in range(n)
    ]
    verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
    for i, answer in enumerate(answers):
        outcome = Outcome.REJECT if answer else Outcome.ACCEPT
        score = float(rng.normal(float(answer == 0)))
        verdicts["m", i, "v"] = [Verdict(name, "m", i, "v", 0, outcome, str(answer))]
        verdicts["m", i, "j"] = [Verdict(name, "m", i, "j", 0, outcome, score=score)]
    return Recorded({"m": samples}, verdicts)


def timed(policy: Policy, kept: Archive, orders: Orders) -> tuple[float, float]:
    """Print one policy's line; return CPU seconds of both ways, for one order each."""
    start = time.process_time()
    fast = outcome(policy, kept, orders)
    spent = time.process_time() - start
    start = time.process_time()
    slow = driven(policy, kept, orders.first(GENERIC_ORDERS).by_model)
    generic = time.process_time() - start
    same = np.array_equal(fast.right[:, :GENERIC_ORDERS], slow.right)
    same &= np.array_equal(fast.samples[:, :GENERIC_ORDERS], slow.samples)
    found = summary(policy, fast)
    ratio = (generic / GENERIC_ORDERS) / (spent / orders.count)
    print(
        f"{spent:7.2f} s  ×{ratio:6.0f}  {'same' if same else 'DIFFERS'}  "
        f"{found.accuracy} ± {found.chance.error:.4f}  {found.samples:7.1f}  {name_of(policy)}"
    )
    return spent, generic


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=128)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--orders", type=int, default=200)
    asked = parser.parse_args()
    start = time.process_time()
    kept = archive(rows(asked.problems, asked.samples), "v")
    print(f"{time.process_time() - start:.1f} s to make the rows and read them into arrays")
    start = time.process_time()
    orders = Orders.random(kept, asked.orders)
    shuffled = time.process_time() - start
    print(f"{shuffled:.1f} s to draw the orders")
    print("    CPU  against the flow   accuracy, Monte Carlo error, samples, policy")
    spent = [timed(policy, kept, orders)[0] for policy in policies(asked.samples)]
    print(f"{shuffled + sum(spent):.1f} CPU seconds for {len(spent)} policies, orders included")


if __name__ == "__main__":
    main()
