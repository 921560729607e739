"""A bar with rate, tokens, cost and time left on a terminal; plain lines elsewhere."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import TextIOBase
from typing import TextIO

from vervet.types import Progress, Watcher

LINE_EVERY_SECONDS = 5.0
BAR_CELLS = 32
UP, CLEAR, BOLD, DIM, PLAIN = "\x1b[{}A", "\x1b[2K", "\x1b[1m", "\x1b[2m", "\x1b[0m"


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[Watcher]:
    """Yield a watcher that draws on stderr, so that stdout stays for results."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        bars = _Bars(sys.stderr)
        above = _Above(bars)
        with redirect_stderr(above):
            try:
                yield bars
            finally:
                above.end()
    else:
        yield _Lines()


class _Pace:
    """How quickly each verb goes, and how long the rest will take."""

    def __init__(self) -> None:
        self.began: dict[str, tuple[float, int]] = {}

    def of(self, progress: Progress) -> tuple[float, float | None]:
        """Return what is done a second, and the seconds left where that can be told."""
        now = time.monotonic()
        began, before = self.began.setdefault(progress.verb, (now, progress.done))
        speed = (progress.done - before) / max(now - began, 1e-9)
        return speed, (progress.total - progress.done) / speed if speed else None


class _Bars:
    """One line per verb, drawn over the lines before."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.lines: dict[str, tuple[str, str]] = {}
        """Bar and words of each verb."""
        self.pace = _Pace()

    def __call__(self, progress: Progress, /) -> None:
        above = len(self.lines)
        self.lines[progress.verb] = self._bar(progress), self._told(progress)
        self.draw(above)

    def draw(self, above: int) -> None:
        """Draw all lines, over the `above` lines that stand there."""
        start = UP.format(above) if above else ""
        wide = max(map(len, self.lines), default=0)
        room = max(shutil.get_terminal_size().columns - wide - BAR_CELLS - 3, 0)
        lines = [
            f"{CLEAR}{BOLD}{verb:>{wide}}{PLAIN} {bar} {told[:room]}\n"
            for verb, (bar, told) in self.lines.items()
        ]
        self.terminal.write(start + "".join(lines))
        self.terminal.flush()

    def say(self, text: str) -> None:
        """Write whole lines above the bars."""
        above = len(self.lines)
        start = UP.format(above) + "\x1b[J" if above else ""
        self.terminal.write(start + text)
        self.draw(0)

    def _bar(self, progress: Progress) -> str:
        share = progress.done / progress.total if progress.total else 1.0
        full = round(BAR_CELLS * min(share, 1.0))
        return "━" * full + DIM + "━" * (BAR_CELLS - full) + PLAIN

    def _told(self, progress: Progress) -> str:
        speed, left = self.pace.of(progress)
        parts = [
            f"{progress.done:,}/{progress.total:,}",
            f"{speed:,.0f}/s" if speed else "",
            _extra(progress),
            _clock(left) if left else "",
        ]
        return "  ".join(part for part in parts if part)


class _Above(TextIOBase):
    """What is written to stderr meanwhile stands above the bars, line by line."""

    def __init__(self, bars: _Bars) -> None:
        self.bars = bars
        self.rest = ""

    def write(self, text: str, /) -> int:
        """Show the lines that are whole."""
        whole, newline, self.rest = (self.rest + text).rpartition("\n")
        if newline:
            self.bars.say(whole + newline)
        return len(text)

    def end(self) -> None:
        """Show what is left of a line."""
        if self.rest:
            self.write("\n")

    def isatty(self) -> bool:
        """Say that it ends on a terminal."""
        return True


def _clock(seconds: float) -> str:
    """Return a time left as h:mm:ss or mm:ss.

    >>> _clock(75), _clock(3700)
    ('01:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


class _Lines:
    """A line now and then, and always the last one."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.pace = _Pace()
        self.ended: set[str] = set()

    def __call__(self, progress: Progress, /) -> None:
        now = time.monotonic()
        speed, left = self.pace.of(progress)
        due = now - self.last.get(progress.verb, now) >= LINE_EVERY_SECONDS
        self.last.setdefault(progress.verb, now)
        ended = progress.done >= progress.total
        if progress.verb in self.ended or not (due or ended):
            return
        if ended:
            self.ended.add(progress.verb)
        self.last[progress.verb] = now
        parts = [
            f"{progress.verb} {progress.done:,}/{progress.total:,}",
            f"{speed:,.0f}/s" if speed else "",
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
