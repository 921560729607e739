"""Writes the page of the analysis schema: `scripts/analysis_page.py > docs/analysis.md`."""

import ast
from pathlib import Path

SCHEMA = sorted((Path(__file__).resolve().parents[1] / "src/vervet/analysis").glob("schema*.py"))
INTRODUCTION = """# The analysis document: `vervet.analysis/1`

`vervet analyze --json` prints one JSON document:
`{"schema": "vervet.analysis/1", "coverage": [...], ...}`. This page is generated from
`src/vervet/analysis/schema*.py`. New keys are added; a key never changes meaning. A number that is
not known is null.
"""


def page() -> str:
    """Return the page."""
    trees = [ast.parse(path.read_text()) for path in SCHEMA]
    rows = {n.name: n for tree in trees for n in tree.body if isinstance(n, ast.ClassDef)}
    sections = [field for field in fields(rows["Document"]) if field[1].startswith("tuple[")]
    parts = [INTRODUCTION]
    for name, kind, _ in sections:
        row = kind.removeprefix("tuple[").partition(",")[0]
        if row in rows:
            parts.append(section(name, rows[row], rows))
        else:
            parts.append(f"## {name}\n\nA list of texts a reader should know first.\n")
    return "\n".join(parts)


def section(name: str, row: ast.ClassDef, rows: dict[str, ast.ClassDef]) -> str:
    """Return the table of one list of the document."""
    lines = [
        f"| `{field}` | {plain(kind)} | {words} |" for field, kind, words in inherited(row, rows)
    ]
    return "\n".join(
        [
            f"## {name}",
            "",
            ast.get_docstring(row) or "",
            "",
            "| key | type | meaning |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def inherited(row: ast.ClassDef, rows: dict[str, ast.ClassDef]) -> list[tuple[str, str, str]]:
    """Return the fields of a row: its own, then those of what it builds on."""
    bases = [field for base in row.bases for field in inherited(rows[ast.unparse(base)], rows)]
    return fields(row) + bases


def fields(row: ast.ClassDef) -> list[tuple[str, str, str]]:
    """Return name, type and words of each field."""
    found = []
    for statement, following in zip(row.body, [*row.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            words = ""
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                words = " ".join(str(following.value.value).split())
            found.append((statement.target.id, ast.unparse(statement.annotation), words))
    return found


def plain(kind: str) -> str:
    """Return a type as JSON has it."""
    names = {"float": "number", "int": "integer", "str": "text", "bool": "boolean"}
    base, _, null = kind.partition(" | ")
    if base.startswith("dict["):
        return "number or null by name"
    shown = f"list of {names[base[6:-6]]}" if base.startswith("tuple[") else names.get(base, base)
    return f"{shown} or null" if null or base == "float" else shown


if __name__ == "__main__":
    print(page(), end="")
