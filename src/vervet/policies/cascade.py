"""Cascade: a cheap policy first, a stronger one on doubt."""

from dataclasses import dataclass

from vervet.policies.flow import Choice, Flow, Policy, Pool
from vervet.policies.nesting import after, inner
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class Cascade:
    """Return what `first` chose where its confidence is at least `below`; else let `then` choose.

    The second policy sees only its own samples. Where it abstains, so does the cascade.
    After FrugalGPT (arXiv 2305.05176).
    """

    first: Policy
    then: Policy
    below: float

    def flow(self, problem: Problem, /) -> Flow:
        """Run the first; on doubt, the second."""
        choice, pool = yield from after(self.first.flow(problem), Pool())
        doubt = choice.confidence is not None and choice.confidence < self.below
        if choice.position is not None and not doubt:
            return choice
        second, _ = yield from after(self.then.flow(problem), pool)
        reason = f"first: {choice.reason}; then: {second.reason}"
        return Choice(second.position, reason, second.confidence)


def cascade(first: str | Policy, then: str | Policy, below: float = 0.5) -> Cascade:
    """Follow `first`, written as NAME(...); where its confidence is `below`, follow `then`.

    >>> cascade("majority(n=8,verifier=v,model=small)", "fixed(model=large)").then
    Fixed(model='large')
    """
    return Cascade(inner(first), inner(then), float(below))
