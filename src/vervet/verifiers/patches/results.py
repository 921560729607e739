"""What the tests said: signed lines of the witness, a JUnit file, or a log; and who must pass.

The rule is that of the SWE-bench harness: a FAIL_TO_PASS test must have passed (an expected failure
counts), a PASS_TO_PASS test may also be skipped, and a test that was not heard of has failed.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

CONTROLS = "vervet_controls::"
FEWEST_CONTROLS = 5
ORDER = {"passed": 0, "xfailed": 0, "xpassed": 1, "skipped": 1, "failed": 2, "error": 3}
WORDS = {
    "passed": "passed", "pass": "passed", "ok": "passed", "success": "passed", "xfail": "xfailed",
    "xfailed": "xfailed", "xpass": "xpassed", "xpassed": "xpassed", "skipped": "skipped",
    "skip": "skipped", "ignored": "skipped", "failed": "failed", "fail": "failed",
    "failure": "failed", "not ok": "failed", "error": "error", "expected failure": "xfailed",
}  # fmt: skip
PASSES = {"passed", "xfailed"}
LONGEST_LINE = 1 << 20


@dataclass(slots=True)
class Heard:
    """What was heard of a run; the worst that was said of a test counts."""

    key: bytes = b""
    tests: dict[str, str] = field(default_factory=dict)
    begun: bool = False
    ended: bool = False
    forged: int = 0
    """Lines that nobody signed."""
    replaced: set[str] = field(default_factory=set)
    """Rules of the test runner that were not the same any more."""
    count: int = 0
    rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take what stood in the witness's pipe."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self.rest) > LONGEST_LINE:
            self.forged, self.rest = self.forged + 1, b""

    def _line(self, line: bytes) -> None:
        said, _, body = line.partition(b" ")
        signed = hashlib.blake2b(body, key=self.key, digest_size=16).hexdigest().encode()
        if not hmac.compare_digest(said, signed):
            self.forged += 1
            return
        try:
            count, kind, what = json.loads(body)
            self.forged += count != self.count
            self.count += 1
            self._told(str(kind), what)
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            self.forged += 1  # signed, but not in the witness's words

    def _told(self, kind: str, what: Mapping[str, Any]) -> None:
        if kind == "begin":
            self.begun, self.ended = True, False
        elif kind == "end":
            self.ended = True
        elif kind == "test":
            self.replaced.update(map(str, what.get("changed") or ()))
            for name in what["ids"]:
                self.note(str(name), str(what["status"]))

    def note(self, name: str, status: str) -> None:
        """Keep the worst that was said of a test."""
        if ORDER[status] >= ORDER[self.tests.get(name, "passed")]:
            self.tests[name] = status

    def controls(self) -> dict[str, str]:
        """Return what became of the control tests, all of which must have failed."""
        return {name: said for name, said in self.tests.items() if name.startswith(CONTROLS)}

    def doubt(self) -> str:
        """Say why the run proves nothing about the tests, or nothing: it did not get to its end."""
        if not self.begun:
            return "no test runner was started"
        if not self.ended:
            return "the test run ended early"
        if len(self.controls()) < FEWEST_CONTROLS:
            return "the control tests were not run"
        return ""

    def fraud(self) -> str:
        """Say which rule of testing the code under test has broken, or nothing."""
        if self.forged:
            return "test results were forged"
        if self.replaced:
            return f"the code under test replaces {', '.join(sorted(self.replaced)[:3])}"
        passing = [name for name, said in self.controls().items() if ORDER[said] < ORDER["failed"]]
        if passing:
            shown = passing[0].removeprefix(CONTROLS)
            return f"a control test that must fail does not: {shown}"
        return ""


def status_of(name: str, tests: Mapping[str, str]) -> str | None:
    """Return what became of a test; None where it was not heard of.

    An id that upstream cut at a space or in its parameters stands for every test it begins, where
    these agree; a bare name stands for the one test that is called so.

    >>> status_of("t.py::test_a[x", {"t.py::test_a[x y]": "passed"})
    'passed'
    >>> status_of("test_a", {"t.py::test_a": "failed"})
    'failed'
    """
    if name in tests:
        return tests[name]
    if name.count("[") > name.count("]"):
        return _agreed(said for key, said in tests.items() if key.startswith(name))
    if name.isidentifier():
        return _agreed(said for key, said in tests.items() if key.endswith(f"::{name}"))
    return None


def _agreed(found: Iterable[str]) -> str | None:
    statuses = list(found)
    return statuses[0] if len({said in PASSES for said in statuses}) == 1 else None


@dataclass(frozen=True, slots=True)
class Score:
    """Which of the expected tests passed."""

    fail_to_pass: Mapping[str, bool]
    pass_to_pass: Mapping[str, bool]

    @property
    def failed(self) -> list[str]:
        """Return the tests that should have passed and did not."""
        both = [*self.fail_to_pass.items(), *self.pass_to_pass.items()]
        return [name for name, passed in both if not passed]

    @property
    def share(self) -> float:
        """Return the share of the expected tests that passed."""
        total = len(self.fail_to_pass) + len(self.pass_to_pass)
        return 1.0 - len(self.failed) / total


def score(
    fail_to_pass: Sequence[str], pass_to_pass: Sequence[str], tests: Mapping[str, str]
) -> Score:
    """Hold what was heard against what must pass."""
    maintained = PASSES | {"skipped"}
    return Score(
        {name: status_of(name, tests) in PASSES for name in fail_to_pass},
        {name: status_of(name, tests) in maintained for name in pass_to_pass},
    )


def read_junit(text: str) -> dict[str, str]:
    """Read a JUnit report; a test goes by `class.name`, `file::name` and its name.

    >>> read_junit('<suite><testcase classname="a.B" name="t"><failure/></testcase></suite>')
    {'a.B.t': 'failed', 't': 'failed'}
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except (ET.ParseError, ValueError):
        return {}
    heard = Heard()
    for case in root.iter("testcase"):
        kinds = {child.tag.rpartition("}")[2] for child in case}
        status = next((k for k in ("error", "failure", "skipped") if k in kinds), "passed")
        name, owner, file = (case.get(key) or "" for key in ("name", "classname", "file"))
        full = [f"{owner}.{name}"] if owner else []
        for known in [*full, *([f"{file}::{name}"] if file else []), name]:
            heard.note(known, WORDS.get(status, "failed"))
    return heard.tests


def read_log(text: str, pattern: str) -> dict[str, str]:
    r"""Read a log by an expression with the groups `id` and `status`.

    >>> read_log("ok 1 - adds\nnot ok 2 - divides", r"^(?P<status>ok|not ok) \d+ - (?P<id>.*)$")
    {'adds': 'passed', 'divides': 'failed'}
    """
    heard = Heard()
    for match in re.finditer(pattern, text, re.MULTILINE):
        word = match["status"].strip().lower().rstrip(".:")
        heard.note(match["id"].strip(), WORDS.get(word, "failed"))
    return heard.tests
