"""The public names: complete, sorted, importable, and none of them a room."""

import subprocess
import sys
from pathlib import Path

import vervet

SRC = Path(vervet.__file__).parent


def test_names_are_sorted_and_have_a_home() -> None:
    assert vervet.__all__ == sorted(vervet.__all__)
    assert sorted(vervet._HOMES) == vervet.__all__


def test_every_name_can_be_had() -> None:
    for name in vervet.__all__:
        assert getattr(vervet, name) is not None


def test_no_name_is_a_room() -> None:
    rooms = {p.name.removesuffix(".py") for p in SRC.iterdir()}
    assert not rooms & set(vervet.__all__)


def test_importing_the_package_imports_no_part_of_it() -> None:
    code = "import sys, vervet; print(sorted(m for m in sys.modules if m.startswith('vervet.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_does_not_import_the_heavy_libraries() -> None:
    code = (
        "import sys; from vervet.cli import app\n"
        "try: app.main(['--help'], standalone_mode=False)\n"
        "finally: print([m for m in ('numpy', 'duckdb', 'scipy', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
