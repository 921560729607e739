"""Refine: feed what the verifier said back to the model, and let it reply again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vervet.policies.flow import Choice, Draw, Flow, Revise, Verify, at_least
from vervet.types import Outcome, Problem, Verdict


@dataclass(frozen=True, slots=True)
class Refine:
    """Draw, verify, and while that is rejected show the model why, at most `turns` replies long.

    After `turns` rejected replies a fresh sample is drawn, at most `limit` of them; a reply that
    the verifier could not judge is not shown to the model, a fresh one is drawn. Where nothing is
    accepted, the policy abstains. After Self-Refine (Madaan et al. 2023) and Reflexion (Shinn
    et al. 2023), with a verifier's words in place of the model's own.

    What a verifier says must be known when the policy is used: unit tests and proof checkers may
    be asked, an answer key would give the answer away one rejection at a time.
    """

    turns: int
    verifier: str
    limit: int = 1
    model: str = ""

    def __post_init__(self) -> None:
        at_least(self.turns, 1, "refine: turns")
        at_least(self.limit, 1, "refine: limit")

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, verify, revise; start afresh after the last turn."""
        del problem
        drawn = 0
        for _ in range(self.limit):
            yield Draw(1, self.model)
            for turn in range(1, self.turns + 1):
                pool = yield Verify((drawn,), self.verifier)
                drawn += 1
                if pool.accepted(drawn - 1, self.verifier):
                    return Choice(drawn - 1, f"accepted at turn {turn}, reply {drawn}")
                if pool.judged(drawn - 1, self.verifier) is None:
                    break
                if turn < self.turns:
                    yield Revise(drawn - 1, self.verifier)
        return Choice(None, f"none of {drawn} replies accepted")


def conversation(problem: Problem, turns: Iterable[tuple[str, Verdict | None]]) -> Problem:
    """Return the problem as a conversation: each reply, and what the verifier said of it.

    >>> from vervet.types import Outcome
    >>> told = Verdict("p", "m", 0, "tests", 0, Outcome.REJECT, detail="f(2) is 5, not 4")
    >>> shown = conversation(Problem("p", "Write f."), [("def f(x): return 5", told)])
    >>> [message["role"] for message in shown.messages], shown.prompt[:53]
    (['user', 'assistant', 'user'], 'This reply was rejected: f(2) is 5, not 4. Put right ')
    """
    first = problem.messages or ({"role": "user", "content": problem.prompt},)
    messages: list[Mapping[str, Any]] = [*first]
    said = problem.prompt
    for reply, verdict in turns:
        said = feedback(verdict)
        messages += [
            {"role": "assistant", "content": reply},
            {"role": "user", "content": said},
        ]
    return replace(problem, prompt=said, messages=tuple(messages))


def feedback(verdict: Verdict | None) -> str:
    """Say in words for a model what a verifier said of its reply."""
    if verdict is None or verdict.outcome is not Outcome.REJECT:
        return "Reply once more, in full."
    why = f": {verdict.detail.rstrip('.')}" if verdict.detail else ""
    return f"This reply was rejected{why}. Put right what is wrong and reply in full."
