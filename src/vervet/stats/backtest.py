"""Back-test a forecast on data in hand: throw samples away, forecast, compare."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vervet.stats.forecast import Forecast, forecast_coverage
from vervet.stats.thinning import judged_counts, thin


@dataclass(frozen=True, slots=True)
class ForecastTest:
    """How forecasts from `keep` samples compare with what `k` samples showed."""

    keep: int
    k: int
    draws: int
    skipped: int
    """Draws with fewer than three solved problems, which are not forecast."""
    truth: float
    """Share of problems solved within k samples, averaged over draws."""
    error: float
    """Mean of |forecast - truth| / truth."""
    bias: float
    """Mean of (forecast - truth) / truth; positive is over-forecasting."""
    covered: float
    """Share of draws whose interval holds the truth."""
    width: float
    """Mean width of the intervals."""


def back_test(
    successes: npt.ArrayLike,
    samples: npt.ArrayLike,
    *,
    keep: int,
    k: int,
    draws: int = 20,
    level: float = 0.9,
    rng: np.random.Generator,
) -> ForecastTest:
    """Thin the counts to `k` and then to `keep` samples, forecast k from the latter, and compare.

    Both steps are hypergeometric: what the same run would have shown, had it been shorter.

    >>> counts = [0, 0, 1, 2, 4, 9, 30, 90, 300, 800]
    >>> test = back_test(counts, 1000, keep=50, k=1000, draws=5, rng=np.random.default_rng(0))
    >>> round(test.truth, 3), test.draws
    (0.8, 5)
    """
    correct, total = judged_counts(successes, samples)
    if not 0 < keep < k <= total.min():
        raise ValueError(f"0 < keep < k <= {total.min()} samples is needed: {keep}, {k}")
    found = []
    for _ in range(draws):
        longer = thin(correct, total, k, rng)
        shorter = thin(longer, k, keep, rng)
        if np.count_nonzero(shorter) >= 3:  # noqa: PLR2004 - the protocol of docs/forecasting.md
            forecast = forecast_coverage(shorter, keep, [k], level=level)
            found.append(_compared(forecast, float((longer > 0).mean())))
    if not found:
        raise ValueError(f"no draw of {keep} samples solved three problems; keep more")
    truth, error, bias, covered, width = np.mean(found, axis=0).tolist()
    return ForecastTest(keep, k, draws, draws - len(found), truth, error, bias, covered, width)


def _compared(forecast: Forecast, truth: float) -> tuple[float, ...]:
    estimate = forecast.estimates[0]
    relative = estimate.value / truth - 1
    inside = estimate.low <= truth + 1e-12 and truth - 1e-12 <= estimate.high
    return truth, abs(relative), relative, float(inside), estimate.high - estimate.low
