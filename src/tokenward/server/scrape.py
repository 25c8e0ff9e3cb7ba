"""What the services count by themselves, read out of them at each scrape of the metrics."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.keyring import ring as states
from tokenward.server.observation.families import Family, counter, counters, gauge, histogram
from tokenward.server.services import Services
from tokenward.server.storage.records import KeyRecord

# The states in which a key of each use counts for something.
_STATES = {
    states.ACCESS: (states.PENDING, states.ACTIVE, states.RETIRING),
    states.REFRESH: (states.ACTIVE, states.VERIFY_ONLY),
}


def observe(services: Services, log: Log, metrics: Metrics) -> None:
    """Have `metrics` tell of these services too."""
    metrics.add_source(_Services(services, log, metrics).families)


class _Services(NamedTuple):
    services: Services
    log: Log
    metrics: Metrics

    def families(self) -> Iterator[Family]:
        """All of it; nothing here reads the database or takes longer with more accounts."""
        yield from self._sign_in_families()
        yield from self._hasher_families()
        yield from self._storage_families()
        yield from self._key_families()
        yield from self._revocation_families()
        yield gauge(
            "clock_timestamp_seconds", "What this machine takes for the UTC time.", self.services.clock.now()
        )
        yield counter("log_writes_lost", "Writes of log lines that nobody took.", self.log.lost)

    def _sign_in_families(self) -> Iterator[Family]:
        outcomes = self.services.login.outcomes
        yield counters("sign_ins", "Sign-ins by outcome.", "outcome", outcomes.sign_ins)
        yield counters("registrations", "Registrations by outcome.", "outcome", outcomes.registrations)
        # A coalesced one is answered by the cookie's door, which asks nobody else.
        refreshes = outcomes.refreshes | {"coalesced": self.metrics.counted("session.refresh_coalesced")}
        yield counters("refreshes", "Refreshes by outcome.", "outcome", refreshes)
        yield counters(
            "access_tokens_issued",
            "Access tokens issued, by algorithm.",
            "alg",
            self.services.token_issuer.issued,
        )

    def _hasher_families(self) -> Iterator[Family]:
        hasher = self.services.hasher
        yield gauge(
            "password_hasher_unfinished", "Passwords that are hashed or wait for it.", hasher.unfinished
        )
        yield gauge("password_hasher_capacity", "How many passwords are taken at once.", hasher.room)
        yield counter(
            "password_hasher_refused", "Passwords refused for want of room.", hasher.measures.refused
        )
        yield histogram(
            "password_hash_wait_seconds", "Seconds a password waited to be hashed.", hasher.measures.waited
        )
        yield histogram("password_hash_seconds", "Seconds it took to hash one.", hasher.measures.hashed)

    def _storage_families(self) -> Iterator[Family]:
        storage = self.services.storage
        measures = storage.measures
        yield histogram("storage_commit_units", "Units that one commit made durable.", measures.commit_units)
        yield histogram("storage_commit_seconds", "Seconds that a commit took.", measures.commit_seconds)
        yield counter(
            "storage_commit_failures", "Commits that failed with all their units.", measures.failures
        )
        yield gauge(
            "storage_units_waiting",
            "Units that wait for their commit.",
            measures.submitted - measures.finished,
        )
        # Where the disk cannot be asked the other metrics are wanted all the more.
        with contextlib.suppress(OSError):
            sizes = storage.sizes()
            yield gauge("storage_database_bytes", "Size of the database.", sizes.database)
            yield gauge("storage_log_bytes", "Size of the write-ahead log beside it.", sizes.log)
            yield gauge("storage_free_bytes", "What is left on its disk.", sizes.free)

    def _key_families(self) -> Iterator[Family]:
        held = self._keys()
        labels = ("use", "alg", "state")
        yield Family(
            "gauge",
            "keys",
            "Keys that count for something.",
            labels,
            [(key, float(len(records))) for key, records in held.items()],
        )
        yield Family(
            "gauge",
            "key_state_timestamp_seconds",
            "Since when the oldest key of a state is in it, in UTC seconds.",
            labels,
            [(key, float(min(map(_since, records)))) for key, records in held.items() if records],
        )
        rotation_seconds = self.services.rotation.policy.rotation_seconds
        yield Family(
            "gauge",
            "key_rotation_due_timestamp_seconds",
            "When the active key is to be replaced, in UTC seconds.",
            ("use", "alg"),
            [
                ((use, alg), float(min(map(_since, records)) + rotation_seconds))
                for (use, alg, state), records in held.items()
                if state == states.ACTIVE and records
            ],
        )

    def _keys(self) -> dict[tuple[str, ...], list[KeyRecord]]:
        """The keys by use, algorithm and state, of every algorithm that there is a key of; a state may have none."""
        records = [
            record for record in self.services.ring.records if record.state in _STATES.get(record.use, ())
        ]
        kinds = sorted({(record.use, record.alg) for record in records})
        return {
            (use, alg, state): [
                record for record in records if (record.use, record.alg, record.state) == (use, alg, state)
            ]
            for use, alg in kinds
            for state in _STATES[use]
        }

    def _revocation_families(self) -> Iterator[Family]:
        revocations = self.services.revocations
        yield counters(
            "revocations", "Revocations seen, by scope, whoever made them.", "scope", revocations.seen
        )
        yield gauge("revocation_head", "Number of the newest revocation record.", revocations.revoked.applied)
        yield gauge("revocation_records", "Revocation records held in memory.", len(revocations.revoked))


def _since(record: KeyRecord) -> int:
    if record.state == states.PENDING:
        return record.created_at
    if record.state == states.ACTIVE:
        return record.activated_at or record.created_at
    return record.retiring_at or record.created_at
