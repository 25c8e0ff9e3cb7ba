"""From the measurements of the suite `server` to its rows: which ratio answers which budget."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.results import Budget, Row, median_ratio
from benchmarks.rounds import (
    BARE_GET,
    BARE_PARSED,
    BARE_POST,
    ES256,
    FASTAPI_ME,
    JWK_SET,
    ME_NEW,
    ME_SEEN,
    NODE_ME,
    NODE_REFRESH,
    REFRESH,
    Measurements,
)
from benchmarks.wrk import Sample

TOKENWARD = "Tokenward"
BARE = "bare application"
NODE = "node oidc-provider"
FASTAPI = "fastapi-users"
ARGON2 = "bare Argon2id"
LOGIN = "login"
FASTAPI_LOGIN = "login of fastapi-users (its own Argon2id parameters)"
TRICKLE = "p99 of refresh: rise under a storm of logins"
BARE_TRICKLE = "p99 of bare form POST: rise under bare Argon2id at nice 19"

PER_CPU_SECOND = "requests per CPU-second"
CPU_US = "CPU µs per request"


@dataclass
class Findings:
    """All that was measured; times in seconds, p99 pairs (quiet, stormy) one for each round."""

    rounds: Measurements
    starts: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    trickles: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)

    def why_missing(self, *names: str) -> str:
        """The reason noted first for one of `names`."""
        return next((self.rounds.failures[name] for name in names if name in self.rounds.failures), "not run")


def make_rows(found: Findings) -> list[Row]:
    return [
        _floor(found, BARE_GET),
        _floor(found, BARE_POST),
        _floor(found, BARE_PARSED),
        _rate(found, JWK_SET, BARE_GET, Budget(0.65, at_least=True)),
        _rate(found, ME_SEEN, BARE_GET, Budget(0.38, at_least=True)),
        _rate(found, ME_SEEN, NODE_ME),
        _rate(found, ME_SEEN, FASTAPI_ME),
        _rate(found, REFRESH, BARE_POST, Budget(0.25, at_least=True)),
        _rate(found, REFRESH, BARE_PARSED),
        _rate(found, REFRESH, NODE_REFRESH),
        *_never_seen(found),
        *_logins(found),
        *(_rise(found, name, budget) for name, budget in _RISES),
        *_starts(found),
        *_memory(found),
        _floor(found, NODE_REFRESH, NODE),
        _floor(found, NODE_ME, NODE),
        _floor(found, FASTAPI_ME, FASTAPI),
    ]


_RISES = ((TRICKLE, Budget(2, at_least=False, of_value=True)), (BARE_TRICKLE, None))


def _rates(samples: Sequence[Sample]) -> list[float]:
    return [sample.per_cpu_second for sample in samples]


def _floor(found: Findings, name: str, server: str = BARE) -> Row:
    """A peer's own figure."""
    if samples := found.rounds.samples.get(name):
        return Row(name, statistics.median(_rates(samples)), PER_CPU_SECOND)
    return Row(name, None, PER_CPU_SECOND, note=found.why_missing(name, server))


def _rate(found: Findings, name: str, peer: str, budget: Budget | None = None) -> Row:
    ours, theirs = found.rounds.samples.get(name), found.rounds.samples.get(peer)
    if not ours:
        return Row(name, None, PER_CPU_SECOND, peer, note=found.why_missing(name, TOKENWARD))
    if not theirs:
        servers = {NODE_ME: NODE, NODE_REFRESH: NODE, FASTAPI_ME: FASTAPI}
        note = found.why_missing(peer, servers.get(peer, BARE))
        return Row(name, statistics.median(_rates(ours)), PER_CPU_SECOND, peer, note=note)
    ratio = median_ratio(_rates(ours), _rates(theirs))
    return Row(name, statistics.median(_rates(ours)), PER_CPU_SECOND, peer, ratio, budget)


def _never_seen(found: Findings) -> list[Row]:
    """CPU time of a request with a new token, against the verification and the bare request in it."""
    peer = f"{ES256} + {BARE_GET}"
    samples = found.rounds.samples
    verifications = [sample.cpu_us for sample in samples.get(ES256, ())]
    rows = [Row(ES256, statistics.median(verifications), "CPU µs")]
    floor = [
        es256 + sample.cpu_us for es256, sample in zip(verifications, samples.get(BARE_GET, ()), strict=False)
    ]
    if not (ours := samples.get(ME_NEW)) or not floor:
        note = found.why_missing(ME_NEW, TOKENWARD, BARE_GET)
        return [*rows, Row(ME_NEW, None, CPU_US, peer, note=note)]
    taken = [sample.cpu_us for sample in ours]
    ratio = median_ratio(taken, floor)
    budget = Budget(2.3, at_least=False)
    return [
        *rows,
        Row(ME_NEW, statistics.median(taken), CPU_US, peer, ratio, budget),
        Row(ME_NEW, statistics.median(_rates(ours)), PER_CPU_SECOND),
    ]


def _logins(found: Findings) -> list[Row]:
    wall, cpu = "per second, all cores", "per CPU-second"
    floor = found.rounds.samples[ARGON2]
    walls = [sample.per_second for sample in floor]
    rows = [Row(ARGON2, statistics.median(walls), wall), Row(ARGON2, statistics.median(_rates(floor)), cpu)]
    if ours := found.rounds.samples.get(LOGIN):
        measured = [sample.per_second for sample in ours]
        ratio = median_ratio(measured, walls)
        rows += [
            Row(LOGIN, statistics.median(measured), wall, ARGON2, ratio, Budget(0.95, at_least=True)),
            Row(
                LOGIN, statistics.median(_rates(ours)), cpu, ARGON2, median_ratio(_rates(ours), _rates(floor))
            ),
        ]
    else:
        rows.append(Row(LOGIN, None, wall, ARGON2, note=found.why_missing(LOGIN, TOKENWARD)))
    if theirs := found.rounds.samples.get(FASTAPI_LOGIN):
        rows.append(Row(FASTAPI_LOGIN, statistics.median([sample.per_second for sample in theirs]), wall))
    else:
        rows.append(Row(FASTAPI_LOGIN, None, wall, note=found.why_missing(FASTAPI_LOGIN, FASTAPI)))
    return rows


def _rise(found: Findings, name: str, budget: Budget | None) -> Row:
    """Milliseconds by which the p99 rises, median of the rounds; the ratio is that of the two p99."""
    peer = "the same without"
    if name not in found.trickles:
        return Row(name, None, "ms", peer, note=found.why_missing(name, TOKENWARD, BARE))
    quiet, stormy = found.trickles[name]
    rise = statistics.median([after - before for before, after in zip(quiet, stormy, strict=True)]) * 1e3
    return Row(name, rise, "ms", peer, median_ratio(stormy, quiet), budget)


def _starts(found: Findings) -> list[Row]:
    rows: list[Row] = []
    budget = Budget(0.35, at_least=False, of_value=True)
    floor = found.starts[BARE]
    for name, limit in ((TOKENWARD, budget), (NODE, None), (BARE, None)):
        for statistic, choose in (("median", statistics.median), ("best", min)):
            title = f"start to ready, {name}, {statistic} of {len(floor)}"
            if times := found.starts.get(name):
                peer, ratio = (None, None) if name == BARE else (BARE, choose(times) / choose(floor))
                rows.append(Row(title, choose(times), "s", peer, ratio, limit))
            else:
                rows.append(Row(title, None, "s", note=found.why_missing(name)))
    return rows


def _memory(found: Findings) -> list[Row]:
    rows = []
    for name, limit in ((TOKENWARD, Budget(55, at_least=False, of_value=True)), (NODE, None), (BARE, None)):
        title = f"memory after the refreshes, {name}"
        if megabytes := found.memory.get(name):
            peer, ratio = (None, None) if name == BARE else (BARE, megabytes / found.memory[BARE])
            rows.append(Row(title, megabytes, "MiB", peer, ratio, limit))
        else:
            rows.append(Row(title, None, "MiB", note=found.why_missing(name)))
    return rows
