"""One sample, returned as it is: what every other policy is compared with."""

from dataclasses import dataclass

from vervet.policies.flow import Choice, Draw, Flow
from vervet.types import Problem


@dataclass(frozen=True, slots=True)
class Fixed:
    """Draw one sample and return it."""

    model: str = ""

    def flow(self, problem: Problem, /) -> Flow:
        """Draw one, return it."""
        del problem
        yield Draw(1, self.model)
        return Choice(0, "the only sample")
