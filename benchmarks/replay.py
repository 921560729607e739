"""Every kind of policy on 128 problems × 1,000 samples × 200 orders, and its flow beside it.

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
from vervet.planning.outcome import Averages
from vervet.planning.outcome import Outcome as Result
from vervet.planning.replay import Orders, outcome, summary
from vervet.policies.abstain import Abstain
from vervet.policies.adaptive import AdaptiveConsistency, EarlyStopping
from vervet.policies.best_of import BestOf
from vervet.policies.cascade import Cascade
from vervet.policies.certified import Certified
from vervet.policies.first_accepted import FirstAccepted
from vervet.policies.fixed import Fixed
from vervet.policies.flow import Policy, Recorded, name_of, revised_id
from vervet.policies.index import Index, replay_together
from vervet.policies.majority import Majority
from vervet.policies.mixture import Mixture
from vervet.policies.pandora import Pandora
from vervet.policies.posterior import Posterior
from vervet.policies.refine import Refine
from vervet.policies.verify_then_vote import VerifyThenVote
from vervet.policies.verify_ties import VerifyTies
from vervet.policies.weighted import Weighted
from vervet.types import Outcome, Sample, Verdict

GENERIC_ORDERS = 2


def policies(n: int) -> list[Policy]:
    """Return policies of every kind that use up to n samples of `m`, and some of `s`."""
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
        Pandora(n, "j", price=0.02),
        VerifyTies(n // 16, "v", "j", margin=0.1),
        VerifyTies(n, "v", "j", margin=0.02),
        Abstain(Majority(n // 16, "v"), 0.6),
        Abstain(BestOf(n // 16, "j"), 0.9, by="posterior", verifier="v"),
        Cascade(Majority(n // 16, "v", model="m"), Majority(n // 16, "v", model="s"), 0.7),
        Cascade(Majority(n // 64, "v"), Majority(n // 4, "v"), 0.7),
        Abstain(Cascade(Majority(n // 64, "v"), Mixture(f"s*{n // 16}", "v"), 0.7), 0.5),
        Mixture(f"m*{n // 4}|s*{n // 16}", "v"),
        Mixture(f"m*{n // 16}|s*{n // 16}", "v", by="accepted"),
        Refine(2, "v", limit=n // 16, model="s"),
        Index("v", n // 64, limit=n // 8),
        Index("v", n // 64, limit=n // 8, by="accepted"),
    ]


def rows(problems: int, samples: int) -> Rows:
    """Return a simulated population with answers and a judge's noisy scores."""
    population = Population(problems=problems, a=0.8, b=0.8, wrong_answers=16)
    rng = np.random.default_rng(0)
    return [(population.problem(p), recorded(population, p, samples, rng)) for p in range(problems)]


def recorded(population: Population, p: int, n: int, rng: np.random.Generator) -> Recorded:
    """Return n samples of one problem by `m`, a sixteenth by `s`, each of `s` revised once."""
    name = population.problem_id(p)
    samples: dict[str, list[Sample]] = {}
    verdicts: dict[tuple[str, int, str], list[Verdict]] = {}
    for model, count in (("m", n), ("s", n // 16), (revised_id("s", "v", 2), n // 16)):
        answers = rng.choice(population.wrong_answers + 1, size=count, p=population.answers(p))
        samples[model] = [
            Sample(
                name, model, i, "", logprob=float(rng.normal()), completion_tokens=100, cost=1e-3
            )
            for i in range(count)
        ]
        for i, answer in enumerate(answers):
            outcome = Outcome.REJECT if answer else Outcome.ACCEPT
            score = float(rng.normal(float(answer == 0)))
            verdicts[model, i, "v"] = [Verdict(name, model, i, "v", 0, outcome, str(answer))]
            verdicts[model, i, "j"] = [Verdict(name, model, i, "j", 0, outcome, score=score)]
    return Recorded(samples, verdicts)


def defined(policy: Policy, kept: Archive, orders: Orders) -> Result:
    """Return what the flow says, or for one budget of all problems their rounds."""
    if not isinstance(policy, Index):
        return driven(policy, kept, orders.by_model)
    right, samples = (np.zeros((kept.problems, orders.count)) for _ in range(2))
    for place in range(orders.count):
        each = [
            {model: order[p, place].tolist() for model, order in orders.by_model.items()}
            for p in range(kept.problems)
        ]
        for p, (chosen, pool) in enumerate(replay_together(policy, kept.rows, each)):
            samples[p, place] = len(pool.samples)
            if chosen.index is not None:  # a sample's index is its place, as made above
                right[p, place] = kept.shelves["m"].right[p, chosen.index]
    other = np.zeros_like(right)
    return Result(right, right >= 0, other, samples, other, other, other, other)


def timed(policy: Policy, kept: Archive, orders: Orders) -> tuple[float, float]:
    """Print one policy's line; return CPU seconds of both ways, for one order each."""
    start = time.process_time()
    fast = outcome(policy, kept, orders)
    spent = time.process_time() - start
    start = time.process_time()
    slow = defined(policy, kept, orders.first(GENERIC_ORDERS))
    generic = time.process_time() - start
    same = np.array_equal(fast.right[:, :GENERIC_ORDERS], slow.right)
    same &= np.array_equal(fast.samples[:, :GENERIC_ORDERS], slow.samples)
    found = summary(policy, Averages.of(fast))
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
