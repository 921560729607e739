"""Writes the page of the analysis schema: `scripts/analysis_page.py > docs/analysis.md`."""

import ast
from pathlib import Path

SCHEMA = Path(__file__).resolve().parents[1] / "src/vervet/analysis/schema.py"
INTRODUCTION = """# The analysis document: `vervet.analysis/1`

`vervet analyze --json` prints one JSON document:
`{"schema": "vervet.analysis/1", "coverage": [...], ...}`. This page is generated from
`src/vervet/analysis/schema.py`. New keys are added; a key never changes meaning. A number that is
not known is null.
"""


def page() -> str:
    """Return the page."""
    classes = [n for n in ast.parse(SCHEMA.read_text()).body if isinstance(n, ast.ClassDef)]
    rows = {c.name: c for c in classes}
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
    inherited = [f for base in row.bases for f in fields(rows[ast.unparse(base)])]
    lines = [
        f"| `{field}` | {plain(kind)} | {words} |" for field, kind, words in fields(row) + inherited
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
    shown = f"list of {names[base[6:-6]]}" if base.startswith("tuple[") else names.get(base, base)
    return f"{shown} or null" if null or base == "float" else shown


if __name__ == "__main__":
    print(page(), end="")
