"""Which room may import which. The room map in the README is generated from this table."""

import ast
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "vervet"

ROWS: tuple[tuple[str, ...], ...] = (
    ("types", "errors", "registry", "waits"),
    ("stats", "policies", "costs"),
    ("store", "problems", "models", "verifiers", "engines"),
    ("sampling", "verification", "calibration", "selection", "transfer"),
    ("analysis", "planning"),
    ("reporting", "viewing", "serving", "testing"),
    ("doors",),
    ("deciding",),
    ("cli", "demo"),
)
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}
# Rooms of one row do not know each other, but for these, each for its reason.
NEIGHBOURS = {
    ("registry", "errors"),  # a name that leads nowhere is a ConfigError
    ("viewing", "reporting"),  # the viewer shows the report and more of the same
    ("cli", "demo"),  # the demo is a command
}
ALONE = {"types", "stats"}
PURE = {"types", "stats", "policies", "costs"}
EFFECTS = {
    "aiohttp", "asyncio", "duckdb", "fsspec", "os", "pathlib", "random", "socket",
    "subprocess", "threading", "time",
}  # fmt: skip
STATS_MAY_USE = {"numpy", "scipy", "vervet"}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            if node.module == "vervet":
                names |= {f"vervet.{a.name}" for a in node.names}
    return names


def modules() -> list[Path]:
    doors = {SRC / "__init__.py", SRC / "__main__.py"}
    return [p for p in sorted(SRC.rglob("*.py")) if p not in doors]


def room(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def name(path: Path) -> str:
    return str(path.relative_to(SRC))


def room_map() -> str:
    """Draw the rows as the README shows them, the highest first."""
    rows = [" · ".join(row) for row in reversed(ROWS)]
    return "```text\n" + "\n".join(rows) + "\n```"


def test_the_readme_shows_the_rooms() -> None:
    readme = (SRC.parent.parent / "README.md").read_text()
    assert readme.partition("architecture.py -->\n")[2].partition("\n<!--")[0] == room_map()


@pytest.mark.parametrize("path", modules(), ids=name)
def test_every_module_has_a_room(path: Path) -> None:
    assert room(path) in LEVEL


@pytest.mark.parametrize("path", modules(), ids=name)
def test_imports_go_down(path: Path) -> None:
    here = room(path)
    used = {n.split(".")[1] for n in imports(path) if n.startswith("vervet.")} - {here}
    wrong = {
        other for other in used if LEVEL[other] >= LEVEL[here] and (here, other) not in NEIGHBOURS
    }
    assert not wrong
    if here in ALONE:
        assert not used


@pytest.mark.parametrize("path", modules(), ids=name)
def test_pure_rooms_have_no_effects(path: Path) -> None:
    if room(path) in PURE:
        assert not {n.split(".")[0] for n in imports(path)} & EFFECTS


@pytest.mark.parametrize("path", modules(), ids=name)
def test_stats_need_numpy_and_scipy_only(path: Path) -> None:
    if room(path) == "stats":
        foreign = {n.split(".")[0] for n in imports(path)} - set(sys.stdlib_module_names)
        assert foreign <= STATS_MAY_USE
