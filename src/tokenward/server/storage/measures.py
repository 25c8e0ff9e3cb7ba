"""What a storage tells of its work: how many units share a commit, and how long one takes."""

from typing import NamedTuple

from tokenward.server.observation.histogram import Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_UNITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class StorageMeasures:
    """Counts of one storage since it was opened.

    `submitted` and `finished` count units; what lies between them waits for its commit. `failures` counts commits that
    failed with all their units.
    """

    __slots__ = ("commit_seconds", "commit_units", "failures", "finished", "submitted")

    def __init__(self) -> None:
        self.commit_seconds = Histogram(_SECONDS)
        self.commit_units = Histogram(_UNITS)
        self.failures = 0
        self.submitted = 0
        self.finished = 0


class StorageSizes(NamedTuple):
    """Bytes: of the database, of the log of what is not copied into it yet, and how many the disk has left."""

    database: int
    log: int
    free: int
