"""What the readers of other tools' logs share: which files, what JSON, which answer."""

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from math import isfinite
from pathlib import Path
from typing import Any

from vervet.errors import ConfigError, boundary


def reading(where: object) -> AbstractContextManager[None]:
    """Say of whatever goes wrong where it stands: the file is not laid out as its tool does."""
    return boundary(ConfigError, f"{where}: is not laid out as its tool does")


def files_of(path: str | Path, suffixes: Sequence[str], *, begins: str = "") -> list[Path]:
    """Return a file, or those of a folder in the order of their names, numbers as numbers.

    Raises:
        ConfigError: there is none.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    found = [
        file
        for file in path.rglob(f"{begins}*")
        if file.name.endswith(tuple(suffixes)) and file.is_file()
    ]
    if not found:
        named = f"named {begins}* " if begins else ""
        raise ConfigError(f"{path}: there is no {' or '.join(suffixes)} file {named}there.")
    return sorted(found, key=lambda file: [natural(part) for part in file.parts])


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that puts `x.10.json` after `x.9.json`.

    >>> sorted(["x.10.json", "x.9.json"], key=natural)
    ['x.9.json', 'x.10.json']
    """
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"(\d+)", name)]


def text_of(file: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(f"{file}: {cause}") from cause


def parsed(text: str | bytes, where: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return what JSON says.

    Raises:
        ConfigError: it is none; the message says where it stands.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise ConfigError(f"{where}: is not JSON: {cause}") from cause


def number(value: object) -> float | None:
    """Return a score as a number: a finite one, true or false; None for anything else.

    >>> number(True), number(0.5), number("C"), number(float("nan")), number(10**400)
    (1.0, 0.5, None, None, None)
    """
    if not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value) if isfinite(value) else None
    return None


def final(answer: str) -> str:
    """Return what follows the last `####`, where GSM8K's solutions have their answer.

    >>> final("He has 3 * 6 = 18 left.#### 18"), final("18")
    ('18', '18')
    """
    return answer.rpartition("####")[2].strip()


def user_turn(messages: Sequence[Any]) -> str:
    """Return what the user said last."""
    said = [m.get("content") for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    return str(said[-1]) if said and said[-1] is not None else ""
