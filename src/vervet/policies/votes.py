"""Counting votes: shared by every policy that returns an answer many samples agree on."""

from collections.abc import Iterable, Mapping


def tally(
    votes: Iterable[tuple[int, str | None, float]],
) -> tuple[dict[str, float], dict[str, int]]:
    """Sum the weights of each answer and remember who gave it first.

    Args:
        votes: (position, answer, weight); samples without an answer do not vote.

    Returns:
        Weight by answer, and the first position by answer.

    >>> tally([(0, "4", 1.0), (1, None, 1.0), (2, "5", 1.0), (3, "4", 1.0)])
    ({'4': 2.0, '5': 1.0}, {'4': 0, '5': 2})
    """
    weight: dict[str, float] = {}
    first: dict[str, int] = {}
    for position, answer, share in votes:
        if answer is not None:
            weight[answer] = weight.get(answer, 0.0) + share
            first.setdefault(answer, position)
    return weight, first


def winner(weight: Mapping[str, float], first: Mapping[str, int]) -> str | None:
    """Return the heaviest answer; a tie goes to the answer that was asked for first.

    >>> winner({"4": 2.0, "5": 2.0}, {"4": 1, "5": 0})
    '5'
    """
    return max(weight, key=lambda a: (weight[a], -first[a]), default=None)
