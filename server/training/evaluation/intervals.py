"""95 % confidence intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_Z = 1.959964  # the normal distribution's 97.5 % point
_RESAMPLES = 2000


def wilson(successes: int, count: int) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927); 0 to 1 when nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, weight = successes / count, _Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * np.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    # The bounds surround the share exactly; rounding may put one of them just beside it.
    return min(max(float(middle - half), 0.0), share), max(min(float(middle + half), 1.0), share)


def bootstrap(
    values: Sequence[float], of_mean: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda means: means
) -> tuple[float, float]:
    """The percentile bootstrap interval (Efron 1979) of a monotone function of the values' mean, from a fixed seed.

    `of_mean` maps means to figures, elementwise. NaN for both ends without values.
    """
    if not values:
        return float("nan"), float("nan")
    sample = np.asarray(values, np.float64)
    picks = np.random.default_rng(0).integers(len(sample), size=(_RESAMPLES, len(sample)))
    low, high = np.quantile(of_mean(sample[picks].mean(axis=1)), (0.025, 0.975))
    return float(low), float(high)
