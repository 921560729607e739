"""The process in which Math-Verify runs: one JSON question a line in, one JSON answer a line out.

It is started by its path and imports nothing of ours. It may be killed at any moment; it limits
its own memory, and an alarm ends it should whoever asked have died.

Math-Verify accepts some wrong pairs (it calls 1/2^99 equal to 1/2^98), so what it accepts must
hold in both directions and then once more by numbers, at points of our own.
"""

import json
import logging
import resource
import signal
import sys
from typing import Any

ALARM = 60
"""Seconds after which a worker that was forgotten ends itself."""
POINTS = ("1.3717421", "-0.6180340", "5.8823529")
DIGITS = 60
CLOSE = 10**-40


def main() -> None:
    """Answer questions until the input ends."""
    megabytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    logging.disable(logging.CRITICAL)
    import math_verify  # noqa: F401, PLC0415 - the slow part, before we say we are ready

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        signal.alarm(ALARM)
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
        signal.alarm(0)


def answer(question: dict[str, str]) -> dict[str, Any]:
    """Return {"equal": bool} or {"error": why}."""
    try:
        return {"equal": equal(question["reference"], question["answer"])}
    except MemoryError:
        return {"error": "out of memory"}
    except RecursionError:
        return {"error": "nested too deeply"}
    except Exception as cause:  # noqa: BLE001 - whatever it raises is our failure, not the sample's
        return {"error": f"{type(cause).__name__}: {str(cause)[:200]}"}


def equal(reference: str, given: str) -> bool:
    """Ask Math-Verify in both directions, then check its word."""
    from math_verify import parse, verify  # noqa: PLC0415 - loaded when the process is

    mine = parse(f"${reference}$", parsing_timeout=None)
    yours = parse(f"${given}$", parsing_timeout=None)
    if not mine or not yours:
        return False
    both = verify(mine, yours, timeout_seconds=None) and verify(yours, mine, timeout_seconds=None)
    return bool(both and confirmed(mine[0], yours[0]))


def confirmed(mine: Any, yours: Any) -> bool:  # noqa: ANN401 - sympy objects
    """Return whether two parsed answers agree by our own measure."""
    import sympy  # noqa: PLC0415 - loaded with Math-Verify

    if isinstance(mine, str) or isinstance(yours, str):
        return str(mine) == str(yours)
    if isinstance(mine, sympy.Expr) and isinstance(yours, sympy.Expr):
        return _same_numbers(mine, yours)
    if isinstance(mine, sympy.MatrixBase) and isinstance(yours, sympy.MatrixBase):
        return mine.shape == yours.shape and all(map(confirmed, mine, yours))
    if type(mine) is type(yours) and len(mine.args) == len(yours.args) and mine.args:
        return all(map(confirmed, mine.args, yours.args))
    return bool(mine == yours)


def _same_numbers(mine: Any, yours: Any) -> bool:  # noqa: ANN401 - sympy expressions
    import sympy  # noqa: PLC0415 - loaded with Math-Verify

    names = sorted(mine.free_symbols | yours.free_symbols, key=str)
    for at, point in enumerate(POINTS):
        where = {name: sympy.Rational(point) + at + i for i, name in enumerate(names)}
        left, right = (sympy.N(e.subs(where).doit(), DIGITS) for e in (mine, yours))
        size = max(abs(complex(left)), abs(complex(right)), 1e-300)
        if not abs(left - right) <= CLOSE * size:
            return False
    return True


if __name__ == "__main__":
    main()
