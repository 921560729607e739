"""Worker processes, each with one BLAS thread, and the threads that wait for them.

One process per core draws more than one process with a thread per core: BLAS products of this
size are too small to be shared, and Python's own share of the work runs in parallel too.
"""

import json
import os
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import vervet
from vervet.errors import ModelError, PromptError

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}
"""Have glibc reuse large arrays instead of returning them to the system after every step."""

Request = dict[str, Any]
Reply = dict[str, Any]


class Pool:
    """Workers of one model; each is started when it is first needed."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._local = folder, threading.local()
        self._processes: list[Popen[str]] = []
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="marmoset")
        self._finalizer = weakref.finalize(self, _stop, self._threads, self._processes)

    def submit(self, request: Request) -> Future[Reply]:
        """Send a request to the next free worker."""
        return self._threads.submit(self._ask, request)

    def close(self) -> None:
        """Stop the workers."""
        self._finalizer()

    def _ask(self, request: Request) -> Reply:
        process: Popen[str] | None = getattr(self._local, "process", None)
        if process is None or process.poll() is not None:
            process = self._local.process = start(self._folder)
            self._processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError as error:
            raise ModelError(f"a marmoset worker died: {error}") from error
        if not line:
            raise ModelError(f"a marmoset worker died with exit status {process.wait()}")
        reply: Reply = json.loads(line)
        if "error" in reply:
            raise PromptError(reply["error"])
        return reply


def start(folder: Path) -> Popen[str]:
    """Start a worker with one BLAS thread."""
    paths = [str(Path(vervet.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **KEEP_MEMORY,
        **os.environ,
        **dict.fromkeys(THREADS, "1"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    command = [sys.executable, "-P", "-m", "vervet.models.marmoset.worker", str(folder)]
    return Popen(command, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8", env=environment)  # noqa: S603 - our own program


def _stop(threads: ThreadPoolExecutor, processes: list[Popen[str]]) -> None:
    """End the workers at once: what they are drawing is wanted by nobody."""
    threads.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
    threads.shutdown()
    for process in processes:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    processes.clear()
