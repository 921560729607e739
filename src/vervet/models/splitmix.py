"""SplitMix64: random numbers that are computed, not drawn; number i costs no more than number 0.

Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014).
"""

import numpy as np
from numpy.typing import NDArray

GOLDEN = 0x9E3779B97F4A7C15
"""What the state goes on by."""


def mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64: scrambled 64-bit numbers.

    >>> hex(mixed(np.array([GOLDEN], np.uint64))[0])
    '0xe220a8397b1dcdaf'
    """
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
