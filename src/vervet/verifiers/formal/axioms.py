"""What a proof rests on: the axioms Rocq finds below it, and a memory of names that are sound.

`Print Assumptions` walks through the whole library below a proof: half a second each time. The
library does not change, so a name of it that was found to rest on allowed axioms is remembered
with the environment it was read in. A proof whose text, printed in full, holds such names only
needs no walk:

    printed words of the proof and of its type  ⊆  remembered   ──yes──▶ sound
                                                └──no──▶ `Print Assumptions`; remember more

Words are more than names (bound variables and keywords are among them), so this errs towards the
walk. It is used for plain scripts alone: one theorem and its tactics, nothing that could change
what a name means.
"""

import re
import secrets

from vervet.verifiers.formal.coqtop import LONGEST, Coqtop
from vervet.verifiers.formal.script import CLOSERS, IN_PROOF, STATEMENTS, head

AXIOMS = (
    "Coq.Logic.Classical_Prop.classic",
    "Coq.Logic.ClassicalEpsilon.constructive_indefinite_description",
    "Coq.Logic.ClassicalUniqueChoice.dependent_unique_choice",
    "Coq.Logic.Description.constructive_definite_description",
    "Coq.Logic.Epsilon.epsilon_statement",
    "Coq.Logic.Eqdep.Eq_rect_eq.eq_rect_eq",
    "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep",
    "Coq.Logic.IndefiniteDescription.constructive_indefinite_description",
    "Coq.Logic.JMeq.JMeq_eq",
    "Coq.Logic.ProofIrrelevance.proof_irrelevance",
    "Coq.Logic.PropExtensionality.propositional_extensionality",
    "Coq.Reals.ClassicalDedekindReals.sig_forall_dec",
    "Coq.Reals.ClassicalDedekindReals.sig_not_dec",
)
"""What the standard library assumes: classical logic, choice and extensionality, by full path."""
PRIMITIVE = ("Coq.Numbers.Cyclic.Int63.", "Coq.Floats.")
"""Machine integers and floats: the library's axioms about the kernel's own arithmetic."""
ASSUMES = {"Axiom", "Axioms", "Parameter", "Parameters", "Conjecture"}
CLOSED = "Closed under the global context"
AXIOM_LINE = re.compile(r"([\w.']+)(?: :.*)?")
LOCATED = re.compile(r"^(?:Constant|Inductive) (\S+)", re.MULTILINE)
TERM = re.compile(r"^(?:Constant|Inductive|Constructor) (\S+)", re.MULTILINE)
NOTHING = re.compile(r"No object of (?:basename|suffix) ")
BETWEEN_WORDS = re.compile(r"[^\w'.\u0080-\U0010ffff]+")
KEYWORDS = re.compile(
    "_|SProp|Prop|Set|Type|as|at|cofix|else|end|fix|for|forall|fun|if|in|let|match|return|struct|"
    "then|where|with"
)
IN_FULL = "Set Printing All.\nSet Printing Depth 10000000.\nSet Printing Width 1000000."


class Audit:
    """Says what a proof rests on and may not; remembers what of the library is sound."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self.paths: frozenset[str] = frozenset()
        """Things of the library, by full path, that rest on allowed axioms only."""
        self.words: dict[tuple[str, ...], frozenset[str]] = {}
        """Words that stand for such things or for nothing, by the sentences run before."""

    def offence(
        self, worker: Coqtop, name: str, mark: str, *, setting: tuple[str, ...], plain: bool
    ) -> str:
        """Return what the proof called `name` rests on and may not, or nothing."""
        final, allowed = f"{mark}_final", self.allowed | own_axioms(setting)
        found = words(worker, name, mark) if plain else None
        if found is None:
            return offence(worker, final, mark, allowed)
        known = self.words.get(setting, frozenset())
        means = meanings(worker, found - known, mark)
        new = frozenset(path for paths in means.values() for path in paths or ()) - self.paths
        if new or None in means.values():
            probe = together(worker, final, new, mark)
            if not probe or offence(worker, probe, mark, allowed):
                return offence(worker, final, mark, allowed)
        self.paths |= new
        sound = (word for word, paths in means.items() if paths is not None)
        self.words[setting] = known.union(sound)
        return ""


def own_axioms(setting: tuple[str, ...]) -> frozenset[str]:
    """Return what a problem itself assumes.

    >>> own_axioms(("Open Scope Z_scope.", "Axiom f_two : f 2 = 3."))
    frozenset({'Top.f_two'})
    """
    names = (line.split()[1] for line in setting if head(line) in ASSUMES)
    return frozenset(f"Top.{name.rstrip(':')}" for name in names)


def offence(worker: Coqtop, name: str, mark: str, allowed: frozenset[str]) -> str:
    """Return what `name` rests on and may not, or nothing."""
    printed = ask(worker, f"Print Assumptions {name}.", mark)
    names = assumed(printed)
    if names is None:
        return f"rests on {' '.join(printed.split())[:160]!r}"
    for axiom in names:
        found = LOCATED.search(ask(worker, f"Locate {axiom}.", mark))
        path = found[1] if found else axiom
        if path not in allowed and not path.startswith(PRIMITIVE):
            return f"rests on the axiom {axiom.replace(mark, 'ours')}"
    return ""


def ask(worker: Coqtop, question: str, mark: str) -> str:
    """Return all that a question prints: what comes before an end mark of ours."""
    worker.tell("Check tt.")
    worker.forget()
    end = f"{mark}_end{secrets.token_hex(4)}"
    worker.write(f"{question}\nLocate {end}.\nCheck {end}.")
    reply = worker.read(f"{end} was".encode(), printed=end.encode())
    return reply.printed.rpartition("No object of")[0].strip()


def assumed(printed: str) -> list[str] | None:
    r"""Return the names of the axioms that `Print Assumptions` lists; None where it says more.

    >>> assumed("Closed under the global context")
    []
    >>> assumed("Axioms:\nclassic : forall P : Prop,\n  P \\/ ~ P")
    ['classic']
    >>> assumed("Axioms:\nf is assumed to be guarded.") is None
    True
    """
    if printed == CLOSED:
        return []
    first, _, rest = printed.partition("\n")
    if first.strip() != "Axioms:":
        return None
    matches = [AXIOM_LINE.fullmatch(line) for line in rest.splitlines() if line[:1].strip()]
    return [match[1] for match in matches if match] if all(matches) and matches else None


def is_plain(lines: tuple[str, ...]) -> bool:
    """Whether a script is one proof: a theorem or none, tactics, one closing word at the end.

    >>> is_plain(("Theorem t : 1 = 1.", "Proof.", "reflexivity.", "Qed."))
    True
    >>> is_plain(("Require Import Classical.", "lia.", "Qed."))
    False
    """
    inner = lines[1:-1] if head(lines[0]) in STATEMENTS else lines[:-1]
    return head(lines[-1]) in CLOSERS and all(head(line) in {"", *IN_PROOF} for line in inner)


def words(worker: Coqtop, name: str, mark: str) -> frozenset[str] | None:
    """Return every word of a proof and of the statement's type in full; None where too long."""
    printed = ask(worker, f"{IN_FULL}\nPrint {name}.\nPrint {mark}_type.", mark)
    if len(printed) > LONGEST // 4 or "..." in printed:
        return None
    found = (word.strip(".") for word in BETWEEN_WORDS.split(printed))
    own = {"", name, f"{mark}_type"}
    return frozenset(word for word in found if word not in own and not word[0].isdecimal())


def meanings(
    worker: Coqtop, wanted: frozenset[str], mark: str
) -> dict[str, tuple[str, ...] | None]:
    """Return every thing of the library each word may stand for; None where it may be another.

    What was made since the library was loaded may be something else in the next proof.
    """
    asked = sorted(word for word in wanted if not KEYWORDS.fullmatch(word))
    nothing: dict[str, tuple[str, ...] | None] = dict.fromkeys(wanted, ())
    if not asked:
        return nothing
    question = "".join(f"Locate {word}.\nLocate {mark}_next.\n" for word in asked)
    said = ask(worker, question, mark).split(f"No object of basename {mark}_next")
    if len(said) != len(asked) + 1:
        return dict.fromkeys(wanted)
    return nothing | {word: meaning(said[i]) for i, word in enumerate(asked)}


def meaning(printed: str) -> tuple[str, ...] | None:
    r"""Return the library's things that `Locate` lists; None where it lists others.

    >>> meaning("Constructor Coq.Init.Datatypes.S")
    ('Coq.Init.Datatypes.S',)
    >>> meaning("No object of basename x"), meaning("Constant Top.goal"), meaning("")
    ((), None, None)
    """
    found = tuple(TERM.findall(printed))
    if not found:
        return () if NOTHING.search(printed) else None
    return None if any(path.startswith("Top.") for path in found) else found


def together(worker: Coqtop, final: str, paths: frozenset[str], mark: str) -> str:
    """Define one thing that rests on all of these, so that one walk tells; return its name."""
    held = "".join(f"let _ := @{path} in " for path in (final, *sorted(paths)))
    failed = worker.tell(f"Definition {mark}_probe : Type := {held}Prop.").failed
    return "" if failed else f"{mark}_probe"
