"""A bar with rate, tokens, cost and time left on a terminal; plain lines elsewhere."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import TextIOBase
from typing import TextIO

from vervet.types import Progress, Watcher

LINE_EVERY_SECONDS = 5.0
BAR_CELLS, FEWEST_CELLS = 32, 8
"""Of a bar; where the words need the room, it is shorter."""
UP, CLEAR, BOLD, DIM, PLAIN = "\x1b[{}A", "\x1b[2K", "\x1b[1m", "\x1b[2m", "\x1b[0m"


@contextmanager
def watching() -> Iterator[Watcher]:
    """Yield a watcher that shows progress on stderr: bars on a terminal, lines elsewhere."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
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
        self.total: dict[str, int] = {}

    def of(self, progress: Progress) -> tuple[float, float | None]:
        """Return what is done a second, and the seconds left where that can be told."""
        now = time.monotonic()
        if self.total.setdefault(progress.verb, progress.total) != progress.total:
            self.total[progress.verb] = progress.total  # the same verb on something else
            self.began.pop(progress.verb)
        began, before = self.began.setdefault(progress.verb, (now, progress.done))
        speed = (progress.done - before) / max(now - began, 1e-9)
        return speed, (progress.total - progress.done) / speed if speed else None


class _Bars:
    """One line per verb, and one for what it waits for, drawn over the lines before."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.last: dict[str, tuple[Progress, str]] = {}
        """What each verb said last, and its words."""
        self.height = 0
        """Lines that stand there."""
        self.pace = _Pace()

    def __call__(self, progress: Progress, /) -> None:
        self.last[progress.verb] = progress, self._told(progress)
        self.draw()

    def draw(self, above: str = "") -> None:
        """Draw all lines over those that stand there, whole lines of `above` before them."""
        start = UP.format(self.height) if self.height else ""
        columns, wide = shutil.get_terminal_size().columns, max(map(len, self.last), default=0)
        words = max((len(told) for _, told in self.last.values()), default=0)
        cells = max(min(BAR_CELLS, columns - wide - words - 3), FEWEST_CELLS)
        lines = [line for verb in self.last for line in self._lines(verb, (columns, wide, cells))]
        clear = "\x1b[J" if above or len(lines) < self.height else ""
        drawn = "".join(f"{CLEAR}{line}\n" for line in lines)
        self.terminal.write(start + clear + above + drawn)
        self.terminal.flush()
        self.height = len(lines)

    def _lines(self, verb: str, sizes: tuple[int, int, int]) -> list[str]:
        progress, told = self.last[verb]
        columns, wide, cells = sizes
        room = max(columns - wide - cells - 3, 0)
        line = f"{BOLD}{verb:>{wide}}{PLAIN} {_bar(progress, cells)} {told[:room]}"
        note = progress.note[: max(columns - wide - 2, 0)]
        return [line, f"{'':>{wide}} {DIM}{note}{PLAIN}"] if note else [line]

    def _told(self, progress: Progress) -> str:
        speed, left = self.pace.of(progress)
        parts = [
            f"{progress.done:,}/{progress.total:,}",
            _speed(speed),
            _extra(progress),
            _clock(left) if left else "",
        ]
        return "  ".join(part for part in parts if part)


def _bar(progress: Progress, cells: int) -> str:
    share = progress.done / progress.total if progress.total else 1.0
    full = int(cells * min(share, 1.0))
    return "━" * full + DIM + "━" * (cells - full) + PLAIN


def _speed(each_second: float) -> str:
    """Return how quickly it goes; nothing where it hardly does.

    >>> _speed(1234.5), _speed(0.31), _speed(0.0)
    ('1,234/s', '0.3/s', '')
    """
    said = f"{each_second:,.0f}" if each_second >= 9.5 else f"{each_second:.1f}"  # noqa: PLR2004 - two digits
    return "" if said == "0.0" else f"{said}/s"


class _Above(TextIOBase):
    """What is written to stderr meanwhile stands above the bars, line by line."""

    def __init__(self, bars: _Bars) -> None:
        self.bars = bars
        self.rest = ""

    def write(self, text: str, /) -> int:
        """Show the lines that are whole."""
        whole, newline, self.rest = (self.rest + text).rpartition("\n")
        if newline:
            self.bars.draw(whole + newline)
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
    """A line now and then, one when the first wait begins, and always the last one."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.pace = _Pace()
        self.ended: set[str] = set()
        self.waited: set[str] = set()

    def __call__(self, progress: Progress, /) -> None:
        now = time.monotonic()
        speed, left = self.pace.of(progress)
        due = now - self.last.get(progress.verb, now) >= LINE_EVERY_SECONDS
        self.last.setdefault(progress.verb, now)
        ended = progress.done >= progress.total
        if not ended:
            self.ended.discard(progress.verb)
        waits = bool(progress.note) and progress.verb not in self.waited
        if progress.verb in self.ended or not (due or ended or waits):
            return
        if progress.note:
            self.waited.add(progress.verb)
        if ended:
            self.ended.add(progress.verb)
        self.last[progress.verb] = now
        parts = [
            f"{progress.verb} {progress.done:,}/{progress.total:,}",
            _speed(speed),
            _extra(progress),
            f"{left:,.0f} s left" if left else "",
            progress.note,
        ]
        sys.stderr.write("  ".join(p for p in parts if p) + "\n")


def _extra(progress: Progress) -> str:
    parts = [
        f"{progress.tokens:,} tokens" if progress.tokens else "",
        f"${progress.dollars:,.4f}" if progress.dollars is not None else "",
        f"{progress.failed:,} failed" if progress.failed else "",
    ]
    return "  ".join(p for p in parts if p)
