"""Diffs as text: the one in a reply, and the files that one is about."""

import re

from vervet.verifiers.answer import without_thoughts

TAGGED = re.compile(r"<(patch|diff)>\s*\n?(.*?)</\1>", re.DOTALL)
FENCED = re.compile(r"^(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
STARTS = re.compile(r"^(?:diff --git |--- \S|Index: )", re.MULTILINE)
HEADER = re.compile(
    r"^(?:diff --git (?P<both>.+)|(?P<side>---|\+\+\+) (?P<path>[^\t\n]+)"
    r"|(?:rename|copy) (?:from|to) (?P<moved>.+))$"
)
HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
LINK = re.compile(r"^(?:new file mode|new mode) 1[26]0000$", re.MULTILINE)
ESCAPE = re.compile(r"\\([0-7]{3}|.)")
CONTROL = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def patch_of(text: str) -> str:
    r"""Return the diff in a reply: marked by tags, in a code block, or the reply itself.

    >>> patch_of("Here:\n```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n```\n")
    '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n'
    >>> patch_of("I cannot do it.")
    ''
    """
    text = without_thoughts(text)
    if STARTS.match(text.lstrip("\n")):
        return text.lstrip("\n")
    tagged = [body for _, body in TAGGED.findall(text) if STARTS.search(body)]
    fenced = [
        body
        for _, word, body in FENCED.findall(text)
        if word in {"", "diff", "patch"} and STARTS.search(body)
    ]
    if tagged or fenced:
        return tagged[-1] if tagged else "\n".join(body.strip("\n") for body in fenced) + "\n"
    start = STARTS.search(text)
    return text[start.start() :] if start else ""


def paths_of(patch: str) -> set[str]:
    r"""Return the files a diff says it is about, as it names them without `a/` and `b/`.

    >>> sorted(paths_of("diff --git a/x.py b/y.py\nrename from x.py\nrename to y.py\n"))
    ['x.py', 'y.py']
    >>> paths_of("--- a/old.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n--- not a header\n")
    {'old.py'}
    """
    found: set[str] = set()
    old = new = 0
    for line in patch.splitlines():
        if old > 0 or new > 0:
            old -= line[:1] in {"-", " ", ""}
            new -= line[:1] in {"+", " ", ""}
            continue
        if hunk := HUNK.match(line):
            old, new = (int(count) if count else 1 for count in hunk.groups())
        elif header := HEADER.match(line):
            found |= _named(header)
    return found - {"/dev/null", ""}


def _named(header: re.Match[str]) -> set[str]:
    if header["both"] is not None:
        return {_plain(name) for name in _pair(header["both"])}
    if header["moved"] is not None:
        return {_unquoted(header["moved"])}
    return {_plain(_unquoted(header["path"]))}


def _pair(both: str) -> list[str]:
    """Split `a/x b/y`: quoted, or in two equal halves where names hold spaces."""
    if both.startswith('"') or both.endswith('"'):
        return [_unquoted(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', both)]
    half = len(both) // 2
    if both[half : half + 1] == " " and both[2:half] == both[half + 3 :]:
        return [both[:half], both[half + 1 :]]
    return both.split(" ")


def _unquoted(name: str) -> str:
    name = name.strip()
    if not (name.startswith('"') and name.endswith('"') and len(name) > 1):
        return name
    octets = ESCAPE.sub(
        lambda m: chr(int(m[1], 8)) if len(m[1]) > 1 else CONTROL.get(m[1], m[1]), name[1:-1]
    )
    return octets.encode("latin-1", "replace").decode("utf-8", "replace")


def _plain(name: str) -> str:
    return name[2:] if name[:2] in {"a/", "b/"} else name


def wrong_with(patch: str, gold: str = "") -> str:
    r"""Say what no honest patch has, or nothing: a way out of the repository, a link.

    The folder as it is afterwards is looked at as well; this gives the clearer reason.

    >>> wrong_with("--- a/x\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n")
    'the patch names ../../etc/passwd, which is outside the repository'
    """
    for path in sorted(paths_of(patch)):
        parts = path.replace("\\", "/").split("/")
        if path.startswith("/") or ".." in parts:
            return f"the patch names {path}, which is outside the repository"
        if ".git" in (part.lower() for part in parts):
            return f"the patch names {path}, which belongs to git"
    if LINK.search(patch) and not LINK.search(gold):
        return "the patch makes a link"
    return ""
