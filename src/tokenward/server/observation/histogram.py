"""A histogram of plain integers, which costs the hot ways a binary search and two additions."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """How often a value fell below each of its bounds.

    `bounds` ascend and belong to the bucket below them; one bucket more takes what is larger than all. `total` is the
    sum of all values. One thread observes at a time; another one may read, and sees at most one value half counted.
    """

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulated(self) -> list[tuple[str, float]]:
        """Each bound with how many values were at most that, as Prometheus wants them; `+Inf` is the last."""
        total, cumulated = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.buckets, strict=True):
            total += count
            cumulated.append((bound, float(total)))
        return cumulated
