"""`genrm-sft`: a judge's own words, where they agree with the truth, as lessons for a verifier.

What Zhang et al. 2024 (arXiv:2408.15240) and Singhi et al. 2025 (arXiv:2504.01005) train on: only
rationales whose verdict agrees with the ground truth, of solutions most of whose rationales do,
and as many Yes as No for each problem. A line is a conversation in the OpenAI form, which TRL and
LLaMA-Factory read as it is: the verifier's prompt, then the rationale up to its verdict.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from vervet.errors import ConfigError
from vervet.store import Run
from vervet.transfer.parts import parts
from vervet.types import Outcome, Problem, Sample, Verdict
from vervet.verifiers.judging.prompts import fill, shown, template_of
from vervet.verifiers.judging.words import until_verdict
from vervet.verifiers.recorded import majority, named_one

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example: what the verifier is shown, what it should say, and where that came from."""

    prompt: str
    rationale: str
    yes: bool
    key: Key
    trial: int

    def line(self, problem_id: str) -> str:
        """Return it as a line of chat JSONL."""
        talk = [
            {"role": "user", "content": self.prompt},
            {"role": "assistant", "content": self.rationale},
        ]
        origin = {"problem": problem_id, "model": self.key[0], "index": self.key[1]}
        row = {"messages": talk, "label": "yes" if self.yes else "no", **origin}
        return json.dumps({**row, "trial": self.trial}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What an export wrote, and what it left out and why."""

    examples: int
    problems: int
    """Problems that gave any."""
    left_out: Mapping[str, int]
    """Rationales left out, by reason."""

    def __repr__(self) -> str:
        lines = [f"{self.examples:,} examples of {self.problems:,} problems, half of them Yes"]
        return "\n".join(lines + [f"  left out {n:,}: {why}" for why, n in self.left_out.items()])


def export_genrm(
    run: Run,
    path: str | Path,
    *,
    judge: str,
    against: str,
    template: str = "fine-tuned",
    per_problem: int = 4,
    agreement: float = 0.5,
) -> Lessons:
    """Write lessons for a verifier, balanced and filtered, as chat JSONL for TRL, LLaMA-Factory.

    Args:
        run: holds samples, the judge's verdicts with its words, and the verdicts of the truth.
        path: the file to write, ending in .jsonl.
        judge: the verifier whose words are taken, by name or id.
        against: the verifier taken as the truth.
        template: the prompt of the verifier to be trained, as for `judge`.
        per_problem: the most Yes, and the most No, of one problem.
        agreement: only solutions of whose rationales more than this share agree with the truth.

    Raises:
        ConfigError: no such verdicts, another ending, a number out of range, or nothing is left.
    """
    file = Path(path)
    if file.suffix != ".jsonl":
        raise ConfigError(f"{str(path)!r}: the ending must be .jsonl.")
    if per_problem < 1 or not 0 <= agreement < 1:
        raise ConfigError(
            f"genrm-sft: per_problem {per_problem} must be at least 1 and agreement {agreement} "
            "from 0 to below 1."
        )
    known = recorded(run)
    words, truth = named_one(judge, known), named_one(against, known)
    asked = template_of(template)
    left: Counter[str] = Counter()
    examples = problems = 0
    with file.open("w", encoding="utf-8") as stream:
        for problem, rows in _problems(run, words, truth):
            candidates = _agreeing(rows[words], rows[truth], agreement, left)
            lessons = list(_lessons(problem, rows["samples"], candidates, asked))
            chosen = balanced(lessons, per_problem)
            left["more than the other answer, a repeat, or over the limit"] += sum(
                map(len, candidates.values())
            ) - len(chosen)
            stream.writelines(lesson.line(problem.id) + "\n" for lesson in chosen)
            examples, problems = examples + len(chosen), problems + bool(chosen)
    if not examples:
        raise ConfigError(f"genrm-sft: no problem has both a Yes and a No of {judge} that agree.")
    return Lessons(examples, problems, {why: n for why, n in left.items() if n})


def recorded(run: Run) -> list[str]:
    """Return the ids of the verifiers that judged anything in `run`."""
    found = run.scan(Verdict, ("verifier_id",))
    return [found.categories["verifier_id"][code] for code in np.unique(found["verifier_id"])]


def _problems(run: Run, judge: str, truth: str) -> Iterator[tuple[Problem, dict[str, Any]]]:
    """Yield each problem with its samples and both verifiers' verdicts."""
    for part, where in parts(run):
        rows: dict[str, dict[str, Any]] = {
            p.id: {"samples": {}, judge: {}, truth: {}} for p in part
        }
        for batch in run.read(Sample, where):
            for sample in batch:
                rows[sample.problem_id]["samples"][sample.sampler_id, sample.index] = sample
        for found in run.read(Verdict, {**where, "verifier_id": [judge, truth]}):
            for said in found:
                told = rows[said.problem_id][said.verifier_id]
                told.setdefault((said.sampler_id, said.index), []).append(said)
        for problem in part:
            yield problem, rows[problem.id]


def _agreeing(
    told: Mapping[Key, list[Verdict]],
    truths: Mapping[Key, list[Verdict]],
    agreement: float,
    left: Counter[str],
) -> dict[Key, list[tuple[Verdict, str]]]:
    """Return the rationales that agree with the truth, by solution; count the others."""
    kept: dict[Key, list[tuple[Verdict, str]]] = {}
    for key, verdicts in sorted(told.items()):
        gold = majority(truths.get(key, ()))
        rationales = [(v, until_verdict(_words(v))) for v in sorted(verdicts, key=_trial)]
        good = [(v, text) for v, text in rationales if v.outcome == gold and text]
        if gold is None:
            left["no ground truth"] += len(verdicts)
            continue
        silent = sum(not text or v.outcome is Outcome.ERROR for v, text in rationales)
        left["no verdict, or no words"] += silent
        left["the verdict is not the truth"] += len(verdicts) - silent - len(good)
        if len(good) > agreement * len(verdicts):
            kept[key] = good
        else:
            left["most rationales of the solution are wrong"] += len(good)
    return kept


def _trial(verdict: Verdict) -> int:
    return verdict.trial


def _words(verdict: Verdict) -> str:
    try:
        evidence = json.loads(verdict.evidence or "{}")
    except ValueError:
        return ""
    return str(evidence.get("text") or "") if isinstance(evidence, dict) else ""


def _lessons(
    problem: Problem,
    samples: Mapping[Key, Sample],
    kept: Mapping[Key, list[tuple[Verdict, str]]],
    template: str,
) -> Iterator[Lesson]:
    """Yield the lessons of a problem, one of every solution before a second one of any."""
    prompts = {
        key: fill(template, problem, {"solution": shown(samples[key])})
        for key in kept
        if key in samples and shown(samples[key])
    }
    rounds = zip_longest(*([(key, *told) for told in kept[key]] for key in prompts))
    for row in rounds:
        for key, verdict, text in filter(None, row):
            yield Lesson(prompts[key], text, verdict.outcome is Outcome.ACCEPT, key, verdict.trial)


def balanced(lessons: Sequence[Lesson], most: int) -> list[Lesson]:
    """Return as many Yes as No, at most `most` of each, repeats left out, in the order given."""
    different = {(each.prompt, each.rationale): each for each in reversed(lessons)}
    unique = list(reversed(different.values()))
    sides = [[each for each in unique if each.yes is yes] for yes in (True, False)]
    many = min(most, *map(len, sides))
    return [
        lesson for pair in zip(*(side[:many] for side in sides), strict=True) for lesson in pair
    ]
