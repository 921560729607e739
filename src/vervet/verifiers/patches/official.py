"""The verifier `swe-bench`: the official harness, run as a program, one identity for each sample.

`swebench.harness.run_evaluation` (SWE-bench 4 and 5) tests a patch in the problem's own container
image. It keeps results by run identity and skips what it finds, even where the patch is another
one; so no identity is ever used twice here, and each run has a folder of its own. What the harness
lays on the environment (no image, no memory, no network) is an ERROR, not a rejection.
"""

import asyncio
import json
import os
import secrets
import shlex
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, MissingExtra, VerifierError, boundary
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.answer import TRUNCATED, Traits, named, verdict
from vervet.verifiers.patches.diffs import patch_of
from vervet.verifiers.patches.patch import NO_PATCH

VERSION = "1"
DATASET = "SWE-bench/SWE-bench_Lite"
MODEL = "vervet"
OWN_ROW = ("image", "eval_script", "log_parser", "eval_type")
"""What a row has since SWE-bench 5: with it, the harness needs no data set from the hub."""
LOGS = Path("logs", "run_evaluation")
START_SECONDS = 3600.0
"""What pulling an image, and loading the data set, may take besides the tests."""
DOES_NOT_APPLY, LATE = ">>>>> Patch Apply Failed", "Test timed out after"
KINDS = ("FAIL_TO_PASS", "PASS_TO_PASS")
DOCKER = "unix:///var/run/docker.sock"

TRAITS = Traits(
    cost="a container image of gigabytes, once for a problem; minutes for each sample",
    deterministic=False,
    fooled_by="tests too weak to tell; code that prints results in the words of the test runner "
    "with an exit status that agrees; flaky suites (34 of Lite's 300: arXiv:2407.21787)",
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the harness said of one patch."""

    outcome: Outcome
    detail: str = ""
    score: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Official:
    """Has the official harness of SWE-bench test a sample's patch."""

    traits = TRAITS

    def __init__(
        self,
        *,
        dataset: str = DATASET,
        split: str = "test",
        seconds: float = 1800.0,
        workers: int = 1,
        folder: str = "",
        harness: str = "",
    ) -> None:
        """Make the verifier.

        Args:
            dataset: the hub's name of the data set, or a file of it; rows that hold their own
                image and script (SWE-bench 5) do without.
            split: of that data set.
            seconds: for the tests of one patch, as the harness counts them.
            workers: patches tested at a time.
            folder: where the harness's logs are kept; without it they are removed.
            harness: the program run instead of this interpreter's `swebench`: another
                interpreter, or a wrapper that takes the same options.

        Raises:
            ConfigError: an option has no such value.
        """
        if seconds <= 0 or workers <= 0:
            raise ConfigError("swe-bench: seconds and workers must be positive.")
        self.id = named("swe-bench", VERSION, dataset=dataset, split=split, seconds=seconds)
        self.settings: dict[str, Any] = {
            "dataset": dataset, "split": split, "seconds": seconds, "workers": workers,
            "folder": folder, "harness": harness,
        }  # fmt: skip
        self.concurrency = workers
        self.command = tuple(shlex.split(harness)) or (
            sys.executable, "-m", "swebench.harness.run_evaluation",
        )  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as settings."""
        return _remade, (self.settings,)

    def describe(self) -> dict[str, Any]:
        """Return the settings, as plain JSON data."""
        return {"name": "swe-bench", **self.settings}

    def reference_replies(self, problem: Problem) -> dict[str, str]:
        """Return the patch a problem comes with, which must be accepted."""
        gold = str(problem.reference.get("patch") or "")
        return {"patch": gold} if gold.strip() else {}

    async def verify(self, problem: Problem, sample: Sample, trial: int, /) -> Verdict:
        """Accept if the harness says that the problem is resolved.

        Raises:
            ConfigError: swebench is not installed, or no Docker engine answers.
            VerifierError: the harness failed, or blames the environment.
        """
        if not problem.reference.get("FAIL_TO_PASS"):
            raise VerifierError("the problem says no tests that must pass (FAIL_TO_PASS)")
        patch = patch_of(sample.text)
        if sample.finish == "length" or not patch.strip():
            why = TRUNCATED if sample.finish == "length" else NO_PATCH
            return verdict(self.id, sample, trial, Outcome.REJECT, None, why)
        if not self.settings["harness"]:
            ready()
        found = await self.judged(problem, patch, identity(sample, trial))
        if found.outcome is Outcome.ERROR:
            raise VerifierError(found.detail)
        return replace(
            verdict(self.id, sample, trial, found.outcome, None, found.detail),
            score=found.score,
            evidence=json.dumps(found.evidence),
        )

    async def judged(self, problem: Problem, patch: str, run_id: str) -> Judgement:
        """Run the harness on one patch in a folder of its own, and read what it wrote."""
        with ExitStack() as held, boundary(VerifierError, "swe-bench"):
            place = _place(self.settings["folder"], run_id, held)
            words = [*self.command, *options(self.settings, problem, patch, run_id, place)]
            status, said = await _run(words, place, self.settings["seconds"] + START_SECONDS)
            found = read_folder(place, run_id, problem.id)
            if found is None:
                raise VerifierError(
                    f"swe-bench: the harness left no report (status {status}): {said}"
                )
            return found

    async def aclose(self) -> None:
        """Nothing is kept between verdicts."""


def _remade(settings: dict[str, Any]) -> Official:
    return Official(**settings)


def _place(folder: str, run_id: str, held: ExitStack) -> Path:
    """Return a new folder: a lasting one, or one that goes with `held`."""
    if not folder:
        made = tempfile.TemporaryDirectory(prefix="vervet-swe-bench-")
        return Path(held.enter_context(made))
    place = Path(folder, run_id).absolute()
    place.mkdir(parents=True)
    return place


def identity(sample: Sample, trial: int) -> str:
    """Return a run identity that was never used before and never will be."""
    model = "".join(c if c.isalnum() else "-" for c in sample.sampler_id)[:40]
    return f"{model}-{sample.index}-{trial}-{secrets.token_hex(6)}"


def ready() -> None:
    """Refuse where the harness cannot run here.

    Raises:
        MissingExtra: swebench is not installed.
        ConfigError: no Docker engine answers.
    """
    if find_spec("swebench") is None:
        raise MissingExtra("the official harness of SWE-bench", "swebench")
    address = os.environ.get("DOCKER_HOST") or DOCKER
    why = _unanswered(address)
    if why:
        raise ConfigError(
            f"swe-bench: no Docker engine answers at {address} ({why}). Start it, or set "
            "DOCKER_HOST; without one, use the verifier patch (docs/patches.md)."
        )


def _unanswered(address: str) -> str:
    """Say why nobody answers at a Docker address, or nothing; ssh is left to Docker."""
    kind, _, place = address.partition("://")
    if kind not in {"unix", "tcp"}:
        return ""
    host, _, port = place.rpartition(":")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(5)
                link.connect(place)
        else:
            socket.create_connection((host, int(port.strip("/"))), timeout=5).close()
    except (OSError, ValueError) as cause:
        return getattr(cause, "strerror", None) or str(cause)
    return ""


def options(
    settings: Mapping[str, Any], problem: Problem, patch: str, run_id: str, place: Path
) -> list[str]:
    """Write what the harness reads, and return its options."""
    row = {**problem.reference, "instance_id": problem.id}
    dataset = str(settings["dataset"])
    if all(row.get(key) for key in OWN_ROW):
        dataset = str(place / "instances.jsonl")
        Path(dataset).write_text(json.dumps(row) + "\n", encoding="utf-8")
    predictions = place / "predictions.jsonl"
    said = {"instance_id": problem.id, "model_name_or_path": MODEL, "model_patch": patch}
    predictions.write_text(json.dumps(said) + "\n", encoding="utf-8")
    return [
        "--dataset_name", dataset, "--split", str(settings["split"]),
        "--instance_ids", problem.id, "--predictions_path", str(predictions),
        "--max_workers", "1", "--timeout", str(int(settings["seconds"])), "--run_id", run_id,
        "--report_dir", str(place),
    ]  # fmt: skip


async def _run(words: list[str], place: Path, seconds: float) -> tuple[int | None, str]:
    """Run a program and return its exit status and its last words.

    Raises:
        VerifierError: it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *words, cwd=place, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise VerifierError(f"swe-bench: the harness took longer than {seconds:g} s") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
        await process.wait()
    return process.returncode, " | ".join(said.decode("utf-8", "replace").split("\n")[-4:])[-300:]


def read_folder(place: Path, run_id: str, instance: str) -> Judgement | None:
    """Read what the harness left of one problem; None where it left nothing."""
    logs = place / LOGS / run_id / MODEL / instance
    report = logs / "report.json"
    if report.is_file():
        return read_report(report.read_text(encoding="utf-8"), instance)
    log = logs / "run_instance.log"
    if not log.is_file():
        return None
    said = log.read_text(encoding="utf-8", errors="replace")
    if DOES_NOT_APPLY in said:
        return Judgement(Outcome.REJECT, "the patch does not apply")
    if LATE in said:
        return Judgement(
            Outcome.REJECT, f"time limit: {LATE}{said.partition(LATE)[2][:20]}".strip()
        )
    last = " | ".join(line for line in said.splitlines()[-4:] if line.strip())
    return Judgement(Outcome.ERROR, f"swe-bench: the harness failed: {last[-300:]}")


def read_report(text: str, instance: str) -> Judgement:
    """Read the `report.json` of one problem.

    >>> read_report('{"a__a-1": {"resolved": true, "patch_exists": true}}', "a__a-1").outcome.value
    'accept'

    Raises:
        VerifierError: it is not of that form.
    """
    try:
        said = json.loads(text)[instance]
        resolved = said["resolved"]
        score, evidence, failed = _tests(said.get("tests_status") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
        raise VerifierError(f"swe-bench: the report of {instance} cannot be read") from cause
    reason = str(said.get("infra_failure_reason") or "")
    if resolved is True:
        return Judgement(Outcome.ACCEPT, "", score, evidence)
    if said.get("infra_failure"):
        return Judgement(Outcome.ERROR, f"swe-bench: the environment failed: {reason}")
    if failed:
        return Judgement(Outcome.REJECT, f"does not pass: {failed[0][:120]}", score, evidence)
    return Judgement(Outcome.REJECT, f"no usable test output {reason}".strip(), score, evidence)


def _tests(status: Mapping[str, Any]) -> tuple[float | None, dict[str, Any], list[str]]:
    """Return the share of expected tests that passed, numbers by kind, and those that failed."""
    parts = {kind: status.get(kind) or {} for kind in KINDS}
    failed = [str(name) for part in parts.values() for name in part.get("failure") or ()]
    passed = sum(len(part.get("success") or ()) for part in parts.values())
    told = {
        kind: {
            "success": len(part.get("success") or ()),
            "failure": list(part.get("failure") or ()),
        }
        for kind, part in parts.items()
    }
    total = passed + len(failed)
    return (passed / total if total else None), told if total else {}, failed
