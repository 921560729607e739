"""What goes wrong, or looks odd, in programs of models: put around reference solutions.

Used by `evalplus_agreement.py`: two graders should think the same of each.
"""

RESULTS = {
    "same": "out",
    "float": "deep(out, lambda v: float(v) if type(v) is int else v)",
    "int": "deep(out, lambda v: int(v) if type(v) is float and abs(v) < 1e300 else v)",
    "truncated": "deep(out, lambda v: round(v, 3) if type(v) is float else v)",
    "bool-as-int": "deep(out, lambda v: int(v) if type(v) is bool else v)",
    "int-as-bool": "deep(out, lambda v: bool(v) if v in (0, 1) else v)",
    "text": "str(out)",
    "none-for-empty": "out if out else None",
    "none-for-false": "None if out is False else out",
    "nothing": "None",
    "tuple": "tuple(out) if type(out) is list else out",
    "list": "list(out) if type(out) is tuple else out",
    "wrapped": "[out]",
    "set": "set(out) if type(out) in (list, tuple) else out",
    "frozenset": "frozenset(out) if type(out) is set else out",
    "sorted": "sorted(out) if type(out) is list else out",
    "reversed": "out[::-1] if type(out) in (list, tuple, str) else out",
    "unique": "list(dict.fromkeys(out)) if type(out) is list else out",
    "iterator": "iter(out) if type(out) in (list, tuple, set, dict) else out",
    "generator": "(v for v in out) if type(out) in (list, tuple, set) else out",
    "map": "map(lambda v: v, out) if type(out) in (list, tuple) else out",
    "filter": "filter(lambda v: True, out) if type(out) in (list, tuple) else out",
    "keys": "dict.fromkeys(out).keys() if type(out) in (list, tuple, set) else out",
    "values": "dict(enumerate(out)).values() if type(out) in (list, tuple) else out",
    "zip": "zip(*[out]) if type(out) in (list, tuple) else out",
    "range": "range(out) if type(out) is int else out",
    "deque": "collections.deque(out) if type(out) in (list, tuple) else out",
    "counter": "collections.Counter(out) if type(out) is dict else out",
    "ordered": "collections.OrderedDict(out) if type(out) is dict else out",
    "default": "collections.defaultdict(int, out) if type(out) is dict else out",
    "namedtuple": "Pair(*out) if type(out) is tuple and len(out) == 2 else out",
    "bytes": "out.encode() if type(out) is str else out",
    "int-subclass": "Whole(out) if type(out) is int else out",
    "str-subclass": "Word(out) if type(out) is str else out",
    "list-subclass": "Row(out) if type(out) is list else out",
    "complex": "complex(out) if type(out) in (int, float) and abs(out) < 1e300 else out",
    "fraction": "fractions.Fraction(out) if type(out) is int else out",
    "decimal": "decimal.Decimal(out) if type(out) is int else out",
    "numpy-scalar": "numpy().int64(out) if type(out) is int and abs(out) < 2**62 "
    "else numpy().float64(out) if type(out) is float else out",
    "numpy-bool": "numpy().bool_(out) if type(out) is bool else out",
    "numpy-items": "list(numpy().array(out)) if type(out) is list and out "
    "and all(type(v) is int and abs(v) < 2**62 for v in out) else out",
    "numpy-list": "numpy().array(out).tolist() if type(out) is list and out "
    "and all(type(v) is float for v in out) else out",
    "numpy-array": "numpy().array(out) if type(out) is list and out "
    "and all(type(v) in (int, float) and abs(v) < 2**62 for v in out) else out",
    "close-1e-8": "deep(out, lambda v: v + 1e-8 if type(v) is float else v)",
    "close-1e-6": "deep(out, lambda v: v + 9e-7 if type(v) is float else v)",
    "far-1e-5": "deep(out, lambda v: v + 1e-5 if type(v) is float else v)",
    "relative-1e-8": "deep(out, lambda v: v * (1 + 1e-8) if type(v) is float else v)",
    "relative-1e-6": "deep(out, lambda v: v * (1 + 1e-6) if type(v) is float else v)",
    "off-by-1e-9": "deep(out, lambda v: v + 1e-9 if type(v) is int else v)",
    "nan-for-zero": "deep(out, lambda v: float('nan') if v == 0 and type(v) is float else v)",
    "infinity": "deep(out, lambda v: float('inf') if type(v) is float and v > 1e6 else v)",
    "minus-zero": "deep(out, lambda v: -0.0 if type(v) is float and v == 0 else v)",
    "one-more": "deep(out, lambda v: v + 1 if type(v) is int and v > 5 else v)",
    "stripped": "out.strip() if type(out) is str else out",
    "upper": "out.upper() if type(out) is str else out",
    "newline": "out + '\\n' if type(out) is str else out",
    "copied": "copy.deepcopy(out)",
}
"""Expressions of the result `out`."""
BODIES = {
    "prints": "print('x' * 100, file=sys.stderr); print(arguments); return inner(*arguments)",
    "prints-much": "print('x' * 100_000); return inner(*arguments)",
    "clears-inputs": "out = inner(*arguments)\n    for a in arguments:\n"
    "        a.clear() if hasattr(a, 'clear') else None\n    return out",
    "copies-inputs": "return inner(*copy.deepcopy(arguments))",
    "sorts-input": "arguments[0].sort() if type(arguments[0]) is list else None\n"
    "    return inner(*arguments)",
    "reads-input": "input()\n    return inner(*arguments)",
    "tries-input": "try:\n        input()\n    except Exception:\n        pass\n"
    "    return inner(*arguments)",
    "reads-stdin": "sys.stdin.read()\n    return inner(*arguments)",
    "exits": "sys.exit(0)",
    "exits-after": "out = inner(*arguments)\n    raise SystemExit(out)",
    "exits-late": "try:\n        return inner(*arguments)\n    finally:\n        sys.exit()",
    "raises": "out = inner(*arguments)\n    if not out: raise ValueError('none')\n    return out",
    "asserts": "assert arguments, 'nothing'\n    return inner(*arguments)",
    "interrupts": "raise KeyboardInterrupt",
    "catches-all": "try:\n        return inner(*arguments)\n    except BaseException:\n"
    "        return None",
    "yields": "yield inner(*arguments)",
    "deep-900": "return deeper(900, arguments)",
    "deep-2000": "return deeper(2000, arguments)",
    "deep-2000-allowed": "sys.setrecursionlimit(10_000)\n    return deeper(2000, arguments)",
    "deep-30000-allowed": "sys.setrecursionlimit(100_000)\n    return deeper(30_000, arguments)",
    "cached-8000": "sys.setrecursionlimit(100_000)\n"
    "    cached(8_000)\n    return inner(*arguments)",
    "sleeps-once": "if not calls: time.sleep(0.4)\n"
    "    calls.append(1)\n    return inner(*arguments)",
    "works-once": "if not calls: busy(0.2)\n    calls.append(1)\n    return inner(*arguments)",
    "counts-5": "calls.append(1)\n    return None if len(calls) == 5 else inner(*arguments)",
    "counts-100": "calls.append(1)\n    return None if len(calls) == 100 else inner(*arguments)",
    "large": "out = inner(*arguments)\n    return 'x' * 10_000_000 if out == 0 else out",
    "nested": "out = inner(*arguments)\n    for _ in range(500): out = [out]\n    return out",
    "asynchronous": "return later(arguments)",
    "memory-100m": "kept = bytearray(100_000_000)\n    return inner(*arguments)",
    "memory-5g": "kept = bytearray(5_000_000_000)\n    return inner(*arguments)",
    "thread": "import threading\n    got = []\n"
    "    t = threading.Thread(target=lambda: got.append(inner(*arguments)))\n"
    "    t.start(); t.join()\n    return got[0]",
    "random": "import random\n    return inner(*arguments) if random.random() < 2 else None",
    "hash-order": "return inner(*arguments) if hash('a') else None",
}
"""Bodies of a function around `inner`, the reference solution."""
MODULES = {
    "main-guard": "if __name__ == '__main__':\n    raise SystemExit(1)\n",
    "own-tests": "assert callable({name})\nprint('ok')\n",
    "main-call": "def main():\n    print({name})\nmain()\n",
    "failing-test": "assert {name} is None\n",
    "asks-at-once": "try:\n    n = input()\nexcept Exception:\n    n = 0\n",
    "input-at-once": "n = input()\n",
    "exit-at-end": "exit()\n",
    "sys-exit-at-end": "import sys\nsys.exit(0)\n",
    "partial": "import functools\n{name} = functools.partial({name})\n",
    "lambda": "_f = {name}\n{name} = lambda *a: _f(*a)\n",
    "callable-object": "_f = {name}\nclass Call:\n    def __call__(self, *a): return _f(*a)\n"
    "{name} = Call()\n",
    "class-named-so": "_f = {name}\nclass {name}:\n    def __new__(cls, *a): return _f(*a)\n",
    "static": "class Solution:\n    f = staticmethod({name})\n{name} = Solution().f\n",
    "cached": "import functools\n{name} = functools.lru_cache(None)({name})\n",
    "deleted": "del {name}\n",
    "prose-behind": "This function is right.\n",
    "unclosed": "print('a\n",
    "missing-module": "import pandas_is_not_here\n",
    "annotations": "x: List[int] = []\n",
    "numpy": "import numpy as np\nassert np.float64(1) == 1\n",
    "global-state": "import os\nos.environ['A'] = '1'\n",
    "no-newline": "# end",
    "null": "x = '\\0'\n",
    "tabs": "def other():\n\treturn 1\n",
    "wide": "π = 3\nprint('é', π)\n",
    "recursion-limit": "import sys\nsys.setrecursionlimit(10**6)\n",
    "future": "from __future__ import annotations\n",
}
"""Source behind the reference solution."""
HELPERS = """

import collections, copy, decimal, fractions, functools, sys, time
inner = {name}
calls = []
Pair = collections.namedtuple("Pair", "a b")
class Whole(int): pass
class Word(str): pass
class Row(list): pass
def numpy():
    import numpy
    return numpy
def deep(value, change):
    if type(value) in (list, tuple, set):
        return type(value)(deep(v, change) for v in value)
    if type(value) is dict:
        return {{k: deep(v, change) for k, v in value.items()}}
    return change(value)
def deeper(n, arguments):
    return inner(*arguments) if n == 0 else deeper(n - 1, arguments)
@functools.lru_cache(None)
def cached(n):
    return n and cached(n - 1)
def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
async def later(arguments):
    return inner(*arguments)
"""
ALTERATIONS = (*RESULTS, *BODIES, *MODULES)


def altered(solution: str, name: str, change: str) -> str:
    """Return a reference solution with one alteration."""
    if change in MODULES:
        return f"{solution}\n\n" + MODULES[change].replace("{name}", name)
    body = BODIES.get(change) or f"out = inner(*arguments)\n    return {RESULTS[change]}"
    helpers = HELPERS.format(name=name)
    return f"{solution}{helpers}\ndef {name}(*arguments):\n    {body}\n"
