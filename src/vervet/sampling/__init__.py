"""Fill the samples of a run: wanted keys minus recorded keys, drawn and stored as they come."""

from collections.abc import Iterable, Sequence

from vervet.engines import Engine, Local, bridge
from vervet.errors import ConfigError
from vervet.sampling.drawing import Drawing, Drawn, Stage
from vervet.store import Run
from vervet.types import Problem, Sampler, Watcher, silent

__all__ = ["Drawn", "Stage", "sample"]

MOST = 10_000_000
"""Samples of one problem: more than anybody draws, and what still fits in memory."""


def sample(
    run: Run,
    problems: Iterable[Problem],
    sampler: Sampler,
    *,
    n: int,
    then: Sequence[Stage] = (),
    engine: Engine | None = None,
    watch: Watcher = silent,
) -> Drawn:
    """Draw what is missing of samples 0…n−1 of every problem, and store it as it comes.

    Samples go to the stages of `then` as soon as they are durable. An interrupt keeps everything
    that finished; the same call draws the rest. Two processes may fill one run.

    Raises:
        ConfigError: n is not from 1 to 10,000,000, a problem is recorded with other content, or the
            endpoint refuses the key or the model; nothing was drawn.
        StoreError: a batch could not be stored; all before it is.
    """
    if not 1 <= n <= MOST:
        raise ConfigError(
            f"n = {n} samples of each problem cannot be drawn; from 1 to {MOST:,} can"
        )
    drawing = Drawing(
        run, list(problems), sampler=sampler, n=n, engine=engine or Local(), watch=watch
    )
    return bridge.run(drawing.draw(then))
