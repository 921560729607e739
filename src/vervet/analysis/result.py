"""What `analyze` returns: the document, and each part of it as a table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vervet.analysis.layout import ASIDE, COLUMNS, SHOWN, layout
from vervet.analysis.schema import Document
from vervet.analysis.table import Table, table
from vervet.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that was measured; each method returns one part as a table."""

    document: Document

    def part(self, name: str, k: Sequence[int] = ()) -> Table:
        """Return any part of the document by its key, at `k` where its rows have one.

        Raises:
            ConfigError: the document has no such part.
        """
        if name not in COLUMNS:
            raise ConfigError(
                f"an analysis has no part {name!r}; there are {', '.join(COLUMNS)}, and all."
            )
        rows: Iterable[Any] = getattr(self.document, name)
        kept = [row for row in rows if not k or row.k in set(k)]
        return table(name.replace("_", " "), kept, COLUMNS[name])

    def coverage(self, k: Sequence[int] = ()) -> Table:
        """Return coverage, at `k` or at every k of the grid, with intervals over problems."""
        return self.part("coverage", k)

    def selection(self, k: Sequence[int] = ()) -> Table:
        """Return the expected accuracy of each way to pick one of k samples."""
        return self.part("selection", k)

    def reliability(self, k: Sequence[int] = ()) -> Table:
        """Return the chance that all, or most, of k samples are right."""
        return self.part("reliability", k)

    def differences(self, k: Sequence[int] = ()) -> Table:
        """Return differences of models, policies and verifiers on the same problems, paired."""
        return self.part("differences", k)

    def strata(self, k: Sequence[int] = ()) -> Table:
        """Return coverage and selection by difficulty of the problems."""
        return self.part("strata", k)

    def success(self) -> Table:
        """Return the surface over solutions S and verifications V."""
        return self.part("success")

    def crossings(self) -> Table:
        """Return the factor of compute at which verification first matches the vote, by rule."""
        return self.part("crossings")

    def frontier(self) -> Table:
        """Return verification's best success within each cost, beside the vote's."""
        return self.part("frontier")

    def exponents(self) -> Table:
        """Return how the best number of solutions, and of verifications, grows with compute."""
        return self.part("exponents")

    def fits(self) -> Table:
        """Return fitted scaling laws and their back-tests."""
        return self.part("fits")

    def shifts(self) -> Table:
        """Return how far models' curves lie apart along log k."""
        return self.part("shifts")

    def forecasts(self) -> Table:
        """Return coverage expected beyond what was drawn."""
        return self.part("forecasts")

    def backtests(self) -> Table:
        """Return how forecasts from a tenth of the samples do on the whole."""
        return self.part("backtests")

    def sample_plans(self) -> Table:
        """Return the runs that would bring a forecast to the wanted width."""
        return self.part("sample_plans")

    def mixtures(self) -> Table:
        """Return how to split a budget over models, and what that gains on held-out problems."""
        return self.part("mixtures")

    def verifiers(self) -> Table:
        """Return each verifier held against the one taken as truth."""
        return self.part("verifiers")

    def audits(self) -> Table:
        """Return accuracy by a weak verifier, corrected by what a strong one audited."""
        return self.part("audits")

    def agreement(self) -> Table:
        """Return how far verifiers agree, and what repeated verdicts are worth."""
        return self.part("agreement")

    def utility(self) -> Table:
        """Return the expected reward of the first accepted sample, at every limit on attempts."""
        return self.part("utility")

    def false_positives(self) -> Table:
        """Return each problem's share of wrong samples that are accepted."""
        return self.part("false_positives")

    def strong_weak(self) -> Table:
        """Return whether resampling the weak model can match the strong one."""
        return self.part("strong_weak")

    def theory(self) -> Table:
        """Return the two-type model of a verifier's mistakes."""
        return self.part("theory")

    def quality(self) -> Table:
        """Return what tells right acceptances from wrong ones."""
        return self.part("quality")

    def roc(self) -> Table:
        """Return rejection sampling at each threshold of a verifier's score."""
        return self.part("roc")

    def limits(self) -> Table:
        """Return best-of-n from each problem's ROC curve, and where it ends."""
        return self.part("limits")

    def costs(self, k: Sequence[int] = ()) -> Table:
        """Return tokens, dollars and FLOPs of k samples of one problem."""
        return self.part("costs", k)

    def problems(self) -> Table:
        """Return every problem: accepted of judged, and its most frequent answer."""
        return self.part("problems")

    def excluded(self) -> Table:
        """Return what was left out, or deserves a look, and why."""
        return self.part("excluded")

    def tables(self, show: Sequence[str] = ()) -> list[Table]:
        """Return the parts that have rows, in reading order.

        Args:
            show: names of parts, complete; `all` for every part. Without it, what a reader wants
                first: long curves at k = 1, 10, 100 and the largest, surfaces as grids.

        Raises:
            ConfigError: a name that is no part.
        """
        if not show:
            found = [part for name in SHOWN for part in layout(name, self._judged(name))]
        else:
            wanted = COLUMNS if "all" in show else show
            found = [part for name in wanted for part in layout(name, self.part(name), full=True)]
        return [part for part in found if len(part)]

    def _judged(self, name: str) -> Table:
        """Return a part; where one verifier is the truth, selections as it judges them only."""
        part = self.part(name)
        truths = {row.against for row in self.document.verifiers}
        if name != "selection" or len(truths) != 1:
            return part
        rows = tuple(row for row in part if row["verifier"] in truths)
        return Table(part.title, rows, part.columns)

    def aside(self) -> list[str]:
        """Return the names of the parts that have rows and are shown only when asked for."""
        return [name for name in COLUMNS if name in ASIDE and getattr(self.document, name)]

    def to_json(self) -> str:
        """Return the document as one JSON text, schema `vervet.analysis/1`."""
        return json.dumps(self.document.to_json(), allow_nan=False, ensure_ascii=False)

    def __repr__(self) -> str:
        parts = [f"{part.title}\n{part}" for part in self.tables()]
        return "\n\n".join([*parts, *self.document.notes])

    def _repr_html_(self) -> str:
        return "".join(f"<h4>{part.title}</h4>{part._repr_html_()}" for part in self.tables())
