"""What `analyze` returns: the document, and each part of it as a table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from vervet.analysis.schema import Document
from vervet.analysis.table import Table, table

INTERVAL = ("value", "low", "high", "problems", "samples", "excluded")


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that was measured; each method returns one part as a table."""

    document: Document

    def coverage(self, k: Sequence[int] = ()) -> Table:
        """Return coverage, at `k` or at every k of the grid, with intervals over problems."""
        rows = [r for r in self.document.coverage if not k or r.k in set(k)]
        return table("coverage", rows, ("model", "verifier", "k", *INTERVAL))

    def selection(self, k: Sequence[int] = ()) -> Table:
        """Return the expected accuracy of each way to pick one of k samples."""
        rows = [r for r in self.document.selection if not k or r.k in set(k)]
        return table("selection", rows, ("model", "policy", "by", "verifier", "k", *INTERVAL))

    def success(self) -> Table:
        """Return the surface over solutions S and verifications V."""
        columns = ("model", "judge", "solutions", "verifications", "cost", *INTERVAL)
        return table("success", self.document.success, columns)

    def crossings(self) -> Table:
        """Return the factor of compute at which verification first matches the vote, by rule."""
        columns = (
            "model", "judge", "rule", "cost_ratio", "reference_cost", "crossing_cost", "value",
            "low", "high", "never",
        )  # fmt: skip
        return table("crossings", self.document.crossings, columns)

    def differences(self, k: Sequence[int] = ()) -> Table:
        """Return coverage of one model minus another's on the same problems, paired."""
        rows = [r for r in self.document.differences if not k or r.k in set(k)]
        columns = ("model", "other", "verifier", "k", "value", "low", "high", "problems")
        return table("differences", rows, columns)

    def fits(self) -> Table:
        """Return fitted scaling laws and their back-tests."""
        columns = (
            "model", "verifier", "loss", "base", "a", "a_low", "a_high", "b", "b_low", "b_high",
            "error", "backtest_fitted_to", "backtest_k", "backtest_predicted", "backtest_observed",
        )  # fmt: skip
        return table("fits", self.document.fits, columns)

    def forecasts(self) -> Table:
        """Return coverage expected beyond what was drawn."""
        columns = ("model", "verifier", "k", "value", "low", "high", "level", "regime")
        return table("forecasts", self.document.forecasts, columns)

    def verifiers(self) -> Table:
        """Return each verifier held against the one taken as truth."""
        columns = (
            "model", "verifier", "against", "both_accept", "both_reject", "only_verifier_accepts",
            "only_against_accepts", "agreement", "completeness", "soundness",
            "false_positive_rate", "accuracy_given_accept", "limit_low", "limit_high", "best_k",
            "problems", "samples", "excluded",
        )  # fmt: skip
        return table("verifiers", self.document.verifiers, columns)

    def costs(self, k: Sequence[int] = ()) -> Table:
        """Return tokens, dollars and FLOPs of k samples of one problem."""
        rows = [r for r in self.document.costs if not k or r.k in set(k)]
        columns = ("model", "k", "tokens", "usd", "flops", "flops_unshared", "problems", "source")
        return table("costs", rows, columns)

    def problems(self) -> Table:
        """Return every problem: accepted of judged, and its most frequent answer."""
        columns = (
            "model", "verifier", "problem_id", "samples", "accepted", "rejected", "errors",
            "rate", "modal_answer", "modal_share", "modal_correct",
        )  # fmt: skip
        return table("problems", self.document.problems, columns)

    def excluded(self) -> Table:
        """Return what was left out, or deserves a look, and why."""
        columns = ("model", "verifier", "reason", "count", "total", "detail")
        return table("excluded", self.document.excluded, columns)

    def tables(self) -> list[Table]:
        """Return the parts that have rows, in reading order; problems are left to their method."""
        parts = (
            self.coverage(), self.differences(), self.selection(), self.success(),
            self.crossings(), self.fits(), self.forecasts(), self.verifiers(),
            self.costs(), self.excluded(),
        )  # fmt: skip
        return [part for part in parts if len(part)]

    def to_json(self) -> str:
        """Return the document as one JSON text, schema `vervet.analysis/1`."""
        return json.dumps(self.document.to_json(), allow_nan=False, ensure_ascii=False)

    def __repr__(self) -> str:
        return "\n\n".join(f"{part.title}\n{part}" for part in self.tables())

    def _repr_html_(self) -> str:
        return "".join(f"<h4>{part.title}</h4>{part._repr_html_()}" for part in self.tables())
