"""The methods section: each estimator that a report used, its interval, and its source."""

from collections.abc import Iterator
from dataclasses import dataclass

from vervet.reporting.curves import Row, Rows, policy_name


@dataclass(frozen=True, slots=True)
class Method:
    """One estimator: its name, what it estimates and how."""

    name: str
    text: str


COVERAGE = (
    "The probability that at least one of k samples of a problem is accepted, averaged over "
    "problems (pass@k). For a problem with n judged samples, c of them accepted, the exact "
    "unbiased estimate is 1 − C(n − c, k) / C(n, k), computed in a numerically stable product form "
    "(Chen et al. 2021; Brown et al. 2024). Problems with fewer than k judged samples are left out "
    "at that k and counted."
)
POLICIES = {
    "majority": "The accuracy of the most frequent answer among k samples, expected over all "
    "subsets of k of the recorded samples. Votes are counted over equivalent answers; ties are "
    "broken uniformly at random.",
    "best-of": "The accuracy of the highest-scored of k samples, expected over all subsets of k.",
    "weighted": "The accuracy of the answer with the largest sum of scores among k samples, "
    "expected over subsets of k.",
    "first-accepted": "Samples are drawn until the verifier accepts one, at most k; the accuracy "
    "of what is returned, by the verdicts taken as truth.",
}
OUTCOMES = (
    "ACCEPT and REJECT speak about the sample. ERROR speaks about the judge: a verdict that could "
    "not be had is excluded and counted, never taken for a wrong answer. A sample without an "
    "answer, or cut off at its token limit, is judged wrong, and its share is reported."
)


def methods(document: Row) -> list[Method]:
    """Return what was estimated in this document, and how."""
    return [*_curves(document), *_extrapolated(document), *_judges(document), *_paid(document)]


def _curves(document: Row) -> Iterator[Method]:
    if document["coverage"]:
        yield Method("Coverage", f"{COVERAGE} {intervals(document['coverage'])}")
    by_name: dict[str, list[Row]] = {}
    for row in document.get("selection", ()):
        by_name.setdefault(policy_name(row), []).append(row)
    for name, rows in by_name.items():
        text = POLICIES.get(rows[0]["policy"], "The accuracy of what this policy returns.")
        yield Method(name[0].upper() + name[1:], f"{text} {intervals(rows)}")


def intervals(rows: Rows) -> str:
    """Say how the intervals of rows were made, each way once.

    >>> intervals([{"level": 0.95, "method": "bootstrap over problems"}])
    'Intervals: 95%, bootstrap over problems.'
    """
    said = dict.fromkeys(
        f"{100 * row['level']:g}%, {row['method'].rstrip('.')}" for row in rows if row.get("method")
    )
    return f"Intervals: {'; '.join(said)}." if said else ""


def _extrapolated(document: Row) -> Iterator[Method]:
    differences = document.get("differences", ())
    if differences:
        text = "Coverage of one model minus another's, paired over the problems both have."
        yield Method("Models compared", f"{text} {intervals(differences)}")
    fits = document.get("fits", ())
    if fits:
        losses = ", ".join(dict.fromkeys(str(f["loss"]) for f in fits))
        text = (
            "Coverage is fitted by base^(a k^b), an exponentiated power law (Brown et al. 2024), "
            f"by least squares on {losses}. Each law is fitted again to the first part of the "
            "curve and asked for its end: the table under the coverage charts shows both."
        )
        yield Method("Scaling law", text)
    forecasts = document.get("forecasts", ())
    if forecasts:
        text = "Coverage at more samples than were drawn, from the distribution of success rates."
        yield Method("Forecast", f"{text} {intervals(forecasts)}")


def _judges(document: Row) -> Iterator[Method]:
    rows = document.get("verifiers", ())
    if rows:
        text = (
            "Two verifiers' verdicts of the same samples are compared, one taken as truth. "
            "Completeness is the share of right samples that are accepted, soundness the share of "
            "wrong samples that are rejected, the false positive rate the share of wrong "
            "samples that are accepted (Stroebl et al. 2024)."
        )
        yield Method("Verifier against verifier", f"{text} {intervals(rows)}")
    cells = document.get("success", ())
    if cells:
        text = (
            "Success with S solutions and V verifications of each, replayed on recorded verdicts; "
            "the cost is C = S (1 + λV), in solutions (Singhi et al. 2025)."
        )
        yield Method("Solutions and verifications", f"{text} {intervals(cells)}")
    yield from _more(document)
    crossings = document.get("crossings", ())
    if crossings:
        text = "The factor of compute at which verification first matches the vote."
        yield Method("Crossing", f"{text} {intervals(crossings)}")


OTHERS = {
    "audits": (
        "Audit",
        (
            "The share of right samples from a weak verifier's acceptance on all samples and "
            "a strong one's verdicts on some (Rogan and Gladen 1978; Lang and Reiczigel "
            "2014). It holds if the audited samples were not chosen by the weak verdict."
        ),
    ),
    "utility": (
        "Reward",
        (
            "Samples are drawn until the verifier accepts one, at most K: 1 for a right one, "
            "minus cost of a false positive for a wrong one, 0 for nothing; exact over orders "
            "of the recorded samples."
        ),
    ),
    "agreement": (
        "Agreement",
        (
            "Cohen's and Fleiss' κ are agreement beyond chance. The repeat correlation ρ is "
            "that of two verdicts on one sample; V of them are worth V / (1 + (V − 1) ρ) "
            "independent ones. The area under the ROC curve is taken within problems, as "
            "selection is."
        ),
    ),
    "limits": (
        "Best of n from ROC curves",
        (
            "Accuracy with independent samples by each problem's own curve; not known beyond "
            "its samples, nor for n without end where few samples share the highest score."
        ),
    ),
    "quality": (
        "Quality",
        (
            "A column's mean among accepted samples that are right, less that among those "
            "that are wrong; style metrics are those of Zheng et al. (2024)."
        ),
    ),
    "frontier": (
        "Equal cost",
        (
            "The best success of any split of a cost into solutions and verifications, and a "
            "vote over as many solutions as it buys, on the same solutions and the same "
            "bootstrap samples."
        ),
    ),
    "exponents": (
        "Best split of compute",
        (
            "At each cost the number whose curve is highest, read between grid points on log "
            "cost, and a power law of cost by least squares of logarithms (Singhi et al. "
            "2025)."
        ),
    ),
    "mixtures": (
        "Mixtures",
        (
            "Attempts per model that minimise the mean chance that all of them fail, a convex "
            "problem solved to a certified gap; scored on halves of the problems it was not "
            "chosen on."
        ),
    ),
}


def _more(document: Row) -> Iterator[Method]:
    for key, (name, text) in OTHERS.items():
        if rows := document.get(key):
            yield Method(name, f"{text} {intervals(rows[:1])}")


def _paid(document: Row) -> Iterator[Method]:
    if document.get("costs"):
        text = (
            "What k samples of a problem cost on average: tokens as billed, dollars where the "
            "price is known, and floating-point operations from the parameter count, with the "
            "prompt read once for all samples and with the prompt read for each."
        )
        sources = "; ".join(dict.fromkeys(r["source"] for r in document["costs"] if r["source"]))
        yield Method("Cost", f"{text} Sources: {sources}." if sources else text)
    yield Method("What counts as what", OUTCOMES)
