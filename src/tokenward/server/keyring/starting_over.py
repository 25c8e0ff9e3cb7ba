"""A ring that is replaced whole: after a restore, and when the master key is lost."""

from collections.abc import Sequence

from tokenward.server.keyring import ring as states
from tokenward.server.keyring.key_material import new_key_material
from tokenward.server.keyring.ring import ACCESS, REFRESH, SYMMETRIC_ALGORITHMS
from tokenward.server.keyring.rotation import STANDING_ALGORITHM, RecordRevocation
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.storage.interface import KeyStore
from tokenward.server.storage.records import KeyRecord
from tokenward.server.storage.units import Change

_REFRESH_ALGORITHM = "HS256"
_DONE = frozenset({states.RETIRED, states.REVOKED})


async def replace_ring(
    records: Sequence[KeyRecord],
    *,
    store: KeyStore,
    master_key: MasterKey,
    record_revocation: RecordRevocation,
    algorithm: str,
    publish_seconds: int,
    reason: str,
    now: int,
) -> list[Change]:
    """The changes that revoke every key of `records` that still counts, and put fresh ones in their place.

    The fresh keys sign at once: a verifier that does not know one fetches the JWK Set on its unknown `kid`. Beside the
    algorithms of the keys that signed until now there is one key for `algorithm`. Ends no session by itself, but no
    refresh token of before counts under the new key.
    """
    changes: list[Change] = []
    for record in records:
        if record.state in _DONE:
            continue
        changes.append(
            store.move(
                kid=record.kid, from_state=record.state, to_state=states.REVOKED, at=now, erase_private=True
            )
        )
        if record.public_jwk is not None:
            changes.append(record_revocation("key", record.kid, reason))
    number = max((record.number for record in records), default=0)
    for use, key_algorithm, state in _wanted(records, algorithm):
        number += 1
        kid, public_jwk, private = await new_key_material(key_algorithm, symmetric=use == REFRESH)
        key = KeyRecord(
            kid=kid,
            number=number,
            alg=key_algorithm,
            use=use,
            state=state,
            public_jwk=public_jwk,
            private_wrapped=master_key.wrap(private, purpose=use, key_id=kid),
            created_at=now,
            signs_from=None if public_jwk is None else now + publish_seconds,
            activated_at=now if state == states.ACTIVE else None,
            retiring_at=None,
            retired_at=None,
        )
        changes.append(store.insert(key))
    return changes


def _wanted(records: Sequence[KeyRecord], algorithm: str) -> list[tuple[str, str, str]]:
    signing = {record.alg for record in records if (record.use, record.state) == (ACCESS, states.ACTIVE)}
    if algorithm in SYMMETRIC_ALGORITHMS:
        # The JWK Set is never empty.
        signing.add(STANDING_ALGORITHM)
    wanted = [(REFRESH, _REFRESH_ALGORITHM, states.ACTIVE)]
    for one in sorted(signing | {algorithm}):
        wanted += [(ACCESS, one, states.ACTIVE), (ACCESS, one, states.PENDING)]
    return wanted
