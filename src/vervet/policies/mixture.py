"""Mixture: some samples of each of several models, together."""

from dataclasses import dataclass

from vervet.errors import ConfigError
from vervet.policies.flow import Choice, Draw, Flow, Pool, Verify
from vervet.policies.voting import count_votes, most_voted
from vervet.types import Problem

BY = ("votes", "accepted")


@dataclass(frozen=True, slots=True)
class Mixture:
    """Draw from several models, `models="small*5|large*1"`, and choose among all samples.

    `by="votes"`: draw all, then the most frequent answer wins, as `verifier` reads it.
    `by="accepted"`: model by model, all its samples at once; the first that `verifier` accepts is
    returned and the later models are not asked.
    """

    models: str
    verifier: str
    by: str = "votes"

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise ConfigError(f"mixture: by={self.by!r}. Write one of: {', '.join(BY)}.")
        parts(self.models)

    def flow(self, problem: Problem, /) -> Flow:
        """Draw, read, choose."""
        del problem
        pool, drawn = Pool(), 0
        for model, count in parts(self.models):
            yield Draw(count, model)
            latest = range(drawn, drawn + count)
            pool = yield Verify(latest, self.verifier)
            drawn += count
            accepted = [i for i in latest if pool.accepted(i, self.verifier)]
            if self.by == "accepted" and accepted:
                return Choice(accepted[0], f"accepted sample {accepted[0] + 1} of {drawn}")
        if self.by == "accepted":
            return Choice(None, f"none of {drawn} accepted")
        return most_voted(*count_votes(pool, self.verifier, drawn), drawn)


def parts(models: str) -> list[tuple[str, int]]:
    """Read how many samples to draw of which model.

    Raises:
        ConfigError: it is not written MODEL*COUNT|MODEL*COUNT.

    >>> parts("small*5|large*1")
    [('small', 5), ('large', 1)]
    """
    found = []
    for part in models.split("|"):
        model, star, count = part.rpartition("*")
        if not star or not model or not count.isdigit() or int(count) < 1:
            raise ConfigError(f"mixture: {part!r} is not MODEL*COUNT, as in small*5|large*1.")
        found.append((model, int(count)))
    return found
