"""Make the repository what it is to be tested as: the base, the patch, and the tests as given.

Runs confined, before any code of the repository does, so what it says can be believed. A
candidate's patch may say anything; what counts is what the folder looks like afterwards, file by
file. Files that decide the verdict (the tests, what configures their runner) are put back.
"""
# Paths are plain strings: they go over the wire.
# ruff: noqa: PTH103, PTH108, PTH112, PTH113, PTH114, PTH115, PTH118, PTH120, PTH123, S108, S603, S607

import hashlib
import os
import re
import shutil
import stat
import subprocess
from typing import Any

PATCH = "/tmp/.patch"
WAYS = (
    ("git", "apply", "--verbose"),
    ("git", "apply", "--verbose", "--3way"),
    ("git", "apply", "--verbose", "--reject"),
    ("patch", "--batch", "--forward", "--fuzz=5", "-p1", "-i"),
)
"""As the harness of SWE-bench tries them, one after the other, each on a clean copy."""
GIT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp/home", "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x",
    "GIT_COMMITTER_EMAIL": "x", "TMPDIR": "/tmp/tmp",
}  # fmt: skip
APPLY_SECONDS = 120
SETTINGS = re.compile(
    r"(?:^|/)(?:conftest\.py|\.?pytest\.(?:ini|toml)|tox\.ini|setup\.cfg|pyproject\.toml"
    r"|noxfile\.py|\.coveragerc|(?:site|user)customize\.py|[^/]+\.pth"
    r"|[^/]+\.(?:dist|egg)-info/.*|__pycache__/.*|[^/]+\.pyc)\Z"
)
"""What a runner of tests, or the interpreter itself, reads before it runs anything."""


def prepare(job: dict[str, Any], bed: str) -> dict[str, Any]:
    """Copy, apply, put back; return what was done, or why the patch is refused."""
    base = job["base"]
    copy_tree(base, bed)
    how, said = apply(job["patch"], base, bed)
    if how is None:
        return {"refused": f"the patch does not apply: {said}"}
    changed = changes(base, bed)
    wrong = forbidden(changed, bed, job)
    if wrong:
        return {"refused": wrong, "changed": sorted(changed)}
    put_back = [path for path in sorted(changed) if kept(path, job)]
    for path in put_back:
        restore(base, bed, path)
    left = sorted(set(changed) - set(put_back))
    mark = digest(bed, left)
    found = {"applied": how, "changed": left, "put_back": put_back, "digest": mark}
    wrong_tests = add_tests(job["test_patch"], base, bed)
    os.unlink(PATCH)
    files = sorted((path not in job["tests"], path) for path in tree(bed) if kept(path, job))
    return {**found, "protected": [path for _, path in files], **wrong_tests}


def add_tests(test_patch: str, base: str, bed: str) -> dict[str, str]:
    """Apply the test patch; where it does not apply, say whose fault that is."""
    if not test_patch or apply(test_patch, None, bed)[0] is not None:
        return {}
    clean(base, bed)
    how, said = apply(test_patch, None, bed)
    if how is None:
        return {"failed": f"the test patch does not apply: {said}"}
    return {"refused": "the patch leaves no place for the tests"}


def copy_tree(source: str, target: str) -> None:
    """Copy a folder's content; links stay links."""
    subprocess.run(["cp", "-dR", f"{source}/.", target], check=True, env=GIT, capture_output=True)


def apply(patch: str, base: str | None, bed: str) -> tuple[str | None, str]:
    """Apply a patch in one of the ways; return which, or None and what was said last."""
    with open(PATCH, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(patch if patch.endswith("\n") else patch + "\n")
    said = ""
    for at, way in enumerate(WAYS):
        if at and base is not None:
            clean(base, bed)
        if at == 1:
            become_repository(bed)
        done = run([*way, PATCH], bed)
        said = gist(done)
        if done.returncode == 0:
            drop_repository(bed)
            return " ".join(way[:3] if way[0] == "git" else way[:1]), said
        if at and base is None and way[-1] == "--reject":
            break  # there is one copy only, and it is no longer clean
    drop_repository(bed)
    return None, said


def run(command: list[str], folder: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a program of ours on the repository, within its time."""
    try:
        return subprocess.run(
            command, cwd=folder, env=GIT, check=False, capture_output=True, timeout=APPLY_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, b"", b"it took too long")


def gist(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return what a failed program says, on one line."""
    lines = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace").splitlines()
    wrong = [line.strip() for line in lines if "error" in line.lower() or "FAILED" in line]
    return "; ".join((wrong or [line for line in lines if line.strip()])[:3])[:300]


def clean(base: str, bed: str) -> None:
    """Begin again from the base."""
    for name in os.listdir(bed):  # noqa: PTH208 - as above
        path = os.path.join(bed, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    copy_tree(base, bed)


def become_repository(bed: str) -> None:
    """Make the folder a repository, for `--3way` looks for the blobs that a patch names."""
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "base"]):
        run(["git", "-c", "core.hooksPath=/dev/null", *words], bed)


def drop_repository(bed: str) -> None:
    """Leave no repository behind; the base has none."""
    shutil.rmtree(os.path.join(bed, ".git"), ignore_errors=True)


def tree(root: str) -> dict[str, int]:
    """Return every file and link below `root` with its kind; empty folders do not count."""
    found = {}
    for folder, names, files in os.walk(root):
        links = [name for name in names if os.path.islink(os.path.join(folder, name))]
        for name in [*files, *links]:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = stat.S_IFMT(os.lstat(path).st_mode)
    return found


def changes(base: str, bed: str) -> dict[str, str]:
    """Return what is different from the base: `added`, `removed`, `changed`, by path."""
    before, after = tree(base), tree(bed)
    found = dict.fromkeys(before.keys() - after.keys(), "removed")
    found |= dict.fromkeys(after.keys() - before.keys(), "added")
    for path in before.keys() & after.keys():
        if before[path] != after[path] or content(base, path) != content(bed, path):
            found[path] = "changed"
    return found


def content(root: str, path: str) -> tuple[bytes, bool]:
    """Return what a file holds, or where a link leads, and whether it may be executed."""
    full = os.path.join(root, path)
    if os.path.islink(full):
        return os.readlink(full).encode(), False
    with open(full, "rb") as file:
        return file.read(), bool(os.fstat(file.fileno()).st_mode & 0o100)


def forbidden(changed: dict[str, str], bed: str, job: dict[str, Any]) -> str:
    """Say what in these changes no honest patch does, or nothing."""
    ours = set(job["gold"])
    for path, what in sorted(changed.items()):
        if what == "removed" or path in ours:
            continue
        kind = stat.S_IFMT(os.lstat(os.path.join(bed, path)).st_mode)
        if kind != stat.S_IFREG:
            return f"the patch makes {path} a link"
        top = path.removeprefix("src/").partition("/")[0].removesuffix(".py")
        if what == "added" and top in job["taken"] and shadows(path, top, job, bed):
            return f"the patch adds {path}, which hides the module {top} that is installed"
    return ""


def shadows(path: str, top: str, job: dict[str, Any], bed: str) -> bool:
    """Whether an added file makes a module of a name that the base does not have there."""
    root = "src/" if path.startswith("src/") else ""
    stood = any(
        os.path.lexists(os.path.join(job["base"], root + name)) for name in (top, f"{top}.py")
    )
    importable = path.endswith((".py", ".so", ".pyi")) and os.path.lexists(os.path.join(bed, path))
    return importable and not stood


def kept(path: str, job: dict[str, Any]) -> bool:
    """Whether a file is ours to say: a test, or what configures the runner if gold leaves it."""
    if path in job["tests"]:
        return True
    if path in job["gold"]:
        return False
    return bool(SETTINGS.search(path)) or any(path.startswith(f"{r}/") for r in job["test_roots"])


def restore(base: str, bed: str, path: str) -> None:
    """Make one path what it is in the base."""
    source, target = os.path.join(base, path), os.path.join(bed, path)
    if os.path.islink(target) or os.path.isfile(target):
        os.unlink(target)
    if not os.path.lexists(source):
        return
    above = os.path.dirname(target)
    while above.startswith(bed) and not os.path.isdir(above):
        if os.path.lexists(above):
            os.unlink(above)
        above = os.path.dirname(above)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target, follow_symlinks=False)


def digest(bed: str, paths: list[str]) -> str:
    """Return what names a set of changes: equal patches, however written, have equal names."""
    hasher = hashlib.blake2b(digest_size=8)
    for path in paths:
        there = os.path.lexists(os.path.join(bed, path))
        held, executable = content(bed, path) if there else (b"", False)
        for part in (path.encode("utf-8", "surrogateescape"), held):
            hasher.update(len(part).to_bytes(8, "big") + part)
        hasher.update(bytes([there, executable]))
    return hasher.hexdigest()
