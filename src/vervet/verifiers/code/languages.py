"""Other languages: how a program is compiled and run where the tool chain is installed."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vervet.errors import ConfigError
from vervet.verifiers.sandbox import Profile


@dataclass(frozen=True, slots=True)
class Recipe:
    """File name, compiler and command of one language; paths are within the scratch folder."""

    file: str
    compile: tuple[str, ...]
    run: tuple[str, ...]
    needs: str
    """The program that must be installed."""
    package: str
    """What provides it on Debian."""
    address_space: bool = True
    """Whether its programs live within a limit on address space; virtual machines do not."""


RECIPES: Mapping[str, Recipe] = {
    "cpp": Recipe(
        "main.cpp", ("g++", "-O2", "-std=gnu++17", "-pipe", "main.cpp", "-o", "main"), ("./main",),
        "g++", "g++",
    ),
    "java": Recipe(
        "Main.java", ("javac", "-J-Xmx512m", "-J-XX:+UseSerialGC", "Main.java"),
        ("java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", ".", "Main"),
        "javac", "default-jdk-headless", address_space=False,
    ),
    "javascript": Recipe("main.js", (), ("node", "main.js"), "node", "nodejs", address_space=False),
    "rust": Recipe(
        "main.rs", ("rustc", "-O", "--edition", "2021", "main.rs", "-o", "main"), ("./main",),
        "rustc", "rustc",
    ),
    "go": Recipe(
        "main.go", ("go", "build", "-o", "main", "main.go"), ("./main",), "go", "golang-go",
        address_space=False,
    ),
}  # fmt: skip
HOMES = {"rustc": (".rustup", ".cargo")}


def recipe_for(language: str) -> Recipe:
    """Return the recipe of a language whose tool chain is installed.

    Raises:
        ConfigError: there is no such recipe, or its compiler is not on this machine.
    """
    recipe = RECIPES.get(language)
    if recipe is None:
        raise ConfigError(
            f"no recipe for the language {language!r}; there is python, {', '.join(RECIPES)}."
        )
    if shutil.which(recipe.needs) is None:
        raise ConfigError(
            f"{language}: no {recipe.needs} on this machine. Install it (apt install "
            f"{recipe.package})."
        )
    return recipe


def profile_for(language: str) -> Profile:
    """Return the slot in which programs of a language are compiled and run."""
    recipe = recipe_for(language)
    return Profile(language, preload=("subprocess",), execute=True, extra=_tool_chain(recipe.needs))


def _tool_chain(program: str) -> tuple[str, ...]:
    """Return folders outside /usr that a tool chain lives in."""
    path = Path(os.path.realpath(shutil.which(program) or program))
    homes = [Path.home() / name for name in HOMES.get(program, ())]
    found = [str(home) for home in homes if home.is_dir()]
    if not str(path).startswith("/usr/") and not any(str(path).startswith(f) for f in found):
        found.append(str(path.parent))
    return tuple(found)


def search_path() -> str:
    """Return where compilers are looked for inside."""
    places = [str(Path(found).parent) for r in RECIPES.values() if (found := shutil.which(r.needs))]
    return ":".join(dict.fromkeys([*places, "/usr/local/bin", "/usr/bin", "/bin"]))


def environment_of(language: str) -> dict[str, str]:
    """Return what a tool chain must be told: where it lives, since HOME is the scratch folder."""
    if language == "rust":
        homes = {name: Path.home() / f".{name}" for name in ("rustup", "cargo")}
        return {f"{n.upper()}_HOME": str(home) for n, home in homes.items() if home.is_dir()}
    return {"GOCACHE": "/tmp/go", "GOFLAGS": "-mod=mod"} if language == "go" else {}  # noqa: S108 - inside
