"""Compile once, run once for each test: programs in other languages, started by this process.

The programs share the sandbox with this process but not its memory or its descriptors, cannot
trace it, and can at most end it, which fails their tests. Lines out: `o` and the output as JSON
for each test, with the status in front; `x` when it did not compile.
"""

import json
import os
import resource
import subprocess
from typing import Any

OUTPUT = 8 << 20


def run(channel: int, job: dict[str, Any]) -> int:
    """Compile and run `job`, sending one line for each test."""
    with open(job["file"], "w") as file:  # noqa: PTH123 - pathlib costs memory
        file.write(job["code"])
    if job["compile"]:
        done = start(job["compile"], b"", job, seconds=job["compile_seconds"])
        if done[0]:
            send(channel, "x" + json.dumps(done[2][:300]))
            return 0
    for given in job["inputs"]:
        status, output, errors = start(job["command"], given, job, seconds=job["seconds"])
        send(channel, f"o{json.dumps([status, output, errors[:200]])}")
    return 0


def start(
    command: list[str], given: bytes, job: dict[str, Any], *, seconds: float
) -> tuple[int, str, str]:
    """Run one command; its status is 124 where it ran out of time."""
    memory = job["address_space"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    environment = {
        "PATH": job["path"],
        "HOME": job["home"],
        "LANG": "C.UTF-8",
        **job["environment"],
    }
    with open("stdout", "wb") as output, open("stderr", "wb") as errors:  # noqa: PTH123 - as above
        process = subprocess.Popen(  # noqa: S603 - in the sandbox
            command, stdin=subprocess.PIPE, stdout=output, stderr=errors, env=environment,
            preexec_fn=limit,  # noqa: PLW1509 - this process has one thread
        )  # fmt: skip
        try:
            process.communicate(given, timeout=seconds + 2)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            status = 124
    return status, tail("stdout"), tail("stderr")


def tail(name: str) -> str:
    """Read what was written, up to a bound."""
    with open(name, "rb") as file:  # noqa: PTH123 - as above
        return file.read(OUTPUT).decode("utf-8", "replace")


def send(channel: int, line: str) -> None:
    """Write one line."""
    data = memoryview((line + "\n").encode())
    while data:
        data = data[os.write(channel, data) :]
