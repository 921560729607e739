"""Least squares of the exponentiated power law, for many coverage curves at once.

A bootstrap fits a thousand curves of forty points with two parameters each: one
vectorised Levenberg-Marquardt does it in a few milliseconds.
"""

from typing import Literal

import numpy as np

from vervet.stats.arrays import Bools, Floats

Loss = Literal["log-coverage", "coverage"]

MOST_STEPS = 200


def least_squares(log_k: Floats, curves: Floats, loss: Loss) -> tuple[Floats, Floats]:
    """Return (a, b) of ln coverage = a k^b for every row of `curves`, by Levenberg-Marquardt.

    Args:
        log_k: natural logarithms of k, shape (points,).
        curves: coverage, shape (curves, points); zeros are left out.
        loss: whose squared errors are summed.

    >>> curve = np.exp(-2.0 * np.array([1.0, 10.0, 100.0]) ** -0.3)
    >>> a, b = least_squares(np.log([1, 10, 100]), curve[None], "coverage")
    >>> round(float(a[0]), 9), round(float(b[0]), 9)
    (-2.0, -0.3)
    """
    used = curves > 0
    target = np.log(np.where(used, curves, 1.0)) if loss == "log-coverage" else curves
    a, b = _start(log_k, curves, used)
    damping = np.full(len(curves), 1e-3)
    residual, slopes = _residual(log_k, a, b, target, used, loss)
    error = (residual**2).sum(axis=1)
    for _ in range(MOST_STEPS):
        step_a, step_b = _step(residual, slopes, damping)
        tried = _residual(log_k, a + step_a, b + step_b, target, used, loss)
        new_error = (tried[0] ** 2).sum(axis=1)
        better = new_error <= error
        a, b = np.where(better, a + step_a, a), np.where(better, b + step_b, b)
        residual = np.where(better[:, None], tried[0], residual)
        slopes = np.where(better[None, :, None], tried[1], slopes)
        error = np.where(better, new_error, error)
        damping = np.where(better, damping / 5, damping * 4)
        if np.max(np.abs(step_a / a) + np.abs(step_b)) < 1e-12:  # noqa: PLR2004 - converged
            break
    return a, b


def _start(log_k: Floats, curves: Floats, used: Bools) -> tuple[Floats, Floats]:
    """Straight line through log(-log coverage) against log k: the law in its linear form."""
    inside = used & (curves < 1)
    y = np.log(-np.log(np.where(inside, curves, 0.5)))
    count = inside.sum(axis=1)
    mean_x, mean_y = ((inside * v).sum(axis=1) / count for v in (log_k, y))
    x = np.where(inside, log_k - mean_x[:, None], 0.0)
    b = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-12)
    return -np.exp(mean_y - b * mean_x), b


def _residual(
    log_k: Floats,
    a: Floats,
    b: Floats,
    target: Floats,
    used: Bools,
    loss: Loss,
) -> tuple[Floats, Floats]:
    power = np.exp(np.minimum(b[:, None] * log_k, 50.0))
    value = a[:, None] * power
    slope_a, slope_b = power, value * log_k
    if loss == "coverage":
        value = np.exp(np.minimum(value, 50.0))
        slope_a, slope_b = slope_a * value, slope_b * value
    return np.where(used, value - target, 0.0), np.where(used, np.stack([slope_a, slope_b]), 0.0)


def _step(residual: Floats, slopes: Floats, damping: Floats) -> tuple[Floats, Floats]:
    """Solve the damped 2 x 2 normal equations of every curve."""
    aa, bb, ab = ((slopes[i] * slopes[j]).sum(axis=1) for i, j in ((0, 0), (1, 1), (0, 1)))
    ga, gb = (slopes[0] * residual).sum(axis=1), (slopes[1] * residual).sum(axis=1)
    aa, bb = aa * (1 + damping), bb * (1 + damping)
    determinant = np.maximum(aa * bb - ab * ab, 1e-300)
    return (ab * gb - bb * ga) / determinant, (ab * ga - aa * gb) / determinant
