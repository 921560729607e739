"""What a policy is expected to bring and to cost, over many random orders of recorded rows."""

from contextlib import suppress
from dataclasses import dataclass
from functools import reduce

import numpy as np

from vervet.errors import NotRecorded
from vervet.planning.archive import Archive, Floats, Ints, Shelf
from vervet.planning.chains import refined
from vervet.planning.fast import Picked, Some, View, all_there, mix, not_judged, pick
from vervet.planning.flows import driven
from vervet.planning.outcome import Averages, Outcome, both, joined, switched, trusted, upon
from vervet.planning.together import shared
from vervet.policies.abstain import Abstain
from vervet.policies.cascade import Cascade
from vervet.policies.flow import Policy, name_of
from vervet.policies.index import Index
from vervet.policies.mixture import Mixture, parts
from vervet.policies.names import models_named, within
from vervet.policies.refine import Refine
from vervet.stats.estimate import Estimate
from vervet.stats.resampling import mean_interval

CELLS = 4_000_000
"""Samples that are looked at at once: bounds memory, not results."""


@dataclass(frozen=True, slots=True)
class Orders:
    """For every problem and model, random orders in which its samples are drawn."""

    by_model: dict[str, Ints]
    """Shape (problems, orders, samples); −1 is not there."""

    @property
    def count(self) -> int:
        """Orders of each problem."""
        return int(next(iter(self.by_model.values())).shape[1])

    @classmethod
    def random(cls, archive: Archive, count: int, *, seed: int = 0) -> "Orders":
        """Draw `count` orders of every problem; a problem's orders do not depend on the others."""
        return cls({m: _shuffled(s, count, [seed, i])
                    for i, (m, s) in enumerate(archive.shelves.items())})  # fmt: skip

    def after(self, drawn: Floats) -> "Orders":
        """Return what is left of every order after so many samples; shape (problems, orders)."""
        left = {}
        for model, order in self.by_model.items():
            width = order.shape[2]
            place = np.arange(width) + drawn.astype(np.int64)[:, :, None]
            kept = np.take_along_axis(order, np.minimum(place, width - 1), axis=2)
            left[model] = np.where(place < width, kept, -1)
        return Orders(left)

    def first(self, count: int) -> "Orders":
        """Return the first `count` orders."""
        return Orders({model: order[:, :count] for model, order in self.by_model.items()})


def _shuffled(shelf: Shelf, count: int, seed: list[int]) -> Ints:
    width = shelf.right.shape[1] - 1
    orders = np.full((len(shelf.size), count, width), -1, dtype=np.int32)
    for problem, size in enumerate(shelf.size):
        rng = np.random.default_rng([*seed, problem])
        row = np.broadcast_to(np.arange(size, dtype=np.int32), (count, size))
        orders[problem, :, :size] = rng.permuted(row, axis=1)
    return orders


@dataclass(frozen=True, slots=True)
class Monte:
    """What is left to chance because only some orders were replayed."""

    orders: int
    error: float
    """Standard error of the accuracy over orders."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A policy's expected result on recorded problems."""

    policy: str
    accuracy: Estimate
    """Share of problems answered right; what is not known to be right is excluded."""
    wrong: Estimate
    """Share answered wrong: false positives."""
    abstained: Estimate
    samples: float
    """Mean samples a problem."""
    verifications: float
    tokens: float
    """NaN where not counted."""
    dollars: float
    """NaN where not known."""
    seconds: float
    """Mean latency, what is asked for at once running at once; NaN where not known."""
    chance: Monte


def replayed(
    policy: Policy, archive: Archive, orders: Orders | None = None, *, level: float = 0.95
) -> Replayed:
    """Return what `policy` is expected to bring and cost, averaged over random orders.

    The generic replay of the policy's flow defines every number; built-in policies take a
    vectorised path to the same numbers. Intervals are over problems; `chance.error` is the
    rest.

    Raises:
        NotRecorded: the policy asks for more than was recorded; the message says what to draw.
    """
    found = outcome(policy, archive, orders or Orders.random(archive, 200))
    return summary(policy, Averages.of(found), level=level)


def summary(policy: Policy, found: Averages, *, level: float = 0.95) -> Replayed:
    """Average over problems, with intervals."""
    accuracy, wrong, abstained = (
        mean_interval(each, level=level, samples=found.drawn)
        for each in (found.right, found.wrong, found.abstained)
    )
    costs = {name: float(cost.mean()) for name, cost in found.costs.items()}
    chance = Monte(found.orders, found.error)
    return Replayed(name_of(policy), accuracy, wrong, abstained, **costs, chance=chance)


def outcome(policy: Policy, archive: Archive, orders: Orders) -> Outcome:
    """Return what `policy` does on every problem in every order.

    Raises:
        NotRecorded: the policy asks for more than was recorded.
    """
    if not _ours(policy):
        return driven(policy, archive, orders.by_model)
    several = _several(policy, archive, orders)
    if several is not None:
        return several
    model = getattr(policy, "model", None)
    inner = policy
    while model is None and hasattr(inner, "policy"):
        inner = inner.policy
        model = getattr(inner, "model", None)
    shelf = _shelf(archive, model)
    if isinstance(policy, Index) and shelf is not None:
        return shared(policy, shelf, orders.by_model[shelf.model])
    if isinstance(policy, Refine) and shelf is not None:
        return refined(policy, shelf, orders.by_model[shelf.model])
    if shelf is not None:
        blocks = _blocks(policy, shelf, orders.by_model[shelf.model])
        if blocks is not None:
            return joined(blocks)
    return driven(policy, archive, orders.by_model)


def _several(policy: Policy, archive: Archive, orders: Orders) -> Outcome | None:
    """Return what a policy of several models or policies does; None where it is no such policy."""
    if isinstance(policy, Mixture) and _distinct(policy, archive):
        return _mixed(policy, archive, orders)
    if isinstance(policy, Cascade):
        return _cascaded(policy, archive, orders)
    if isinstance(policy, Abstain) and policy.by == "confidence" and _flows(policy.policy):
        return trusted(outcome(policy.policy, archive, orders), policy.below)
    return None


def _ours(policy: Policy) -> bool:
    """Tell whether a policy and all inside it are built in: a subclass may decide otherwise."""
    return all(type(each).__module__.startswith("vervet.policies.") for each in within(policy))


def vectorised(policy: Policy) -> bool:
    """Tell whether a policy is replayed without its flow, which is a hundred times quicker."""
    if not _ours(policy):
        return False
    if isinstance(policy, Cascade):
        alone = not _any(policy, Index)  # inside another, an index looks at one problem
        return alone and vectorised(policy.first) and vectorised(policy.then)
    if isinstance(policy, Abstain) and policy.by == "confidence" and _flows(policy.policy):
        return vectorised(policy.policy)
    if isinstance(policy, Index | Mixture | Refine):
        return True
    inner = getattr(policy, "policy", policy)
    return pick.dispatch(type(inner)) is not pick.dispatch(object)


def _flows(policy: Policy) -> bool:
    """Tell whether `outcome` of a policy inside another is what its flow does there."""
    return isinstance(policy, Cascade | Mixture | Refine | Abstain)


def _cascaded(policy: Cascade, archive: Archive, orders: Orders) -> Outcome:
    """Return what a cascade does: the second policy draws what the first has left.

    Where that cannot be said for all orders at once, or the second lacks samples (perhaps in orders
    in which it is not asked), the flow says it.
    """
    one, two = (_draws_from(each, archive) for each in (policy.first, policy.then))
    alike = one == two and len(one) == 1 and not _any(policy.first, Refine)
    if one and two and (alike or one.isdisjoint(two)):
        with suppress(NotRecorded):
            first = outcome(policy.first, archive, orders)
            doubt = ~first.returned | (first.trust < policy.below)
            left = orders.after(first.samples * doubt) if alike else orders
            return switched(first, outcome(policy.then, archive, left), doubt)
    return driven(policy, archive, orders.by_model)


def _draws_from(policy: Policy, archive: Archive) -> set[str]:
    """Return the models a policy draws from; empty where that is not known for all orders."""
    if not vectorised(policy) or _any(policy, Index):
        return set()
    simple = [each for each in within(policy) if not isinstance(each, Abstain | Cascade)]
    named = {
        model for each in simple for model in models_named(each) or [next(iter(archive.shelves))]
    }
    return named if named <= archive.shelves.keys() else set()


def _any(policy: Policy, kind: type) -> bool:
    return any(isinstance(each, kind) for each in within(policy))


def _distinct(policy: Mixture, archive: Archive) -> bool:
    """Tell whether every model of a mixture was recorded, and is drawn from once."""
    models = [model for model, _ in parts(policy.models)]
    return len(set(models)) == len(models) and set(models) <= set(archive.shelves)


def _mixed(policy: Mixture, archive: Archive, orders: Orders) -> Outcome:
    """Return what a mixture does: model by model, then the vote of all, or the first accepted."""
    some = [(archive.shelves[model], count) for model, count in parts(policy.models)]
    width = max(orders.by_model[shelf.model].shape[2] for shelf, _ in some)
    step = max(1, CELLS // (orders.count * width))
    blocks = []
    for start in range(0, archive.problems, step):
        problem = np.arange(start, min(start + step, archive.problems))
        views = [
            View(
                shelf,
                np.repeat(problem, orders.count),
                orders.by_model[shelf.model][problem].reshape(len(problem) * orders.count, -1),
            )
            for shelf, _ in some
        ]
        picked = mix(policy, views)
        shape = (len(problem), orders.count)
        told = [_account(one, view, shape) for one, view in zip(picked, views, strict=True)]
        blocks.append(reduce(both if policy.by == "votes" else upon, told))
    return joined(blocks)


def _shelf(archive: Archive, model: str | None) -> Shelf | None:
    """Return the shelf a policy draws from; without a name, the first."""
    if model is None:
        return None
    return archive.shelves.get(model or next(iter(archive.shelves)))


def _blocks(policy: Policy, shelf: Shelf, orders: Ints) -> list[Outcome] | None:
    """Go over the problems a block at a time; None where only the flow can say."""
    problems, count, width = orders.shape
    step = max(1, CELLS // max(1, count * width))
    found = []
    for start in range(0, problems, step):
        some = orders[start : start + step]
        problem = np.repeat(np.arange(start, start + len(some)), count)
        view = View(shelf, problem, some.reshape(-1, width))
        picked = pick(policy, view)
        if picked is None:
            return None
        found.append(_account(picked, view, (len(some), count)))
    return found


def _account(picked: Picked, view: View, shape: tuple[int, int]) -> Outcome:
    """Look up what was chosen, and add up what was paid."""
    shelf, rows = view.shelf, np.arange(len(view.problem))
    all_there(picked.drawn, picked.asked, view)
    samples = picked.drawn.astype(np.float64)
    asked = [(view.heard(verifier), trials) for verifier, trials in picked.asked]
    spent, dear = (
        _paid(sum((_over(getattr(heard, unit), trials) for heard, trials in asked),
                  start=getattr(shelf, unit)), view, picked)
        for unit in ("tokens", "dollars")
    )  # fmt: skip
    wait = _waited(shelf.seconds, view, picked)
    for heard, trials in asked:
        wait = wait + _waited(heard.seconds[:, :, :trials].max(axis=2), view, picked)
    verified = samples * sum(trials for _, trials in asked)
    if picked.some is not None:
        more = _extra(picked.some, view)
        verified, spent, dear, wait = (
            one + two for one, two in zip((verified, spent, dear, wait), more, strict=True)
        )
    kept = np.minimum(np.maximum(picked.place, 0), view.order.shape[1] - 1)
    chosen = view.order[rows, kept]
    returned = picked.place >= 0
    right = np.where(returned, shelf.right[view.problem, chosen], 0.0)
    trust = np.full(len(rows), np.inf) if picked.trust is None else picked.trust
    return Outcome(
        right.reshape(shape),
        returned.reshape(shape),
        trust.reshape(shape),
        samples.reshape(shape),
        verified.reshape(shape),
        spent.reshape(shape),
        dear.reshape(shape),
        wait.reshape(shape),
    )


def _extra(some: Some, view: View) -> tuple[Floats, Floats, Floats, Floats]:
    """Return verifications, tokens, dollars and seconds of asking about some samples, at once."""
    heard, limit = view.heard(some.verifier), some.about.shape[1]
    told = view.take(heard.told, limit)
    if (some.about & (told < some.trials)).any():
        raise not_judged(some.verifier, int(told[some.about].min()), some.trials)
    tokens, dollars = (
        np.where(some.about, view.take(_over(column, some.trials), limit), 0.0).sum(axis=1)
        for column in (heard.tokens, heard.dollars)
    )
    slowest = view.take(heard.seconds[:, :, : some.trials].max(axis=2), limit)
    wait = np.where(some.about, slowest, 0.0).max(axis=1)
    return some.about.sum(axis=1) * float(some.trials), tokens, dollars, wait


def _over(column: Floats, trials: int) -> Floats:
    return np.asarray(column[:, :, :trials].sum(axis=2))


def _paid(column: Floats, view: View, picked: Picked) -> Floats:
    """Return what a column adds up to over the samples that each row draws."""
    if np.isnan(column).all():
        return np.full(len(view.problem), np.nan)
    limit = int(picked.drawn.max(initial=0))
    taken = view.take(column, limit)
    if (picked.drawn == limit).all():
        return np.asarray(taken.sum(axis=1))
    return np.asarray(np.cumsum(taken, axis=1)[np.arange(len(taken)), picked.drawn - 1])


def _waited(column: Floats, view: View, picked: Picked) -> Floats:
    """Return the seconds until the last sample that each row draws."""
    if not column.any():
        return np.zeros(len(view.problem))
    limit = int(picked.drawn.max(initial=0))
    taken = view.take(column, limit)
    if not picked.window and (picked.drawn == limit).all():
        return np.asarray(taken.max(axis=1, initial=0.0))
    return np.asarray(_latency(taken, picked)[np.arange(len(taken)), picked.drawn - 1])


def _latency(seconds: Floats, picked: Picked) -> Floats:
    """Return the seconds until each sample is there: what is asked for at once runs at once."""
    limit = seconds.shape[1]
    window = picked.window or limit
    ends = np.empty_like(seconds)
    before = np.zeros(len(seconds))
    for start in range(0, limit, window):
        part = np.maximum.accumulate(seconds[:, start : start + window], axis=1)
        ends[:, start : start + window] = part + before[:, None]
        before = ends[:, min(start + window, limit) - 1]
    return ends
