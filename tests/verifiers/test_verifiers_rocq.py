"""Rocq for real: what is proved is accepted, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vervet.engines.bridge import run
from vervet.errors import ConfigError
from vervet.testing import check_verifier
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.formal import axioms
from vervet.verifiers.formal.coqtop import Coqtop, Limits
from vervet.verifiers.formal.recheck import recheck
from vervet.verifiers.formal.rocq import Rocq
from vervet.verifiers.formal.script import Refused, Script, read_script
from vervet.verifiers.formal.sentences import Unreadable, sentences

needs_rocq = pytest.mark.skipif(shutil.which("coqtop") is None, reason="no coqtop on this machine")

HEADER = "Require Import ZArith Lia.\nOpen Scope Z_scope."
STATEMENT = "Theorem goal (x : Z) (h : x = 2) : x + 1 = 3."
PROBLEM = Problem("p", "?", {"header": HEADER, "statement": STATEMENT, "proof": "Proof. lia. Qed."})
LIES = Problem("q", "?", {"header": HEADER, "statement": "Theorem goal (x : Z) : x + 1 = 3."})


@pytest.fixture(scope="module")
def rocq() -> Iterator[Rocq]:
    verifier = Rocq(seconds=20, megabytes=3_000, workers=1)
    yield verifier
    for _, worker in verifier.pool.idle:
        worker.kill()


def judged(verifier: Rocq, problem: Problem, text: str, finish: str = "stop") -> Verdict:
    async def ask() -> Verdict:
        return await verifier.verify(problem, Sample(problem.id, "s", 0, text, finish), 0)

    return run(ask())


RIGHT = (
    "Proof. lia. Qed.",
    "lia.",
    "Proof.\n  rewrite h.\n  (* both sides (* nested *) compute *)\n  reflexivity.\nDefined.",
    "Here you are:\n```coq\nProof.\nassert (A : x + 0 = 2).\n- lia.\n- { lia. }\nQed.\n```\nDone.",
    f"```coq\n{HEADER}\n\n{STATEMENT}\nProof.\n  lia.\nQed.\n```",
    "Theorem other: forall x:Z, x=2 ->x+1=3. Proof. intros. lia. Qed.",
    "Lemma two : 1 + 1 = 2. Proof. reflexivity. Qed.\n" + STATEMENT + " Proof. lia. Qed.",
    "Ltac Finish := lia.\n" + STATEMENT + "\nProof. Finish. Qed. Print Assumptions goal.",
    "Require Import Classical. Proof. destruct (classic (x = 2)); lia. Qed.",
    "<think>Admitted?</think>Proof. all: Lia.lia. Qed.",
)


@needs_rocq
@pytest.mark.parametrize("text", RIGHT)
def test_a_proof_is_accepted(rocq: Rocq, text: str) -> None:
    verdict = judged(rocq, PROBLEM, text)
    assert (verdict.outcome, verdict.detail) == (Outcome.ACCEPT, "")


CHEATS = {
    "nothing": "",
    "Admitted": "Proof. Admitted.",
    "admit": "Proof. admit. Qed.",
    "give up": "Proof. give_up. Qed.",
    "Abort": "Proof. Abort.",
    "abort and another": "Proof. Abort. Theorem goal : True. Proof. exact I. Qed.",
    "axiom": "Axiom a : False. " + STATEMENT + " Proof. destruct a. Qed.",
    "parameter": "Parameter a : False. " + STATEMENT + " Proof. destruct a. Qed.",
    "hypothesis": "Section S. Hypothesis a : False. " + STATEMENT + " destruct a. Qed. End S.",
    "context": "Section S. Context (a : False). " + STATEMENT + " destruct a. Qed. End S.",
    "admitted lemma": "Lemma a : False. Admitted. " + STATEMENT + " destruct a. Qed.",
    "lemma by admit": "Lemma a : False. Proof. admit. Qed. " + STATEMENT + " destruct a. Qed.",
    "axiom in a module": "Module M. Axiom a : False. End M. " + STATEMENT + " destruct M.a. Qed.",
    "local axiom": "#[local] Axiom a : False. " + STATEMENT + " destruct a. Qed.",
    "Local Axiom": "Local Axiom a : False. " + STATEMENT + " destruct a. Qed.",
    "notation": 'Notation "a = b" := True. Theorem goal (x : Z) : x + 1 = 3. exact I. Qed.',
    "local notation": 'Local Notation "a + b" := 3. ' + STATEMENT + " reflexivity. Qed.",
    "infix": 'Infix "+" := (fun _ _ => 3). ' + STATEMENT + " reflexivity. Qed.",
    "shadowed type": "Definition Z := unit. Theorem goal (x : Z) : x = tt. destruct x; auto. Qed.",
    "shadowed equality": "Definition eq (A : Type) (a b : A) := True. Theorem goal (x : Z) : "
    "eq Z (x + 1) 3. exact I. Qed.",
    "added hypothesis": "Theorem goal (x : Z) (f : False) : x + 1 = 3. destruct f. Qed.",
    "weaker": "Theorem goal (x : Z) : x + 1 = x + 1. reflexivity. Qed.",
    "True": "Theorem goal : True. exact I. Qed.",
    "guard": "Unset Guard Checking. Fixpoint f (n : nat) : False := f n. " + STATEMENT
    + " destruct (f O). Qed.",
    "guard by attribute": "#[bypass_check(guard)] Fixpoint f (n : nat) : False := f n. "
    + STATEMENT + " destruct (f O). Qed.",
    "universes": "Unset Universe Checking. " + STATEMENT + " lia. Qed.",
    "positivity": "#[bypass_check(positivity)] Inductive T := c : (T -> False) -> T. " + STATEMENT,
    "load": 'Load "/etc/passwd". Proof. lia. Qed.',
    "plugin": 'Declare ML Module "ltac_plugin". Proof. lia. Qed.',
    "redirect": 'Redirect "/tmp/f" Print nat. Proof. lia. Qed.',
    "extraction": 'Extraction "/tmp/f.ml" plus. Proof. lia. Qed.',
    "leave": "Quit. Proof. lia. Qed.",
    "back": "Reset Initial. Proof. lia. Qed.",
    "drop": "Drop. Proof. lia. Qed.",
    "printed": 'Proof. idtac "Closed under the global context". Qed.',
    "printed prompt": 'Proof. idtac "<prompt>Coq < 99 || 0 < </prompt>". Admitted.',
    "failed prompt": 'Proof. fail 0 "<prompt>Coq < 99 || 0 < </prompt>". Qed.',
    "open comment": "Proof. (* lia. Qed.",
    "comment in a string": 'Proof. idtac "(*". Admitted. (* " *) Qed.',
    "open string": 'Proof. idtac ". lia. Qed.',
    "invisible": "Proof. li\N{ZERO WIDTH SPACE}a. Qed.",
    "right to left": "Proof. \N{RIGHT-TO-LEFT OVERRIDE}lia. Qed.",
    "hidden in one line": "Proof. idtac. } Axiom a : False. destruct a. Qed.",
    "fail": "Fail Axiom a : False. Proof. lia. Qed.",
    "instance": "Instance a : False. Admitted. Proof. destruct a. Qed.",
    "nested": "Theorem goal (x : Z) : x + 1 = 3. Theorem f : False. Admitted. destruct f. Qed.",
    "program": "Program Definition f : False := _. Admit Obligations. Proof. destruct f. Qed.",
    "prose": "The statement is obviously true.",
}  # fmt: skip


@needs_rocq
@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_rejected(rocq: Rocq, name: str) -> None:
    verdict = judged(rocq, LIES, CHEATS[name])
    assert (verdict.outcome, verdict.answer) == (Outcome.REJECT, None), verdict.detail


SMUGGLED = {
    "axiom": ("Axiom a : False.", STATEMENT, "destruct a.", "Qed."),
    "in a module": ("Module M.", "Axiom classic : False.", "End M.", STATEMENT, "case M.classic.",
                    "Qed."),
    "named as one that is allowed": ("Axiom functional_extensionality_dep : False.", STATEMENT,
                                     "case functional_extensionality_dep.", "Qed."),
    "admitted": (STATEMENT, "Admitted."),
    "guard": ("Unset Guard Checking.", "Fixpoint f (n : nat) : False := f n.",
              "Set Guard Checking.", STATEMENT, "case (f O).", "Qed."),
    "universes": ("Unset Universe Checking.", "Definition T : Set := Set.",
                  "Definition U : Set := forall A : Set, A -> T.", STATEMENT,
                  "pose U. lia.", "Qed."),
    "notation": ('Notation "a = b" := True : type_scope.', "Theorem goal (x : Z) : x + 1 = 3.",
                 "exact I.", "Qed."),
    "several in one line": ("Lemma a : 1 = 1. Proof. reflexivity. Qed.", STATEMENT, "lia.", "Qed."),
}  # fmt: skip


@needs_rocq
@pytest.mark.parametrize("name", SMUGGLED)
def test_what_gets_past_the_list_does_not_get_past_the_kernel(rocq: Rocq, name: str) -> None:
    async def ask() -> Outcome:
        from vervet.verifiers.formal.theorem import theorem_of  # noqa: PLC0415 - used here only

        theorem = theorem_of(LIES.reference, old=True)
        return (await rocq.checked(theorem, Script(SMUGGLED[name], "goal"))).outcome

    assert run(ask()) is Outcome.REJECT


RELATIONS = Problem(
    "r", "?",
    {
        "header": "Require Import ChoiceFacts RelationalChoice.",
        "statement": "Theorem goal : RelationalChoice.",
    },
)  # fmt: skip
"""The library assumes it under a name that is not among the axioms allowed."""


@needs_rocq
def test_what_the_library_is_remembered_for_saves_no_proof_from_its_axioms(rocq: Rocq) -> None:
    for _ in range(2):
        assert judged(rocq, PROBLEM, "lia.").outcome is Outcome.ACCEPT
        found = judged(rocq, RELATIONS, "Proof. exact relational_choice. Qed.")
        assert (found.outcome, found.detail) == (
            Outcome.REJECT, "rests on the axiom relational_choice",
        )  # fmt: skip
    assert any("Z" in words for words in rocq.audit.words.values())
    assert not any("relational_choice" in path for path in rocq.audit.paths)


@needs_rocq
def test_an_axiom_below_a_lemma_of_the_library_is_found(rocq: Rocq) -> None:
    header = "Require Import Classical ClassicalEpsilon."
    statement = "Theorem goal (P : Prop) : P \\/ ~ P."
    problem = Problem("c", "?", {"header": header, "statement": statement})
    strict = Rocq(workers=1)
    strict.audit.allowed = frozenset()
    for verifier, outcome in ((rocq, Outcome.ACCEPT), (strict, Outcome.REJECT)):
        for _ in range(2):
            assert judged(verifier, problem, "Proof. apply NNPP; tauto. Qed.").outcome is outcome


@needs_rocq
def test_a_proof_seen_before_needs_no_walk_through_the_library(
    rocq: Rocq, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged(rocq, PROBLEM, "Proof. abstract lia. Defined.").outcome is Outcome.ACCEPT
    assert judged(rocq, PROBLEM, "Proof. lia. Qed.").outcome is Outcome.ACCEPT
    walks = []
    real = axioms.offence

    def counted(worker: Coqtop, name: str, mark: str, allowed: frozenset[str]) -> str:
        walks.append(name)
        return real(worker, name, mark, allowed)

    monkeypatch.setattr(axioms, "offence", counted)
    assert judged(rocq, PROBLEM, "Proof. intros. lia. Qed.").outcome is Outcome.ACCEPT
    assert walks == []
    assert judged(rocq, PROBLEM, "Proof. abstract lia. Defined.").outcome is Outcome.ACCEPT
    assert len(walks) == 1, "a helper made by the proof itself may be anything"


@needs_rocq
def test_an_accepted_proof_is_compiled_anew_and_checked() -> None:
    verifier = Rocq(workers=1, rechecked=True)
    assert judged(verifier, PROBLEM, RIGHT[7]).outcome is Outcome.ACCEPT
    assert verifier.id != Rocq(workers=1).id


@needs_rocq
@pytest.mark.parametrize(
    ("line", "said"),
    [("Theorem t : 1 = 2. Proof. reflexivity. Qed.", "Unable to unify"), ("Quit.", "checked")],
)
def test_a_file_that_does_not_compile_is_refused_by_the_recheck(line: str, said: str) -> None:
    assert said in recheck((line,), Limits(), "namespaces")


@needs_rocq
def test_an_endless_proof_is_rejected_for_its_time() -> None:
    verdict = judged(Rocq(seconds=1, workers=1), PROBLEM, "Proof. do 99999999 pose proof I. Qed.")
    assert verdict.outcome is Outcome.REJECT
    assert "time limit" in verdict.detail


@needs_rocq
@pytest.mark.slow
def test_a_huge_proof_is_rejected_for_its_memory(rocq: Rocq) -> None:
    bomb = "Proof. let n := eval vm_compute in (Nat.pow 2 40) in pose n. lia. Qed."
    verdict = judged(rocq, PROBLEM, bomb)
    assert verdict.outcome is Outcome.REJECT
    assert "limit" in verdict.detail
    assert judged(rocq, PROBLEM, RIGHT[0]).outcome is Outcome.ACCEPT


@needs_rocq
def test_one_proof_leaves_nothing_to_the_next(rocq: Rocq) -> None:
    helper = "Lemma left_here : 1 = 1. Proof. reflexivity. Qed. "
    assert judged(rocq, PROBLEM, helper + STATEMENT + " lia. Qed.").outcome is Outcome.ACCEPT
    assert judged(rocq, PROBLEM, "Proof. pose left_here. lia. Qed.").outcome is Outcome.REJECT


@needs_rocq
def test_a_process_that_dies_is_no_rejection(rocq: Rocq) -> None:
    assert judged(rocq, PROBLEM, RIGHT[0]).outcome is Outcome.ACCEPT
    rocq.pool.idle[-1][1].process.kill()
    assert judged(rocq, PROBLEM, RIGHT[0]).outcome is Outcome.ACCEPT


@needs_rocq
def test_a_statement_that_rocq_cannot_read_is_our_error(rocq: Rocq) -> None:
    broken = Problem("b", "?", {"header": HEADER, "statement": "Theorem goal : 1 = true."})
    assert judged(rocq, broken, RIGHT[0]).outcome is Outcome.ERROR


@needs_rocq
def test_a_problem_may_rest_on_its_own_axioms(rocq: Rocq) -> None:
    header = HEADER + "\nParameter f : Z -> Z.\nAxiom f_two : f 2 = 3."
    problem = Problem("a", "?", {"header": header, "statement": "Theorem goal : f 2 = 3."})
    assert judged(rocq, problem, "Proof. exact f_two. Qed.").outcome is Outcome.ACCEPT


@needs_rocq
def test_a_reply_that_was_cut_off_is_rejected(rocq: Rocq) -> None:
    assert judged(rocq, PROBLEM, RIGHT[0], finish="length").outcome is Outcome.REJECT


@needs_rocq
def test_rocq_keeps_the_contract_of_a_verifier(rocq: Rocq) -> None:
    check_verifier(rocq, [PROBLEM])


@needs_rocq
def test_options_without_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="isolation 'none'"):
        Rocq(isolation="none")
    with pytest.raises(ConfigError, match="positive"):
        Rocq(seconds=0)


def test_without_rocq_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="apt install coq"):
        Rocq()


@given(st.text(alphabet='abc.(*)" \n-+{}:1', max_size=80))
def test_any_text_is_cut_into_sentences_or_refused(text: str) -> None:
    try:
        found = sentences(text)
    except Unreadable:
        return
    assert all(line == line.strip() and "\n" not in line for line in found)


@given(st.text(max_size=200))
def test_any_reply_is_read(text: str) -> None:
    assert isinstance(read_script(text, HEADER), Script | Refused)


@needs_rocq
@pytest.mark.slow
def test_statements_of_minif2f_are_read_and_a_wrong_proof_is_rejected(
    rocq: Rocq, shared_data: Path
) -> None:
    from vervet.problems.minif2f import minif2f_rocq  # noqa: PLC0415 - with the data only

    problems = minif2f_rocq(path=shared_data / "data" / "minif2f" / "rocq", limit=5)
    verdicts = [judged(rocq, problem, "Proof. intros. exact I. Qed.") for problem in problems]
    assert {verdict.outcome for verdict in verdicts} <= {Outcome.REJECT, Outcome.ERROR}
    assert sum(verdict.outcome is Outcome.REJECT for verdict in verdicts) >= 4
