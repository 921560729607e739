"""The system calls a candidate may make, as a seccomp filter. Everything else is EPERM.

Allowed: memory, files (inside a read-only root and a private tmpfs), pipes, time, signals,
threads. Checked by argument: `clone` (no new namespace, ever), `prlimit64` (itself only), `prctl`
(names only). Not allowed, among others: sockets but for `socketpair`, `execve` (unless asked
for), `ptrace`, `process_vm_*`, `pidfd_getfd`, `mount`, `unshare`, `setns`, `bpf`, `io_uring_*`,
`perf_event_open`, `userfaultfd`, `keyctl`, `memfd_create`, System V and POSIX shared memory,
`kexec`, modules, `chroot`, clock and host name setting. Calls of a foreign ABI (x32, i386) are
denied as a whole.
"""

import ctypes
import errno
import os
import signal
import struct
import sys
from collections.abc import Callable

# name: (x86_64, aarch64); None where that machine has no such call.
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "open": (2, None), "close": (3, 57),
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "poll": (7, None),
    "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "ioctl": (16, 29), "pread64": (17, 67), "pwrite64": (18, 68),
    "readv": (19, 65), "writev": (20, 66), "access": (21, None), "pipe": (22, None),
    "select": (23, None), "sched_yield": (24, 124), "mremap": (25, 216), "msync": (26, 227),
    "mincore": (27, 232), "madvise": (28, 233), "dup": (32, 23), "dup2": (33, None),
    "pause": (34, None), "nanosleep": (35, 101), "getitimer": (36, 102), "alarm": (37, None),
    "setitimer": (38, 103), "getpid": (39, 172), "sendfile": (40, 71), "sendto": (44, 206),
    "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "shutdown": (48, 210),
    "socketpair": (53, 199), "exit": (60, 93), "wait4": (61, 260), "kill": (62, 129),
    "uname": (63, 160), "fcntl": (72, 25), "flock": (73, 32), "fsync": (74, 82),
    "fdatasync": (75, 83), "truncate": (76, 45), "ftruncate": (77, 46), "getdents": (78, None),
    "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "rename": (82, None),
    "mkdir": (83, None), "rmdir": (84, None), "creat": (85, None), "link": (86, None),
    "unlink": (87, None), "symlink": (88, None), "readlink": (89, None), "chmod": (90, None),
    "fchmod": (91, 52), "umask": (95, 166), "gettimeofday": (96, 169), "getrlimit": (97, 163),
    "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174),
    "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177), "setpgid": (109, 154),
    "getppid": (110, 173), "getpgrp": (111, None), "setsid": (112, 157), "getgroups": (115, 158),
    "getresuid": (118, 148), "getresgid": (120, 150), "getpgid": (121, 155), "getsid": (124, 156),
    "sigaltstack": (131, 132), "utime": (132, None), "statfs": (137, 43), "fstatfs": (138, 44),
    "sched_getparam": (143, 121), "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "setrlimit": (160, 164), "gettid": (186, 178), "time": (201, None), "futex": (202, 98),
    "sched_getaffinity": (204, 123), "epoll_create": (213, None), "getdents64": (217, 61),
    "set_tid_address": (218, 96), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "exit_group": (231, 94), "epoll_wait": (232, None),
    "epoll_ctl": (233, 21), "tgkill": (234, 131), "utimes": (235, None), "waitid": (247, 95),
    "openat": (257, 56), "mkdirat": (258, 34), "newfstatat": (262, 79), "unlinkat": (263, 35),
    "renameat": (264, 38), "linkat": (265, 37), "symlinkat": (266, 36), "readlinkat": (267, 78),
    "fchmodat": (268, 53), "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "utimensat": (280, 88),
    "epoll_pwait": (281, 22), "timerfd_create": (283, 85), "eventfd": (284, None),
    "fallocate": (285, 47), "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87),
    "eventfd2": (290, 19), "epoll_create1": (291, 20), "dup3": (292, 24), "pipe2": (293, 59),
    "preadv": (295, 69), "pwritev": (296, 70), "renameat2": (316, 276), "seccomp": (317, 277),
    "getrandom": (318, 278), "membarrier": (324, 283), "copy_file_range": (326, 285),
    "preadv2": (327, 286), "pwritev2": (328, 287), "statx": (332, 291), "rseq": (334, 293),
    "pidfd_open": (434, 434), "close_range": (436, 436), "faccessat2": (439, 439),
}  # fmt: skip
EXECUTE: dict[str, tuple[int | None, int | None]] = {
    "execve": (59, 221), "vfork": (58, None), "arch_prctl": (158, None), "fchown": (93, 55),
    "chown": (92, None), "lchown": (94, None), "fchownat": (260, 54), "capget": (125, 90),
    "getpriority": (140, 141), "getcpu": (309, 168), "mlock": (149, 228), "munlock": (150, 229),
    "rt_sigtimedwait": (128, 137), "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133),
    "splice": (275, 76), "tee": (276, 77), "inotify_init1": (294, 26), "signalfd4": (289, 74),
    "sync_file_range": (277, 84), "sched_setaffinity": (203, 122),
    "pkey_alloc": (330, 289), "pkey_free": (331, 290), "pkey_mprotect": (329, 288),
}  # fmt: skip
"""What compiled programs need besides: to be started."""
LOCAL: dict[str, tuple[int | None, int | None]] = {
    "connect": (42, 203), "accept": (43, 202), "bind": (49, 200),
    "listen": (50, 201), "getsockname": (51, 204), "getpeername": (52, 205),
    "setsockopt": (54, 208), "getsockopt": (55, 209), "accept4": (288, 242),
    "recvmmsg": (299, 243), "sendmmsg": (307, 269), "mknod": (133, None), "mknodat": (259, 33),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "getxattr": (191, 8),
    "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13), "removexattr": (197, 14),
    "fadvise64": (221, 223), "setpriority": (141, 140), "inotify_init": (253, None),
    "inotify_add_watch": (254, 27), "inotify_rm_watch": (255, 28), "signalfd": (282, None),
    "epoll_pwait2": (441, 441), "fchmodat2": (452, 452), "readahead": (187, 213),
}  # fmt: skip
"""What the tests of a whole repository need besides: sockets in a network namespace of their own
(`socket` itself is checked by its family), named pipes, attributes of files."""
SOCKET = (41, 198)
UNIX, INET, INET6 = 1, 2, 10
"""The families of sockets that a network namespace keeps from the world."""
CLONE, CLONE3, PRLIMIT, PRCTL = (56, 220), (435, 435), (302, 261), (157, 167)

ARCH = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
X32 = 0x40000000
NEW_NAMESPACES = 0x7E020000 | 0x80
"""CLONE_NEW{CGROUP,UTS,IPC,USER,PID,NET}, CLONE_NEWNS and CLONE_NEWTIME."""
CLONE_THREAD = 0x10000
PR_SET_NAME, PR_GET_NAME, PR_SET_VMA = 15, 16, 0x53564D41

ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY, ABSENT = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST, FIRST_HIGH = 0, 4, 16, 20
"""Offsets in `struct seccomp_data`: nr, arch, and the two halves of args[0] (little endian)."""

Instruction = tuple[int, int, int, int]


def machine() -> tuple[int, int]:
    """Return the column of this machine in the tables and its audit number."""
    name = os.uname().machine
    if name not in ARCH or sys.maxsize < 2**32:
        raise OSError(errno.ENOTSUP, f"no system call table for {name}")
    return ARCH[name]


def base_filter(*, execute: bool, local: bool = False) -> bytes:
    """Return the filter of a slot: an allow-list, and no way to another namespace.

    Processes may still be forked; `fork_filter` takes that away from a Python candidate.
    """
    column, audit = machine()
    table = ALLOWED | (EXECUTE if execute else {}) | (LOCAL if local else {})
    numbers = sorted(n for pair in table.values() if (n := pair[column]) is not None)
    # Jumps span at most 255 instructions, so each block ends in its own return.
    program: list[Instruction] = [
        (LOAD, 0, 0, MACHINE),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, DENY),
        (EQUAL, 0, 4, CLONE[column]),
        (LOAD, 0, 0, FIRST),
        (ANY_BIT, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, DENY),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 1, CLONE3[column]),
        (RETURN, 0, 0, ABSENT),  # the C library falls back to clone, whose flags can be read
        (EQUAL, 0, 4, PRLIMIT[column]),
        (LOAD, 0, 0, FIRST),
        (EQUAL, 0, 1, 0),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, DENY),
        (EQUAL, 0, 6, PRCTL[column]),
        (LOAD, 0, 0, FIRST),
        (EQUAL, 2, 0, PR_SET_NAME),
        (EQUAL, 1, 0, PR_GET_NAME),
        (EQUAL, 0, 1, PR_SET_VMA),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, DENY),
    ]
    if local:
        program += [
            (EQUAL, 0, 6, SOCKET[column]),
            (LOAD, 0, 0, FIRST),
            (EQUAL, 2, 0, UNIX),
            (EQUAL, 1, 0, INET),
            (EQUAL, 0, 1, INET6),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, DENY),
        ]
    for number in numbers:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    program.append((RETURN, 0, 0, DENY))
    return assemble(program)


def fork_filter() -> bytes:
    """Return the filter added in a candidate: threads yes, processes no."""
    column, _ = machine()
    return assemble(
        [
            (LOAD, 0, 0, NUMBER),
            (EQUAL, 0, 3, CLONE[column]),
            (LOAD, 0, 0, FIRST),
            (ANY_BIT, 1, 0, CLONE_THREAD),
            (RETURN, 0, 0, DENY),
            (RETURN, 0, 0, ALLOW),
        ]
    )


def assemble(program: list[Instruction]) -> bytes:
    """Pack instructions as `struct sock_filter`."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


class Program(ctypes.Structure):
    """`struct sock_fprog`: a filter and its length."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class Filter:
    """A filter ready to be installed by one system call."""

    def __init__(self, code: bytes) -> None:
        self.code = ctypes.create_string_buffer(code, len(code))
        self.program = Program(len(code) // 8, ctypes.addressof(self.code))
        self.syscall = ctypes.CDLL(None, use_errno=True).syscall
        self.arguments = (
            ctypes.c_long((317, 277)[machine()[0]]),
            ctypes.c_long(1),  # SECCOMP_SET_MODE_FILTER
            ctypes.c_long(0),
            ctypes.byref(self.program),
        )

    def install(self) -> None:
        """Put the filter on this thread; it cannot be taken off again."""
        if self.syscall(*self.arguments):
            number = ctypes.get_errno()
            raise OSError(number, f"seccomp: {os.strerror(number)}")


def forker() -> Callable[[], int]:
    """Return `fork` without Python's and the C library's handlers, which would cost a fifth more.

    This process has one thread and the child runs one program and ends by `_exit`, so there is
    nothing for the handlers to mend.
    """
    number = ctypes.c_long(CLONE[machine()[0]])
    flags, none = ctypes.c_long(int(signal.SIGCHLD)), ctypes.c_long(0)
    syscall = ctypes.CDLL(None, use_errno=True).syscall

    def fork() -> int:
        child = int(syscall(number, flags, none, none, none, none))
        if child < 0:
            number_of_error = ctypes.get_errno()
            raise OSError(number_of_error, f"clone: {os.strerror(number_of_error)}")
        return child

    return fork


REPORT = struct.Struct("=i4x5q88x?")
"""What a slot says of a check: its status as `wait4` gives it, seconds and microseconds of user and
of system time, the peak of resident memory in KiB (the beginning of `struct rusage`), and whether
something in the scratch folder resists being emptied."""


F_SETFL, F_SETOWN, F_SETSIG, O_ASYNC, POLLIN = 4, 8, 10, 0x2000, 1
"""Of `fcntl` and `select`, whose modules would be more mappings to copy with every fork."""


class Reaper:
    """Waits for one child after another, and writes the report with as few objects as can be."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self.wait4, self.kill, self.fcntl = library.wait4, library.kill, library.fcntl
        self.poll = library.poll
        self.report = ctypes.create_string_buffer(REPORT.size)
        self.status = ctypes.c_void_p(ctypes.addressof(self.report))
        self.usage = ctypes.c_void_p(ctypes.addressof(self.report) + 8)
        self.everyone, self.killed = ctypes.c_int(-1), ctypes.c_int(int(signal.SIGKILL))

    def listen(self, control: int) -> None:
        """Have the kernel kill the child when something comes over `control`."""
        self.fcntl(control, F_SETFL, O_ASYNC)
        self.fcntl(control, F_SETSIG, int(signal.SIGKILL))
        self.watched = ctypes.create_string_buffer(struct.pack("=ihh", control, POLLIN, 0), 8)

    def watch(self, control: int, child: int) -> None:
        """Name the child; kill it where something came before the kernel knew its name."""
        self.fcntl(control, F_SETOWN, child)
        if self.poll(self.watched, 1, 0):
            self.kill(child, self.killed)

    def wait(self, child: int) -> None:
        """Wait for the end of `child`; its status and what it used are then in the report."""
        if self.wait4(child, self.status, 0, self.usage) != child:
            number = ctypes.get_errno()
            raise OSError(number, f"wait4: {os.strerror(number)}")

    def kill_others(self) -> bool:
        """Kill every other process of this namespace; say whether there was one."""
        return bool(self.kill(self.everyone, self.killed) == 0)
