"""What the gateway counts, in the text form that Prometheus reads."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
HELP = {
    "vervet_requests_total": "Requests answered, by path and status (499: the client left).",
    "vervet_samples_total": "Samples drawn, by model.",
    "vervet_verdicts_total": "Verdicts, by verifier and outcome.",
    "vervet_tokens_total": "Tokens paid, by model and kind.",
    "vervet_dollars_total": "US dollars spent, where the price is known.",
    "vervet_selections_total": "Flows that ended, by policy and whether they abstained.",
    "vervet_record_rows_total": "Rows written to the run, and rows lost because they could not be.",
}


@dataclass(slots=True)
class Metrics:
    """Counters by name and labels, one histogram of seconds, one gauge."""

    counters: dict[str, dict[Labels, float]] = field(
        default_factory=lambda: {name: defaultdict(float) for name in HELP}
    )
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0
    in_flight: int = 0

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Count."""
        self.counters[name][tuple(labels.items())] += value

    def took(self, seconds: float) -> None:
        """Count the duration of one request to a model."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    @property
    def mean_seconds(self) -> float:
        """Mean duration so far; 1 before the first."""
        count = sum(self.buckets)
        return self.seconds / count if count else 1.0

    def text(self) -> str:
        """Return everything, one sample a line."""
        lines = []
        for name, rows in self.counters.items():
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} counter"]
            lines += [f"{name}{_labels(labels)} {value:.10g}" for labels, value in rows.items()]
        name = "vervet_request_seconds"
        lines += [f"# HELP {name} Seconds from request to answer.", f"# TYPE {name} histogram"]
        so_far = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
            so_far += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {so_far}')
        lines += [f"{name}_sum {self.seconds:.10g}", f"{name}_count {so_far}"]
        name = "vervet_in_flight"
        lines += [f"# HELP {name} Requests being answered.", f"# TYPE {name} gauge"]
        return "\n".join([*lines, f"{name} {self.in_flight}", ""])


def _labels(labels: Labels) -> str:
    r"""Write labels.

    >>> _labels((("model", 'a"b'),))
    '{model="a\\"b"}'
    """
    if not labels:
        return ""
    written = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{written}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
