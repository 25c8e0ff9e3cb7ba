"""Where time comes from. Nobody else in Tokenward reads a clock: one is passed in.

So every check of a time can be tested on both sides of its boundary, and a clock that was set back is an
ordinary test.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What a caller needs to know about time."""

    def now(self) -> float:
        """Return the seconds since 1970 in UTC; they jump when somebody sets the clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, from an arbitrary start; for measuring how long something took."""
        ...


class SystemClock:
    """The clock of the operating system."""

    # The functions themselves, without a Python frame around them: a guarded request asks for the time at
    # least once.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class FakeClock:
    """A clock that stands still until it is moved; for tests, also those of applications.

    Setting `time` moves the wall clock alone, as an operator does who corrects it. `advance` lets time pass:
    both clocks move.
    """

    def __init__(self, time: float = 1_800_000_000.0) -> None:
        self.time = time
        self._passed = 0.0

    def now(self) -> float:
        """Return `time`."""
        return self.time

    def monotonic(self) -> float:
        """Return the seconds that `advance` has let pass."""
        return self._passed

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks."""
        self.time += seconds
        self._passed += seconds
