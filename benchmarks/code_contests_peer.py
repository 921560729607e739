"""The peer of `code_contests.py`: a server that grades as the Large Language Monkeys' one does.

Their `execution_server.py` (commit 5c2d75a) by its behaviour, written anew: FastAPI on uvicorn, 32
workers, each with at most 64 programs at a time; a request has one program and its pairs of input
and expected output; each test is `bash -c "ulimit -v ... && python FILE"` with its input in a
temporary file, one after another until the first that fails; texts are compared token by token,
case ignored, numbers within 1e-5. It has no isolation: theirs runs in a Docker container, as root.

    PYTHON code_contests_peer.py PORT WORKERS          needs: pip install fastapi uvicorn
"""
# Deliberately as theirs: shell commands, files in the common temporary folder, broad excepts.
# ruff: noqa: BLE001, PTH123

import math
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

MAX_TIMEOUT, CONCURRENT = 60, 64
TOLERANCE = 1e-5
places = threading.Semaphore(CONCURRENT)


def same_token(output: str, expected: str) -> bool:
    """Compare two tokens: as text, else as floats."""
    if output == expected:
        return True
    try:
        return abs(float(output) - float(expected)) <= TOLERANCE
    except (ValueError, OverflowError):
        return False


def same_output(expected: str, output: str) -> bool:
    """Compare texts token by token, case ignored."""
    ours, theirs = (
        [token for token in re.split("[ \n\t\r\v]", text.lower()) if token]
        for text in (output, expected)
    )
    return len(ours) == len(theirs) and all(map(same_token, ours, theirs))


def output_of(program: str, given: str, timeout: float, memory: int) -> str | None:
    """Run a program once; None where it gave no text in time."""
    with places, tempfile.NamedTemporaryFile(mode="w+") as file:
        file.write(given)
        file.flush()
        file.seek(0)
        command = f"ulimit -v {math.ceil(memory / 1024)} && python {program}"
        try:
            done = subprocess.run(
                ["bash", "-c", command], capture_output=True, stdin=file.fileno(), timeout=timeout,
                check=False,
            )  # fmt: skip
            return done.stdout.decode()
        except Exception:
            return None


def passes(code: str, pairs: list[tuple[str, str]], timeout: float, memory: int) -> bool:
    """Run a program on its tests until one fails."""
    with tempfile.NamedTemporaryFile(suffix=".py") as program:
        with open(program.name, "w") as file:
            file.write(code)
        for given, expected in pairs:
            output = output_of(program.name, given, timeout, memory)
            if output is None or not same_output(expected, output):
                return False
    return True


def application() -> Any:  # noqa: ANN401 - a peer's type
    """Return the server's application."""
    import fastapi  # noqa: PLC0415 - a peer, maybe absent
    import pydantic  # noqa: PLC0415 - a peer, maybe absent

    class Request(pydantic.BaseModel):
        code: str
        input_expected_output_pairs: list[tuple[str, str]]
        timeout: float
        memory_limit_bytes: int

    def execute(request: Request) -> dict[str, bool]:
        pairs = request.input_expected_output_pairs
        timeout = min(request.timeout, MAX_TIMEOUT)
        return {"correct": passes(request.code, pairs, timeout, request.memory_limit_bytes)}

    def ping() -> str:
        return "pong"

    app = fastapi.FastAPI()
    app.add_api_route("/ping", ping)
    app.add_api_route("/execute", execute, methods=["POST"])
    return app


def main() -> None:
    """Serve until ended."""
    import uvicorn  # noqa: PLC0415 - a peer, maybe absent

    base = Path(os.path.realpath(sys.executable)).parent
    os.environ["PATH"] = f"{base}{os.pathsep}{os.environ['PATH']}"  # `python` is this one, no shim
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    uvicorn.run(
        "code_contests_peer:application", factory=True, host="127.0.0.1", port=int(sys.argv[1]),
        workers=int(sys.argv[2]), backlog=8192, timeout_keep_alive=3600, log_level="error",
    )  # fmt: skip


if __name__ == "__main__":
    main()
