"""The verifier `patch`: a diff is right if the tests it must repair pass, and no other breaks.

The rule is that of SWE-bench (Jimenez et al. 2024, arXiv:2310.06770): apply, add the tests as
given, run them, and look at FAIL_TO_PASS and PASS_TO_PASS test by test; in a sandbox of our own,
for any repository with a test command (docs/patches.md).
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, verdict
from vervet.verifiers.patches.diffs import patch_of, wrong_with
from vervet.verifiers.patches.environment import environment_of
from vervet.verifiers.patches.instance import Instance, instance_of
from vervet.verifiers.patches.repositories import Repositories
from vervet.verifiers.patches.results import Heard, Score, score, status_of
from vervet.verifiers.patches.run import Limits, Ran, Work, instance_uses_witness, run
from vervet.verifiers.patches.sabotage import still_passing

VERSION = "1"
LONGEST_PATCH = 16 << 20
NO_PATCH = "no patch found"
NO_CHANGE = (
    "diff --git a/vervet-no-change.txt b/vervet-no-change.txt\nnew file mode 100644\n"
    "--- /dev/null\n+++ b/vervet-no-change.txt\n@@ -0,0 +1 @@\n+nothing\n"
)
"""A patch that repairs nothing: what it passes, tells nothing."""
STOPPED = {
    "time": "time limit: the tests ran longer than {0.seconds:g} s",
    "memory": "memory limit: the tests took more than {0.megabytes} MB",
    "processes": "process limit: the tests started {0.processes} processes",
    "output": "output limit: the tests printed more than {0.output_megabytes} MB",
}
COUNTED = 20
"""Failed tests that the evidence names, of each kind."""

TRAITS = Traits(
    cost="a checkout, once for a problem, and the time of its tests: seconds to minutes",
    deterministic=False,
    fooled_by="tests too weak to tell; code that imitates single results and knows spoiled tests "
    "from real ones, as it runs in the process that runs them; suites that are flaky",
)


class Patch:
    """Applies a sample's patch to a repository and runs the tests that must pass."""

    traits = TRAITS

    def __init__(
        self,
        *,
        repositories: str = "",
        environment: str = "",
        environments: str = "",
        command: str = "",
        seconds: float = 900.0,
        megabytes: int = 8192,
        workers: int = 1,
    ) -> None:
        """Make the verifier.

        Args:
            repositories: a folder of repositories by name (`owner__name`, `name`), where a problem
                does not say where its own is; what is not there is cloned.
            environment: the virtual environment (or interpreter) that runs the tests, where a
                problem names none; else the one that runs vervet.
            environments: a folder of them, by problem or by `owner__name__version`.
            command: the test command, where a problem has none; `{tests}` is its test files.
            seconds: for the tests of one patch.
            megabytes: memory of all their processes together.
            workers: patches tried at a time.

        Raises:
            ConfigError: an option has no such value.
        """
        if min(seconds, megabytes, workers) <= 0:
            raise ConfigError("patch: seconds, megabytes and workers must be positive.")
        for name, folder in (("repositories", repositories), ("environments", environments)):
            if folder and not Path(folder).is_dir():
                raise ConfigError(f"patch: {name}={folder!r} is no folder.")
        self.id = named(
            "patch", VERSION, command=command, seconds=seconds, megabytes=megabytes,
            environment=environment,
        )  # fmt: skip
        self.settings: dict[str, Any] = {
            "repositories": repositories, "environment": environment,
            "environments": environments, "command": command, "seconds": seconds,
            "megabytes": megabytes, "workers": workers,
        }  # fmt: skip
        self.limits = Limits(seconds, megabytes)
        self.concurrency = workers
        self.repositories = Repositories(repositories)
        self.sound: dict[str, str] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as settings; checkouts stay here."""
        return _remade, (self.settings,)

    def describe(self) -> dict[str, Any]:
        """Return the settings, as plain JSON data."""
        return {"name": "patch", **self.settings}

    def reference_replies(self, problem: Problem) -> dict[str, str]:
        """Return the patch a problem comes with, which must be accepted."""
        gold = str(problem.reference.get("patch") or "")
        return {"patch": gold} if gold.strip() else {}

    def wrong_replies(self, problem: Problem) -> dict[str, str]:
        """Return a patch that repairs nothing, which must be rejected by the tests."""
        return {"no change": NO_CHANGE} if problem.reference.get("FAIL_TO_PASS") else {}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if every FAIL_TO_PASS and PASS_TO_PASS test passes.

        Raises:
            VerifierError: the problem's repository, environment or tests are at fault.
            SandboxError: the sandbox failed.
        """
        instance = self.read(problem)
        patch = patch_of(sample.text)
        why = _unusable(patch, instance, sample)
        if why:
            return verdict(self.id, sample, trial, Outcome.REJECT, None, why)
        ran = await self.run(problem, instance, patch)
        refused = ran.prepared.get("refused", "")
        if refused:
            return self._rejected(sample, trial, ran, refused)
        if not ran.stopped:
            await self._blame(problem, instance, ran)
        found = self._verdict(sample, trial, instance, ran)
        if found.outcome is Outcome.ACCEPT and instance_uses_witness(instance):
            lie = _lie(instance, await self.run(problem, instance, patch, spoil=True))
            if lie:
                return self._rejected(sample, trial, ran, lie)
        return found

    def read(self, problem: Problem) -> Instance:
        """Return what a problem's reference says."""
        return instance_of(
            problem.reference, self.settings["command"], self.settings["environment"]
        )

    async def run(
        self, problem: Problem, instance: Instance, patch: str, *, spoil: bool = False
    ) -> Ran:
        """Run the tests of a problem with a patch; with `spoil`, tests that must fail."""
        folder = self.settings["environments"]
        environment = environment_of(instance, problem.id, folder)
        checkout = self.repositories.checkout(instance)
        base = await asyncio.to_thread(checkout.__enter__)
        try:
            ran = await run(Work(instance, base, environment, self.limits, patch, spoil))
        finally:
            checkout.__exit__(None, None, None)
        if ran.prepared.get("failed"):
            raise VerifierError(str(ran.prepared["failed"]))
        if ran.stopped == "busy":
            raise VerifierError("the machine was too busy to run the tests")
        return ran

    async def _blame(self, problem: Problem, instance: Instance, ran: Ran) -> None:
        """Raise where the tests do not run with the solution either; or, without one, unpatched.

        Raises:
            VerifierError: the command, the environment or the tests are at fault.
        """
        if not _doubt(instance, ran):
            return
        key = json.dumps([problem.id, dict(problem.reference)], sort_keys=True, default=str)
        if key not in self.sound:
            solution = instance.patch.strip()
            known = await self.run(problem, instance, instance.patch if solution else NO_CHANGE)
            doubt = known.prepared.get("refused") or known.stopped or _doubt(instance, known)
            how = "even with the solution" if solution else "even without the patch"
            self.sound[key] = f"{doubt}, {how}: {known.said}" if doubt else ""
        if self.sound[key]:
            raise VerifierError(self.sound[key])

    def _verdict(self, sample: Sample, trial: int, instance: Instance, ran: Ran) -> Verdict:
        if ran.stopped:
            return self._rejected(sample, trial, ran, STOPPED[ran.stopped].format(self.limits))
        found = score(instance.fail_to_pass, instance.pass_to_pass, ran.heard.tests)
        why = _fraud(instance, ran) or _missing(found, ran.heard) or _doubt(instance, ran)
        if why:
            return self._rejected(sample, trial, ran, why, found)
        return self._said(sample, trial, Outcome.ACCEPT, ran, "", found)

    def _rejected(
        self, sample: Sample, trial: int, ran: Ran, why: str, found: Score | None = None
    ) -> Verdict:
        return self._said(sample, trial, Outcome.REJECT, ran, why, found)

    def _said(
        self, sample: Sample, trial: int, outcome: Outcome, ran: Ran, why: str,
        found: Score | None = None,
    ) -> Verdict:  # fmt: skip
        mark = ran.prepared.get("digest")
        return replace(
            verdict(self.id, sample, trial, outcome, mark, why),
            score=None if found is None else found.share,
            evidence=json.dumps(evidence(ran, found)),
            seconds=round(ran.wall_seconds, 3),
        )

    async def aclose(self) -> None:
        """Remove the checkouts."""
        await asyncio.to_thread(self.repositories.close)


def _remade(settings: dict[str, Any]) -> Patch:
    return Patch(**settings)


def _unusable(patch: str, instance: Instance, sample: Sample) -> str:
    """Say why a reply need not be run, or nothing."""
    if sample.finish == "length":
        return TRUNCATED
    if not patch.strip():
        return NO_PATCH
    if len(patch) > LONGEST_PATCH or "\0" in patch:
        return "the patch is no text, or too long"
    return wrong_with(patch, instance.patch)


def _doubt(instance: Instance, ran: Ran) -> str:
    """Say why a run tells nothing about the tests, or nothing."""
    if instance_uses_witness(instance):
        return ran.heard.doubt()
    return "" if ran.heard.tests else "the test command reported no test"


def _fraud(instance: Instance, ran: Ran) -> str:
    """Say how the results were forged, or nothing."""
    if instance_uses_witness(instance) and (why := ran.heard.fraud()):
        return why
    controlled = instance_uses_witness(instance) and ran.heard.ended
    if controlled and ran.status == 0:
        return "the exit status is 0, though control tests failed"
    return ""


def _lie(instance: Instance, spoiled: Ran) -> str:
    """Say which test passes although it was made to fail, or nothing."""
    if spoiled.stopped or not spoiled.heard.ended:
        return "with tests that were made to fail, the test run did not come to its end"
    if why := spoiled.heard.fraud():
        return why
    statuses = {name: status_of(name, spoiled.heard.tests) for name in instance.expected}
    passing = still_passing(instance.expected, statuses, spoiled.prepared.get("spoiled", {}))
    return f"a test passes although it was made to fail: {passing[0][:120]}" if passing else ""


def _missing(found: Score, heard: Heard) -> str:
    """Say which expected tests did not pass, or nothing."""
    failed = found.failed
    if not failed:
        return ""
    total = len(found.fail_to_pass) + len(found.pass_to_pass)
    first = f"{failed[0][:120]} {heard.tests.get(failed[0], 'did not pass')}"
    return f"{len(failed)} of {total} tests that must pass do not: {first}"


def evidence(ran: Ran, found: Score | None) -> dict[str, Any]:
    """Return what a machine may want to know of a run."""
    told: dict[str, Any] = {
        key: ran.prepared[key] for key in ("applied", "changed", "put_back") if key in ran.prepared
    }
    told |= {"status": ran.status, "cpu_seconds": round(ran.cpu_seconds, 3)}
    if ran.stopped:
        told["stopped"] = ran.stopped
    if found is not None:
        for kind, tests in (
            ("FAIL_TO_PASS", found.fail_to_pass),
            ("PASS_TO_PASS", found.pass_to_pass),
        ):
            failed = [name for name, passed in tests.items() if not passed]
            told[kind] = {"success": len(tests) - len(failed), "failure": failed[:COUNTED]}
    return told
