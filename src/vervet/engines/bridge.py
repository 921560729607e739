"""From synchronous callers into the event loop, also where one is running already (Jupyter)."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end and return what it returns.

    An interrupt cancels it, lets it keep what is finished, and is raised again.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main)
    return _in_thread(main)


def _in_thread(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in a loop of its own in another thread, and wait for it."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()
    ended: Future[T] = Future()

    async def supervise() -> T:
        task = asyncio.ensure_future(main)
        started.set_result((asyncio.get_running_loop(), task))
        return await task

    def work() -> None:
        try:
            ended.set_result(asyncio.run(supervise()))
        except BaseException as error:  # noqa: BLE001 - all errors belong to the caller
            ended.set_exception(error)

    thread = Thread(target=work, name="vervet")
    thread.start()
    try:
        return _wait(ended)
    except (KeyboardInterrupt, asyncio.CancelledError):
        loop, task = started.result()
        loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()


def _wait(ended: Future[T]) -> T:
    """Wait for the end; a loop that blocks here cannot hear that its task is cancelled."""
    caller = asyncio.current_task()
    while not wait([ended], POLL_SECONDS).done:
        if caller is not None and caller.cancelling():
            raise asyncio.CancelledError
    return ended.result()
