"""The witness: tells the outside what became of each test, each line signed with a secret.

It is loaded before the code under test, watches pytest (as a plugin) and unittest (by its results),
and adds control tests which must fail: where they do not, the code under test has changed the
rules. What it tells goes to a named pipe that the sandbox's first process reads, never to the
output, and is told at once: what was told of a failure cannot be taken back.

It runs in the environment of the repository under test: any Python from 3.6 on.
"""
# Paths are plain strings: pathlib may be what is under test.
# ruff: noqa: PTH100, PTH118, PTH120

import hashlib
import json
import os
import sys
import threading
from importlib.abc import MetaPathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import Any

CONTROLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "controls.py")
CONTROL_NAMES = "vervet_controls::"
RESULTS = {
    "addSuccess": "passed",
    "addFailure": "failed",
    "addError": "error",
    "addSkip": "skipped",
    "addExpectedFailure": "xfailed",
    "addUnexpectedSuccess": "failed",
}


class Witness:
    """Signs and sends, in the process that runs the tests and in no other."""

    def __init__(self) -> None:
        self.path = os.environ.get("VERVET_WITNESS", "")
        self.signer: Any = None
        self.process = self.count = 0
        self.lock = threading.Lock()
        self.active = False
        self.rules: list[tuple[Any, str, Any, Any]] = []
        self.result: Any = None

    def take(self) -> None:
        """Take the secret out of the environment, where this process is the first to want it."""
        secret = os.environ.pop("VERVET_SECRET", "")
        if secret and self.signer is None:
            self.signer = hashlib.blake2b(key=bytes.fromhex(secret), digest_size=16)
            self.process = os.getpid()

    def begin(self, runner: str) -> bool:
        """Begin to listen; False where a run inside of a run asks, or another process has it."""
        if self.signer is None or self.active or os.getpid() != self.process:
            return False
        self.active = True
        self.tell("begin", runner=runner)
        return True

    def end(self, status: int) -> None:
        """Say that the run came to its end."""
        self.tell("end", status=status)
        self.active = False

    def learn(self, owner: Any, names: Any) -> None:  # noqa: ANN401 - classes and modules
        """Remember what must not be replaced."""
        for name in names:
            rule = vars(owner).get(name)
            self.rules.append((owner, name, rule, code_of(rule)))

    def test(self, ids: "list[str]", status: str) -> None:
        """Tell what became of one test, and which rules were replaced."""
        changed = [
            name
            for owner, name, rule, code in self.rules
            if vars(owner).get(name) is not rule or code_of(rule) is not code
        ]
        self.tell("test", ids=ids, status=status, changed=changed)

    def tell(self, kind: str, **said: Any) -> None:  # noqa: ANN401 - plain JSON data
        """Send one signed line."""
        if self.signer is None or os.getpid() != self.process:
            return
        with self.lock:
            body = json.dumps([self.count, kind, said]).encode()
            self.count += 1
            signer = self.signer.copy()
            signer.update(body)
            line = signer.hexdigest().encode() + b" " + body + b"\n"
            pipe = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                while line:
                    line = line[os.write(pipe, line) :]
            finally:
                os.close(pipe)


CURRENT = Witness()


def code_of(rule: Any) -> Any:  # noqa: ANN401 - a function, or a class method
    """Return the code a rule runs."""
    return getattr(getattr(rule, "__func__", rule), "__code__", None)


def attend() -> None:
    """Have pytest load the plugin, and look at unittest once it is imported."""
    plugins = os.environ.get("PYTEST_PLUGINS", "")
    if "witness_pytest" not in plugins.split(","):
        os.environ["PYTEST_PLUGINS"] = ",".join(filter(None, (plugins, "witness_pytest")))
    sys.meta_path.insert(0, WhenImported())


class WhenImported(MetaPathFinder):
    """Looks at `unittest.runner` right after it was imported; finds nothing itself."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ANN401 - as the protocol says
        """Return the spec of `unittest.runner`, with a loader that looks at it afterwards."""
        del path, target
        if name != "unittest.runner":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def then_look(module: Any) -> None:  # noqa: ANN401 - a module
                run(module)
                look_at_unittest(module)

            spec.loader.exec_module = then_look  # type: ignore[method-assign]
        return spec


def look_at_unittest(runner: Any) -> None:  # noqa: ANN401 - a module
    """Hear of every result of a text runner, and give its runs their controls."""
    witness, result = CURRENT, sys.modules["unittest.result"].TestResult
    witness.take()
    case = sys.modules["unittest.case"].TestCase
    names = [name for name in vars(case) if name.startswith(("assert", "fail", "run", "_call"))]
    witness.learn(case, [*names, "__call__"])
    for name, status in RESULTS.items():
        setattr(result, name, hearing(getattr(result, name), status))
    result.addSubTest = hearing_subtests(result.addSubTest)
    witness.learn(result, [*RESULTS, "addSubTest"])
    run, make = runner.TextTestRunner.run, runner.TextTestRunner._makeResult  # noqa: SLF001 - where results are made

    def make_heard(self: Any) -> Any:  # noqa: ANN401 - as unittest calls it
        made = make(self)
        if witness.active and witness.result is None:
            witness.result = made
        return made

    def run_with_controls(self: Any, test: Any) -> Any:  # noqa: ANN401 - as unittest calls it
        if not witness.begin("unittest"):
            return run(self, test)
        done = run(self, sys.modules["unittest.suite"].TestSuite([test, controls()]))
        witness.end(int(not done.wasSuccessful()))
        witness.result = None
        return done

    runner.TextTestRunner._makeResult = make_heard  # noqa: SLF001 - as above
    runner.TextTestRunner.run = run_with_controls


def hearing(inside: Any, status: str) -> Any:  # noqa: ANN401 - a method of TestResult
    """Return the method that tells a status and then does what it did."""

    def method(self: Any, test: Any, *rest: Any) -> Any:  # noqa: ANN401 - as unittest calls it
        if self is CURRENT.result:
            CURRENT.test(names_of(test), status)
        return inside(self, test, *rest)

    return method


def hearing_subtests(inside: Any) -> Any:  # noqa: ANN401 - a method of TestResult
    """Return the method that tells of a failed part of a test."""

    def method(self: Any, test: Any, subtest: Any, error: Any) -> Any:  # noqa: ANN401 - as unittest calls it
        if self is CURRENT.result and error is not None:
            CURRENT.test(names_of(test), "failed")
        return inside(self, test, subtest, error)

    return method


def names_of(test: Any) -> "list[str]":  # noqa: ANN401 - a test
    """Return the names a test goes by: its id, as it prints itself, the first line of its text."""
    kind, method = type(test), getattr(test, "_testMethodName", "")
    if kind.__module__ == "vervet_controls":
        return [f"{CONTROL_NAMES}{kind.__qualname__}::{method}"]
    found = [test.id(), str(test)]
    if method:
        found.append(f"{method} ({kind.__module__}.{kind.__qualname__})")
        found.append(str(test.shortDescription() or "").strip())
    return [name for name in dict.fromkeys(found) if name]


def controls() -> Any:  # noqa: ANN401 - a suite
    """Return the tests that must fail."""
    spec = spec_from_file_location("vervet_controls", CONTROLS)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return sys.modules["unittest.loader"].defaultTestLoader.loadTestsFromModule(module)
