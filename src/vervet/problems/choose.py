"""Which problems of a set: by id, shuffled, cut; and the checks every set passes."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from vervet.errors import ConfigError
from vervet.types import Problem


def choose(
    name: str,
    problems: Sequence[Problem],
    *,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> tuple[Problem, ...]:
    """Return the problems called `ids`, or all; shuffled by `seed`; the first `limit` of them.

    Raises:
        ConfigError: no such id, a negative limit, or nothing is left.
    """
    chosen = list(problems) if ids is None else _by_id(name, problems, ids)
    if seed is not None:
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(chosen))
        chosen = [chosen[i] for i in order]
    if limit is not None:
        if limit < 1:
            raise ConfigError(f"{name}: limit {limit} leaves no problems; it must be at least 1.")
        chosen = chosen[:limit]
    if not chosen:
        raise ConfigError(f"{name}: there are no problems.")
    return tuple(chosen)


def _by_id(name: str, problems: Sequence[Problem], ids: Sequence[str]) -> list[Problem]:
    known = {problem.id: problem for problem in problems}
    wanted = [ids] if isinstance(ids, str) else [str(i) for i in ids]
    for missing in (i for i in wanted if i not in known):
        example = next(iter(known), "none")
        raise ConfigError(f"{name}: no problem {missing!r}; ids look like {example!r}.")
    return [known[i] for i in dict.fromkeys(wanted)]


def refuse_repeats(name: str, problems: Sequence[Problem]) -> None:
    """Refuse problems that share an id or show nothing.

    Raises:
        ConfigError: naming the first such problem.
    """
    id_, count = Counter(p.id for p in problems).most_common(1)[0] if problems else ("", 0)
    if count > 1:
        raise ConfigError(f"{name}: the id {id_!r} names {count} problems; ids must be unique.")
    for at, problem in enumerate(problems, start=1):
        if not problem.prompt.strip() and not problem.messages:
            raise ConfigError(f"{name}: problem {at} ({problem.id!r}) has an empty prompt.")
