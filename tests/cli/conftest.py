"""Commands called in this process, and a table to import."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vervet.cli import main

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Called:
    """Call a command in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def called(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vervet", *words])
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, err

    return called


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    rows = ["problem,model,text,answer,correct"]
    rows += [f"p{i % 4},m,A: {i % 3},{i % 3},{int(i % 3 == 0)}" for i in range(24)]
    path.write_text("\n".join(rows))
    return path
