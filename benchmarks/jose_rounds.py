"""Interleaved rounds in one process: each contender works for some milliseconds in turn, by thread CPU time."""

import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.jose_contenders import Loop

THREADS = 8


@dataclass(slots=True)
class Contender:
    """One thing to be measured: `loop` makes `calls` calls, `threads` of them at once.

    With `every` greater than 1 it takes part in each so manieth round only: some are slow, and need no exact figure.
    """

    name: str
    loop: Loop
    calls: int
    every: int = 1
    threads: int = 1
    passes: int = 1
    samples: dict[int, float] = field(default_factory=dict)

    def warm_up(self, seconds: float) -> None:
        """Run it, which fills caches, and find how often the loop must run to take `seconds`."""
        self.loop()
        once = _cpu_seconds(self.loop, 1)
        self.passes = max(1, round(seconds / self.threads / max(once, 1e-9)))

    def measure(self, number: int) -> None:
        """Take the sample of round `number`: CPU microseconds for one call."""
        if number % self.every:
            return
        if self.threads == 1:
            spent = _cpu_seconds(self.loop, self.passes)
        else:
            spent = _cpu_seconds_of_threads(self.loop, self.passes, self.threads)
        self.samples[number] = spent / (self.calls * self.passes * self.threads) * 1e6


class Summary(NamedTuple):
    """The rounds of one contender, beside another one where there is one; microseconds.

    `ratio` is the median of the ratios within the rounds that both took part in, which cancels the machine's drift.
    """

    median: float
    best: float
    peer_median: float | None = None
    peer_best: float | None = None
    ratio: float | None = None

    @property
    def ratio_of_bests(self) -> float | None:
        """The ratio of the two best rounds, which need not be the same round."""
        return None if self.peer_best is None else self.best / self.peer_best


def run_rounds(contenders: Sequence[Contender], *, rounds: int, seconds: float) -> None:
    """Measure each contender in each round, for about `seconds`."""
    for contender in contenders:
        contender.warm_up(seconds)
    gc.collect()
    # What the imports and the tokens left behind is not looked through again in somebody's round.
    gc.freeze()
    for number in range(rounds):
        for contender in contenders:
            contender.measure(number)
    gc.unfreeze()


def summarize(contender: Contender, peer: Contender | None = None) -> Summary:
    """Return the figures of a contender, and those of `peer` in the same rounds."""
    values = contender.samples.values()
    median, best = statistics.median(values), min(values)
    if peer is None:
        return Summary(median, best)
    return Summary(median, best, *_against(contender.samples, peer.samples))


def _against(measured: dict[int, float], peers: dict[int, float]) -> tuple[float, float, float]:
    ratios = [value / peers[number] for number, value in measured.items() if number in peers]
    return statistics.median(peers.values()), min(peers.values()), statistics.median(ratios)


def _cpu_seconds(loop: Loop, passes: int) -> float:
    started = time.thread_time()
    for _ in range(passes):
        loop()
    return time.thread_time() - started


def _cpu_seconds_of_threads(loop: Loop, passes: int, count: int) -> float:
    """The CPU time of all threads together; they start at once."""
    spent: list[float] = []
    ready = threading.Barrier(count)

    def work() -> None:
        ready.wait()
        spent.append(_cpu_seconds(loop, passes))

    _run_threads([work] * count)
    return sum(spent)


def _run_threads(work: Iterable[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
