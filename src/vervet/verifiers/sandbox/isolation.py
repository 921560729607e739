"""The ladder of isolation: how a warm interpreter is confined, and what to do where it cannot be.

    namespaces   user, pid, mount, network, ipc, uts, cgroup namespaces, seccomp, rlimits
    bubblewrap   the same by the program `bwrap`, plus our seccomp and rlimits
    container    Docker or Podman, one container for each check
    remote       a SandboxFusion-compatible HTTP service
    process      rlimits and seccomp only; asked for by name

Nothing here ever falls down a rung by itself.
"""

import os
import shutil
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from vervet.errors import ConfigError
from vervet.verifiers.sandbox import view
from vervet.verifiers.sandbox.inside import runner, server  # noqa: F401 - see below
from vervet.verifiers.sandbox.limits import MEBIBYTE
from vervet.verifiers.sandbox.slots import MAIN, Start

Isolation = Literal["namespaces", "bubblewrap", "container", "remote", "process"]
RUNGS: tuple[str, ...] = get_args(Isolation)
LOCAL: tuple[Isolation, ...] = ("namespaces", "bubblewrap", "process")
# What runs inside is imported above so that its byte code is on disk: an interpreter that has to
# compile it carries the memory that took into every fork.
SCRATCH = 64 * MEBIBYTE
THREADS = 64
DESCRIPTORS = 256


@dataclass(frozen=True, slots=True)
class Profile:
    """What one kind of slot has warm and may do."""

    name: str = "python"
    preload: tuple[str, ...] = view.STANDARD
    packages: tuple[str, ...] = ()
    """Installed distributions a candidate may import."""
    ours: bool = False
    """Whether this slot runs trusted test source and never a candidate."""
    execute: bool = False
    """Whether programs may be started: compilers and what they made."""
    extra: tuple[str, ...] = ()
    """Further folders of this machine to show, read-only."""


def known(isolation: str) -> Isolation:
    """Return `isolation` if it is a rung of the ladder.

    Raises:
        ConfigError: it is not.
    """
    if isolation in RUNGS:
        return cast("Isolation", isolation)
    raise ConfigError(
        f"isolation {isolation!r} is none of {', '.join(RUNGS)}. namespaces is the default."
    )


ADVICE = {
    "namespaces": "Allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone, or the AppArmor profile), or run in a container with "
    "--security-opt seccomp=unconfined, or choose --isolation bubblewrap, container or remote. "
    "--isolation process accepts less: no view of files, network or secrets is taken away.",
    "bubblewrap": "Install it (apt install bubblewrap) and allow user namespaces, or choose "
    "--isolation namespaces, container or remote.",
    "process": "rlimits or seccomp could not be set; choose --isolation container or remote.",
}


def start_of(isolation: Isolation, profile: Profile) -> Start:
    """Return how to start a warm interpreter of `profile` on this rung."""
    own = tempfile.mkdtemp(prefix="vervet-sandbox-") if isolation == "process" else None
    settings = _settings(isolation, profile, own or "/tmp")  # noqa: S108 - inside, a private tmpfs
    python = [_interpreter(), "-S", "-s", "-P", "-B", "-X", "utf8"]
    environment = _environment() | {"LD_BIND_NOW": "1"}  # else each fork would look symbols up
    if isolation == "bubblewrap":
        return Start((*_bubblewrap(settings), *python, str(MAIN)), settings, environment)
    return Start((*python, str(MAIN)), settings, environment, own)


def _interpreter() -> str:
    """Return the interpreter itself, not the link of a virtual environment."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (sysconfig.get_config_var("BINDIR") or "", f"{sys.base_prefix}/bin"):
        if os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    return os.path.realpath(sys.executable)


def _environment() -> dict[str, str]:
    """Return the whole environment of a warm interpreter: nothing of ours."""
    return {
        "HOME": "/tmp",  # noqa: S108 - inside
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONHASHSEED": "0",  # sets iterate the same way in every slot: verdicts repeat
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _settings(isolation: Isolation, profile: Profile, folder: str) -> dict[str, Any]:
    binds = view.python_binds() if not profile.execute else view.program_binds(profile.extra)
    if profile.execute:
        binds += [pair for pair in view.python_binds() if not pair[0].startswith("/usr")]
    binds = list(dict(binds + view.package_binds(profile.packages)).items())
    return {
        "namespaces": isolation == "namespaces",
        "binds": binds,
        "scratch": SCRATCH * (8 if profile.execute else 1),
        "folder": folder,
        "path": [*view.library(), *_site(profile.packages)],
        "outside": [*view.library(), *_site(profile.packages)],
        "preload": list(profile.preload),
        "ours": profile.ours,
        "environment": _environment(),
        "filter": True,
        "execute": profile.execute,
        "limits": {
            "FSIZE": SCRATCH * (8 if profile.execute else 1),
            "NOFILE": DESCRIPTORS,
            "NPROC": THREADS * (8 if profile.execute else 1),
            "CORE": 0,
            "MEMLOCK": 0,
            "MSGQUEUE": 0,
        },
    }


def _site(packages: tuple[str, ...]) -> list[str]:
    """Return the folders the packages lie in: a virtual environment's, the user's own, ..."""
    places = (os.path.dirname(place) for place, _ in view.package_binds(packages))  # noqa: PTH120 - strings throughout
    return list(dict.fromkeys(places))


def _bubblewrap(settings: dict[str, Any]) -> list[str]:
    """Return the command line of `bwrap` for the same view.

    Raises:
        ConfigError: it is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise ConfigError(f"isolation bubblewrap: no bwrap on this machine. {ADVICE['bubblewrap']}")
    own = str(MAIN.parents[1])
    binds = [*settings["binds"], (_interpreter(), _interpreter()), (own, own)]
    shown = [word for source, target in binds for word in _bind(source, target)]
    return [
        program, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session",
        "--clearenv", "--setenv", "LD_BIND_NOW", "1", "--cap-drop", "ALL", "--as-pid-1",
        "--uid", "1000", "--gid", "1000",
        "--size", str(settings["scratch"]), "--tmpfs", "/tmp",  # noqa: S108 - first: a bind may lie in it
        *shown, "--dev", "/dev", "--chdir", "/tmp",  # noqa: S108 - inside
        "--remount-ro", "/dev", "--remount-ro", "/",
    ]  # fmt: skip


def _bind(source: str, target: str) -> list[str]:
    if os.path.islink(source):  # noqa: PTH114 - strings throughout
        return ["--symlink", os.readlink(source), target]  # noqa: PTH115 - as above
    return ["--ro-bind", source, target]
