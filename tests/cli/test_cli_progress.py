"""Progress on a terminal: one line a verb, redrawn in place, messages above."""

import io
import re
import sys
from contextlib import redirect_stderr

import pytest

from vervet.cli.progress import watching
from vervet.types import Progress

STEP = re.compile(r"\x1b\[(\d*)([A-Za-z])|(\n)|([^\x1b\n]+)")


class Terminal(io.StringIO):
    """Remembers what is written, as a terminal does."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """Return the lines that a reader sees."""
        lines, at = [""], 0
        for number, command, newline, text in STEP.findall(self.getvalue()):
            if command == "A":
                at -= int(number)
            elif command == "J":
                del lines[at + 1 :]
                lines[at] = ""
            elif command == "K":
                lines[at] = ""
            elif newline:
                at += 1
                lines += [""] * (at + 1 - len(lines))
            else:
                lines[at] += text
        return lines


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_each_verb_keeps_its_line(terminal: Terminal) -> None:
    with redirect_stderr(terminal), watching() as watch:
        for done in (0, 5, 10):
            watch(Progress("sample", done, 10, tokens=1000 * done))
            watch(Progress("verify exact", done // 2, 10))
    first, second, rest = terminal.screen()
    assert first.startswith("      sample " + "━" * 32 + " 10/10  ")
    assert first.count("10,000 tokens") == 1
    assert second.startswith("verify exact " + "━" * 32 + " 5/10  ")
    assert not rest


def test_what_is_said_meanwhile_stands_above(terminal: Terminal) -> None:
    with redirect_stderr(terminal), watching() as watch:
        watch(Progress("sample", 1, 10))
        sys.stderr.write("seeds are ")
        watch(Progress("sample", 2, 10))
        sys.stderr.write("withheld\nand so on\n")
        watch(Progress("sample", 3, 10))
        sys.stderr.write("no end")
    said, more, last, bar, _ = terminal.screen()
    assert (said, more, last) == ("seeds are withheld", "and so on", "no end")
    assert "3/10" in bar


def test_no_line_is_longer_than_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with redirect_stderr(terminal), watching() as watch:
        watch(Progress("sample", 1, 10, failed=123_456, tokens=10**12, dollars=10.0, note="long"))
    assert 50 < max(map(len, terminal.screen())) <= 60


def test_what_is_waited_for_has_a_line_of_its_own_while_it_lasts(terminal: Terminal) -> None:
    with redirect_stderr(terminal), watching() as watch:
        watch(Progress("sample", 1, 10))
        watch(Progress("verify exact", 1, 10))
        watch(Progress("sample", 2, 10, note="waiting 12 s: HTTP 429 from host (3 of 5)"))
        assert [line.strip()[:12] for line in terminal.screen()] == [
            "sample ━━━━━", "waiting 12 s", "verify exact", ""
        ]  # fmt: skip
        watch(Progress("sample", 3, 10))
    first, second, rest = terminal.screen()
    assert "3/10" in first
    assert "1/10" in second
    assert not rest


def test_a_narrow_terminal_shortens_the_bar_before_the_words(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with redirect_stderr(terminal), watching() as watch:
        watch(Progress("verify gsm8k", 1_000, 2_000, tokens=123_456, note="w" * 99))
    bar, note, _ = terminal.screen()
    assert bar.endswith("1,000/2,000  123,456 tokens")
    assert (len(bar) <= 60, len(note)) == (True, 59)
    with redirect_stderr(terminal), watching() as watch:
        watch(Progress("verify gsm8k", 1_000, 2_000, tokens=123_456))
        watch(Progress("sample", 1, 2))
    bars = [line.count("━") for line in terminal.screen() if "━" in line]
    assert len(set(bars[-2:])) == 1


def test_a_log_says_at_once_what_is_waited_for_and_then_now_and_then() -> None:
    plain = io.StringIO()
    with redirect_stderr(plain), watching() as watch:
        watch(Progress("sample", 0, 2))
        for left in range(12, 0, -1):
            watch(Progress("sample", 0, 2, note=f"waiting {left} s: HTTP 429 from host (3 of 5)"))
    assert plain.getvalue() == "sample 0/2  waiting 12 s: HTTP 429 from host (3 of 5)\n"


def test_the_same_verb_on_something_else_has_a_pace_of_its_own(terminal: Terminal) -> None:
    with redirect_stderr(terminal), watching() as watch:
        for done in (0, 5_000, 10_000):
            watch(Progress("sample", done, 10_000))
        for done in (0, 10, 20):
            watch(Progress("sample", done, 20))
    assert "/s" in terminal.screen()[0]
    assert "-" not in terminal.screen()[0]
    plain = io.StringIO()
    with redirect_stderr(plain), watching() as watch:
        for done, total in ((0, 9), (9, 9), (9, 9), (0, 5), (5, 5)):
            watch(Progress("sample", done, total))
    assert [line.split()[1] for line in plain.getvalue().splitlines()] == ["9/9", "5/5"]


def test_no_dollars_are_no_zero(terminal: Terminal) -> None:
    with redirect_stderr(terminal), watching() as watch:
        watch(Progress("sample", 1, 10))
    assert "$" not in terminal.getvalue()


def test_elsewhere_there_are_plain_lines() -> None:
    plain = io.StringIO()
    with redirect_stderr(plain), watching() as watch:
        watch(Progress("sample", 0, 2))
        watch(Progress("sample", 2, 2, tokens=5))
    assert re.fullmatch(r"sample 2/2  [\d,]+/s  5 tokens\n", plain.getvalue())
