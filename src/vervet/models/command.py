"""Any program as a model: a problem goes in on stdin, a reply comes out on stdout.

    command/./my-agent --steps 20

The program gets one JSON object: id, prompt, messages, index, seed. Whatever it prints is the
sample's text; what it writes to stderr is kept as the sample's `reasoning` (an agent's trajectory).
With `output="json"` it prints an object instead: text, and any of finish, reasoning, logprob,
prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, cost.

It is the user's own program and is not confined: it sees the files it could always see. It does not
see the environment, but for PATH, HOME, LANG, TMPDIR and the variables named in `env`. Its command
line is recorded with the run, so a key belongs into such a variable. A program that fails or takes
too long is a ModelError, not a sample.
"""

import asyncio
import json
import os
import shlex
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from vervet.errors import ConfigError, ModelError
from vervet.models.concurrency import Connections
from vervet.models.identity import sampler_id, seed_for
from vervet.models.openai_errors import one_line
from vervet.models.openai_wire import clean
from vervet.types import Problem, Sample

ALWAYS = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
TEXTS = ("text", "finish", "reasoning")
NUMBERS = (
    "logprob", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost",
)  # fmt: skip
LONGEST_STDERR = 2**20
CHUNK = 2**16
GRACE = 2.0
"""Seconds between asking a program to stop and killing it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A sampler that runs a program once per sample."""

    argv: tuple[str, ...]
    timeout: float = 600.0
    """Seconds for one sample."""
    env: tuple[str, ...] = ()
    """Names of environment variables the program may see."""
    output: str = "text"
    revision: str = ""
    """Your name for the program's version; part of the identity, as the program itself is not."""
    seed: int = 0
    max_connections: int = 4
    """Programs running at once, over all draws."""
    max_output: int = 64 * 2**20
    _places: Connections = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.argv:
            raise ConfigError("command needs a program, as in command/./my-agent --steps 20")
        if self.output not in {"text", "json"}:
            raise ConfigError(f"output={self.output!r} is not text or json.")
        for name in ("timeout", "max_connections", "max_output"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is not above 0.")
        places = Connections(self.max_connections, start=self.max_connections)
        object.__setattr__(self, "_places", places)

    @property
    def batch(self) -> int:
        """One program makes one sample."""
        return 1

    @property
    def concurrency(self) -> int:
        """How many programs run at once."""
        return self.max_connections

    @property
    def id(self) -> str:
        """The program's name, and a hash of its arguments and revision."""
        name = os.path.basename(self.argv[0])  # noqa: PTH119 - a word of a command line, not a file
        return sampler_id(f"command-{name}", argv=list(self.argv), revision=self.revision)

    def describe(self) -> Mapping[str, Any]:
        """Return the command line, as plain JSON data."""
        said = {"provider": "command", "model": shlex.join(self.argv), "revision": self.revision}
        return {**said, "seed": self.seed, "timeout": self.timeout}

    async def draw(self, problem: Problem, indices: Sequence[int], /) -> AsyncGenerator[Sample]:
        """Yield one sample for each of `indices`, as the program ends.

        Raises:
            ModelError: the program failed, took too long, or printed too much.
        """
        running = {asyncio.create_task(self._sample(problem, i)) for i in indices}
        try:
            failures: list[ModelError] = []
            for task in asyncio.as_completed(running):
                try:
                    sample = await task
                except ModelError as failure:
                    failures.append(failure)
                else:
                    yield sample
            if failures:
                reasons = "; ".join(dict.fromkeys(map(str, failures)))
                missing = f"{len(failures)} of {len(indices)} samples of {problem.id!r}"
                raise ModelError(f"{missing} are missing: {reasons}")
        finally:
            for pending in running:
                pending.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _sample(self, problem: Problem, index: int) -> Sample:
        seed = seed_for(self.seed, problem.id, index)
        asked = {
            "id": problem.id,
            "prompt": problem.prompt,
            "messages": [dict(m) for m in problem.messages],
            "index": index,
            "seed": seed,
        }
        await self._places.acquire()
        began = monotonic()
        try:
            out, err = await self._run(json.dumps(asked).encode())
        finally:
            self._places.release()
        reply = self._reply(out, err)
        return Sample(problem.id, self.id, index, seconds=monotonic() - began, seed=seed, **reply)

    def _reply(self, out: bytes, err: str) -> dict[str, Any]:
        text = out.decode("utf-8", "replace")
        if self.output == "text":
            return {"text": text, "reasoning": err}
        try:
            return {"reasoning": err, **_checked(json.loads(text))}
        except (ValueError, RecursionError) as error:
            raise ModelError(
                f"{self.argv[0]} printed no JSON reply: {one_line(str(error))}"
            ) from error

    async def _run(self, given: bytes) -> tuple[bytes, str]:
        """Run the program in a process group of its own, and end all of it."""
        seen = {name: os.environ[name] for name in (*ALWAYS, *self.env) if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=seen,
                start_new_session=True,
            )
        except OSError as error:
            raise ModelError(f"{self.argv[0]} does not start: {error}") from error
        try:
            async with asyncio.timeout(self.timeout):
                out, err = await self._talk(process, given)
                code = await process.wait()
        except TimeoutError as error:
            raise ModelError(f"{self.argv[0]} took longer than {self.timeout:g} s") from error
        finally:
            await _end(process)
        said = clean(err.decode("utf-8", "replace"))
        if code:
            last = one_line(said[-200:]) or "nothing on stderr"
            raise ModelError(f"{self.argv[0]} ended with status {code}: {last}")
        return out, said

    async def _talk(self, process: asyncio.subprocess.Process, given: bytes) -> tuple[bytes, bytes]:
        async def tell(stdin: asyncio.StreamWriter) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # it need not read the problem
                stdin.write(given)
                await stdin.drain()
            stdin.close()

        assert process.stdin
        assert process.stdout
        assert process.stderr
        _, out, err = await asyncio.gather(
            tell(process.stdin),
            self._all_of(process.stdout),
            _start_of(process.stderr, LONGEST_STDERR),
        )
        return out, err

    async def _all_of(self, stream: asyncio.StreamReader) -> bytes:
        out = bytearray()
        while chunk := await stream.read(CHUNK):
            out += chunk
            if len(out) > self.max_output:
                raise ModelError(f"{self.argv[0]} printed more than {self.max_output} bytes")
        return bytes(out)


async def _start_of(stream: asyncio.StreamReader, longest: int) -> bytes:
    """Read to the end and keep the first `longest` bytes."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK):
        kept += chunk[: longest - len(kept)]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End whatever is left of the program and what it started, and close its pipes."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        if process.returncode is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
    # What nobody read to its end stays open, and asyncio has no public way to close it.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001


def _checked(reply: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(reply, dict) or not isinstance(reply.get("text"), str):
        raise ValueError('not an object with a "text"')  # noqa: TRY004 - about JSON, not types
    for name, value in reply.items():
        text = name in TEXTS and isinstance(value, str)
        number = name in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool)
        if not text and not number and value is not None:
            raise ValueError(f"unknown or wrong field {name!r}")
    return {k: clean(v) if isinstance(v, str) else v for k, v in reply.items() if v is not None}


def command(model: str = "", *, env: Sequence[str] | str = (), **settings: Any) -> Command:  # noqa: ANN401
    """Return the model that is a program: a problem on its stdin, a reply on its stdout.

    Raises:
        ConfigError: no program, or a setting that cannot be.

    >>> command("./agent --steps 20").argv
    ('./agent', '--steps', '20')
    """
    try:
        argv = tuple(shlex.split(model))
        names = tuple(env.split()) if isinstance(env, str) else tuple(env)
        return Command(argv, env=names, **settings)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"command {model!r}: {error}") from error
