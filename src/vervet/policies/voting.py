"""Reading votes from a pool and returning the most voted answer, for policies that stop early."""

from vervet.policies.flow import Choice, Pool
from vervet.policies.votes import tally, winner


def count_votes(
    pool: Pool, verifier: str, drawn: int, start: int = 0
) -> tuple[dict[str, float], dict[str, int]]:
    """Return the votes by answer of the samples start..drawn−1, and who gave each answer first."""
    return tally((i, pool.answer(i, verifier), 1.0) for i in range(start, drawn))


def top_two(weight: dict[str, float]) -> tuple[int, int]:
    """Return the votes of the leader and of the runner-up, zero where there is none.

    >>> top_two({"4": 3.0, "5": 1.0, "6": 2.0}), top_two({})
    ((3, 2), (0, 0))
    """
    leaders = sorted(weight.values(), reverse=True)
    return int((*leaders, 0, 0)[0]), int((*leaders, 0, 0)[1])


def most_voted(weight: dict[str, float], first: dict[str, int], drawn: int) -> Choice:
    """Return the most voted answer; its share of the samples drawn is the confidence."""
    best = winner(weight, first)
    if best is None:
        return Choice(None, "no sample gave an answer")
    return Choice(first[best], f"{weight[best]:.0f} of {drawn} votes", weight[best] / drawn)
