"""A bar with rate, tokens, cost and time left on a terminal; plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.text import Text

from vervet.types import Progress, Watcher

LINE_EVERY_SECONDS = 5.0


class _Rate(ProgressColumn):
    """Finished per second, tokens, dollars and failures so far."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        parts = [f"{speed:,.0f}/s" if speed else "", task.fields["extra"]]
        return Text("  ".join(p for p in parts if p), style="dim")


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[Watcher]:
    """Yield a watcher that draws on stderr, so that stdout stays for results."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with Bar(
            TextColumn("[bold]{task.description:>8}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
        ) as bar:
            yield _Bars(bar)
    else:
        yield _Lines()


class _Bars:
    """One bar per verb."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.tasks: dict[str, int] = {}

    def __call__(self, progress: Progress, /) -> None:
        if progress.verb not in self.tasks:
            self.tasks[progress.verb] = self.bar.add_task(progress.verb, extra="")
        self.bar.update(
            self.bar.task_ids[self.tasks[progress.verb]],
            completed=progress.done,
            total=progress.total,
            extra=_extra(progress),
        )


class _Lines:
    """A line now and then, and always the last one."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.began: dict[str, tuple[float, int]] = {}
        self.ended: set[str] = set()

    def __call__(self, progress: Progress, /) -> None:
        now = time.monotonic()
        began, before = self.began.setdefault(progress.verb, (now, progress.done))
        due = now - self.last.get(progress.verb, now) >= LINE_EVERY_SECONDS
        self.last.setdefault(progress.verb, now)
        ended = progress.done >= progress.total
        if progress.verb in self.ended or not (due or ended):
            return
        if ended:
            self.ended.add(progress.verb)
        self.last[progress.verb] = now
        done, seconds = progress.done - before, max(now - began, 1e-9)
        left = (progress.total - progress.done) * seconds / done if done else None
        parts = [
            f"{progress.verb} {progress.done:,}/{progress.total:,}",
            f"{done / seconds:,.0f}/s" if done else "",
            _extra(progress),
            f"{left:,.0f} s left" if left else "",
        ]
        sys.stderr.write("  ".join(p for p in parts if p) + "\n")


def _extra(progress: Progress) -> str:
    parts = [
        f"{progress.tokens:,} tokens" if progress.tokens else "",
        f"${progress.dollars:,.4f}" if progress.dollars is not None else "",
        f"{progress.failed:,} failed" if progress.failed else "",
        progress.note,
    ]
    return "  ".join(p for p in parts if p)
