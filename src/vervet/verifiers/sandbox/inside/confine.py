"""Take a process out of the machine: namespaces, an own root, no privileges, limits.

What each line covers and what it does not is in docs/sandbox.md. The order matters: mounts need
privileges, so the root is built first, then the privileges go for good.
"""
# Paths are plain strings: pathlib is memory that every fork would copy.
# ruff: noqa: PTH102, PTH103, PTH106, PTH112, PTH114, PTH115, PTH120, PTH211

import ctypes
import os
import resource
import signal
from collections.abc import Mapping
from typing import Any

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
PDEATHSIG, SET_DUMPABLE, CAPBSET_DROP, NO_NEW_PRIVS, CAP_AMBIENT = 1, 4, 24, 38, 47
CAPABILITY_VERSION = 0x20080522
NOBODY = 65534
INSIDE_ID = 1000
DEVICES = ("null", "zero", "full", "random", "urandom")

libc = ctypes.CDLL(None, use_errno=True)


def system(name: str, *arguments: Any) -> None:  # noqa: ANN401 - whatever C takes
    """Call a C function that answers 0, or raise its errno with its name."""
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount `source` at `target`."""
    try:
        system("mount", source.encode(), target.encode(), kind.encode(), flags, data.encode())
    except OSError as error:
        raise OSError(error.errno, f"mount {source} at {target}: {error.strerror}") from None


def become_init() -> None:
    """Enter fresh namespaces and go on as process 1 of them; the caller's process only waits.

    Root makes them as root and gives up being root later (`drop_root`); anyone else makes a
    user namespace first, in which mounting is allowed.
    """
    privileged = os.geteuid() == 0
    user, group = os.geteuid(), os.getegid()
    system("unshare", NAMESPACES | (0 if privileged else NEWUSER))
    if not privileged:
        map_ids(os.open("/proc", os.O_PATH), user, group)
    child = os.fork()
    if child:
        hand_over(child)


def hand_over(child: int) -> None:
    """Wait for process 1 and exit as it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.closerange(0, 1024)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 255)


def map_ids(proc: int, user: int, group: int) -> None:
    """Map one user and one group into the user namespace just entered."""
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{INSIDE_ID} {user} 1"),
        ("gid_map", f"{INSIDE_ID} {group} 1"),
    ):
        file = os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc)
        os.write(file, line.encode())
        os.close(file)
    os.close(proc)


def build_root(
    binds: list[tuple[str, str]], scratch: int, *, proc: bool, inodes: int = 4096
) -> None:
    """Make a root of read-only `binds`, five devices and a private tmpfs of `scratch` bytes."""
    mount("none", "/", "", REC | PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "size=1m,mode=755")  # noqa: S108 - a mount point every system has
    os.chdir("/tmp")  # noqa: S108 - as above
    os.mkdir("old")
    system("pivot_root", b".", b"old")
    os.chdir("/")
    os.makedirs("/tmp", exist_ok=True)  # noqa: S108 - inside, in an empty root
    # Before the binds, for an interpreter's packages may themselves lie below /tmp; sticky, so that
    # a candidate cannot move the folders that lead to them.
    mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, f"size={scratch},nr_inodes={inodes},mode=1777")  # noqa: S108
    for source, target in binds:
        bind("/old" + source, target)
    os.makedirs("/dev", exist_ok=True)
    for name in DEVICES:
        bind(f"/old/dev/{name}", f"/dev/{name}", device=True)
    if proc:  # compilers and virtual machines look for themselves; only processes are shown
        os.makedirs("/proc", exist_ok=True)
        mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC, "subset=pid,hidepid=2")
    system("umount2", b"/old", DETACH)
    os.rmdir("/old")
    mount("none", "/", "", REMOUNT | BIND | RDONLY | NOSUID | NODEV)
    os.chdir("/tmp")  # noqa: S108 - inside


def bind(source: str, target: str, *, device: bool = False) -> None:
    """Show `source` at `target`, read-only; a link is copied as a link."""
    if os.path.islink(source) and not device:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, "", BIND)
    kept = os.statvfs(target).f_flag & 0xE  # nosuid, nodev and noexec may be locked on
    mount("none", target, "", REMOUNT | BIND | RDONLY | NOSUID | kept | (0 if device else NODEV))


def drop_root(proc: int) -> None:
    """Stop being root: a user nobody owns, in a user namespace that maps nothing else."""
    if os.geteuid():
        os.close(proc)
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    system("prctl", SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self still belongs to root
    system("unshare", NEWUSER)
    map_ids(proc, NOBODY, NOBODY)


def drop_capabilities() -> None:
    """Leave no capability, no way to gain one, and nothing a neighbour could attach to."""
    capability = 0
    while libc.prctl(CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    libc.prctl(CAP_AMBIENT, 4, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    system("capset", header, (ctypes.c_uint32 * 6)())


def seal() -> None:
    """No new privileges, not traceable, gone when the parent is gone."""
    system("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
    system("prctl", PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    system("prctl", SET_DUMPABLE, 0, 0, 0, 0)


def limit(limits: Mapping[str, int]) -> None:
    """Lower the hard resource limits named as in `resource`: AS, FSIZE, NOFILE, NPROC, ..."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
