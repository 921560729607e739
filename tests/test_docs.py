"""Documentation runs: Python blocks, console sessions, and the examples in every --help."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from vervet.cli import COMMANDS, app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text()) if kind == language]


def pages(language: str) -> list[Path]:
    return [p for p in PAGES if blocks(p, language)]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", pages("python"), ids=name)
def test_python_blocks_run_in_order(page: Path, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    body = "\n\n".join(blocks(page, "python"))
    script.write_text(body)
    done = run([sys.executable, "-W", "error::DeprecationWarning:vervet", str(script)], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def vervet(line: str) -> list[str]:
    words = shlex.split(line)
    assert words[0] == "vervet", f"not a vervet command: {line}"
    return [sys.executable, "-m", "vervet", *words[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("page", pages("console"), ids=name)
def test_console_sessions_run(page: Path, tmp_path: Path) -> None:
    session = "".join(blocks(page, "console")).replace("\\\n", " ")
    for line in session.splitlines():
        if line.startswith("$ vervet"):
            done = run(vervet(line.removeprefix("$ ")), tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stderr[-2000:]}"


def commands() -> dict[str, click.Command]:
    context = click.Context(app)
    found = {n: app.get_command(context, n) for n in COMMANDS}
    return {n: c for n, c in found.items() if c is not None}


def examples(command: click.Command) -> list[str]:
    text = (command.epilog or "").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip().startswith("vervet ")]


def test_every_command_shows_an_example() -> None:
    assert [n for n, c in commands().items() if not examples(c)] == []


def test_every_option_has_help() -> None:
    silent = [
        (n, p.name)
        for n, c in commands().items()
        for p in c.params
        if isinstance(p, click.Option) and not p.help
    ]
    assert silent == []


@pytest.mark.slow
def test_the_examples_of_every_help_run_in_order(tmp_path: Path) -> None:
    for command in commands().values():
        for line in examples(command):
            if "view" in line.split()[:2] or "serve" in line.split()[:2]:
                continue  # they run until stopped; their own tests start and stop them
            done = run(vervet(line), tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}"


def test_the_page_of_the_analysis_schema_is_the_generated_one() -> None:
    done = run([sys.executable, str(ROOT / "scripts" / "analysis_page.py")], ROOT)
    assert (ROOT / "docs" / "analysis.md").read_text() == done.stdout
