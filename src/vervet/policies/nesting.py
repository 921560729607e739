"""Policies made of policies: reading one inside another, and running one after another."""

import json
from collections.abc import Generator

from vervet import registry
from vervet.errors import ConfigError
from vervet.policies.flow import Choice, Flow, Policy, Pool, Request, Revise, Verify
from vervet.types import Sample, Verdict


def inner(spec: str | Policy) -> Policy:
    """Return the policy written as `name(key=value,key=value)`, or the object itself.

    Raises:
        ConfigError: it is not written so, or there is no such policy.

    >>> inner("majority(n=8,verifier=v)")
    Majority(n=8, verifier='v', margin=0.0, model='')
    """
    if not isinstance(spec, str):
        return spec
    name, opened, rest = spec.partition("(")
    if opened and not rest.endswith(")"):
        raise ConfigError(f"policy {spec!r}: a parenthesis is open. Write name(key=value,...).")
    settings: dict[str, object] = {}
    for part in filter(None, registry.split(rest.removesuffix(")"))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ConfigError(f"policy {spec!r}: {part!r} is not key=value.")
        settings[key.strip()] = _value(value.strip())
    found: Policy = registry.find("policies", name, **settings)
    return found


def _value(text: str) -> object:
    """Read a number, true, false or null; anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class Later(Pool):
    """The part of a pool that a second policy paid for, numbered from zero."""

    __slots__ = ("before", "start", "whole")

    def __init__(self, whole: Pool, start: int, before: tuple[int, int]) -> None:
        super().__init__()
        self.whole, self.start, self.before = whole, start, before
        self.samples: list[Sample] = whole.samples[start:]

    def about(self, position: int, verifier: str) -> tuple[Verdict, ...]:
        """Return what `verifier` said of the sample at `position` of this part."""
        return self.whole.about(position + self.start, verifier)

    @property
    def verifications(self) -> int:
        """Number of verdicts asked for and had, in this part."""
        return self.whole.verifications - self.before[0]

    @property
    def tokens(self) -> int:
        """Tokens paid for this part."""
        return self.whole.tokens - self.before[1]


def after(flow: Flow, pool: Pool) -> Generator[Request, Pool, tuple[Choice, Pool]]:
    """Run `flow` on what is drawn after `pool`; return its choice and the pool, both of the whole.

    `return (yield from after(policy.flow(problem), pool))`.
    """
    start, before = len(pool.samples), (pool.verifications, pool.tokens)
    try:
        request = next(flow)
        while True:
            if isinstance(request, Verify):
                moved = [position + start for position in request.positions]
                request = Verify(moved, request.verifier, request.trials)
            elif isinstance(request, Revise):
                request = Revise(request.position + start, request.verifier)
            pool = yield request
            request = flow.send(Later(pool, start, before) if start else pool)
    except StopIteration as stop:
        choice: Choice = stop.value
    if choice.position is None:
        return choice, pool
    return Choice(choice.position + start, choice.reason, choice.confidence), pool
