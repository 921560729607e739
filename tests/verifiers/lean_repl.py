"""A stand-in that speaks the Lean REPL's protocol (leanprover-community/repl, its README).

It proves nothing: words of ours in a body stand for what Lean would find there. What is tested
with it is our side: headers, environments, positions, messages, deaths and deadlines.
"""

import json
import re
import sys
import time
from typing import Any

WORDS = {"wrong_step": "unsolved goals\n⊢ False", "type_mismatch": "type mismatch"}
KNOWN = re.compile(r"norm_num|simp|rfl|trivial|native_decide|rests_on|says_it|hidden_gap|sorry")
COMMENT = re.compile(r"/-.*-/|--[^\n]*")
AXIOMS = re.compile(r"rests_on_([\w.]+)")


def message(severity: str, line: int, data: str) -> dict[str, Any]:
    end = {"line": line, "column": 9}
    return {"severity": severity, "pos": {"line": line, "column": 0}, "endPos": end, "data": data}


def elaborate(code: str) -> dict[str, Any]:
    """Return the messages and sorries of a body."""
    messages, sorries = [], []
    extra = AXIOMS.findall(code)
    code = COMMENT.sub("", code)
    if not KNOWN.search(code.partition("by sorry")[2]):
        messages.append(message("error", 1 << 20, "unknown tactic"))
    for number, line in enumerate(code.split("\n"), start=1):
        messages += [message("error", number, WORDS[word]) for word in WORDS if word in line]
        if re.search(r"\bsorry\b|hidden_gap", line):
            position = {"line": number, "column": 3}
            sorries.append({"pos": position, "endPos": position, "goal": "⊢ 1 = 1"})
            messages.append(message("warning", number, "declaration uses 'sorry'"))
        if "says_it_is_free" in line:
            messages.append(message("info", number, "'goal' does not depend on any axioms"))
        if found := re.match(r"#print axioms (\S+)", line):
            text = f"'{found[1]}' depends on axioms: [{', '.join(['propext', *extra])}]"
            messages.append(message("info", number, text.replace(", ", ",\n ")))
    answer: dict[str, Any] = {"env": 1, "messages": messages}
    return answer | ({"sorries": sorries} if sorries else {})


def answer(command: dict[str, Any]) -> dict[str, Any]:
    """Answer one command as the REPL does."""
    code = str(command["cmd"])
    if "env" not in command:
        bad = [message("error", 1, "unknown package 'Nowhere'")] if "Nowhere" in code else []
        return {"env": 0, "messages": bad} if bad else {"env": 0}
    if command["env"] != 0:
        return {"message": "Unknown environment."}
    if "import" in code:
        return {"env": 1, "messages": [message("error", 1, "invalid 'import' command")]}
    if "sleeps" in code:
        time.sleep(60)
    if "dies" in code:
        sys.exit(1)
    if "swells" in code:
        held = bytearray(300_000_000)
        time.sleep(60)
        del held
    return elaborate(code)


def main() -> None:
    """Answer JSON commands, each ended by a blank line, with indented JSON."""
    held = ""
    for line in sys.stdin:
        held += line
        if not line.strip() and held.strip():
            sys.stdout.write(json.dumps(answer(json.loads(held)), indent=1) + "\n\n")
            sys.stdout.flush()
            held = ""


if __name__ == "__main__":
    main()
