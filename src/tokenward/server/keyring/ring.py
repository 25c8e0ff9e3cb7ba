"""The ring in memory: the key that signs, the keys that verify, and the JWK Set as it is served."""

import hashlib
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from tokenward.errors import Error
from tokenward.jose.jwk import HMACKey, SigningKey, VerificationKey, import_jwk, import_private_jwk
from tokenward.jose.jwks import JWKSet
from tokenward.protocol.errors import SERVER_ERROR
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.storage.interface import KeyStore, Position
from tokenward.server.storage.records import KeyRecord

ACCESS = "access"
REFRESH = "refresh"

PENDING = "pending"
ACTIVE = "active"
RETIRING = "retiring"
RETIRED = "retired"
REVOKED = "revoked"
VERIFY_ONLY = "verify-only"

_VERIFYING = frozenset({PENDING, ACTIVE, RETIRING, VERIFY_ONLY})
SYMMETRIC_ALGORITHMS = frozenset({"HS256"})


class NoSigningKey(Error):
    """The ring has no active key: it was never filled, or every key was revoked by hand."""

    code = SERVER_ERROR
    status = 500


class RefreshKey(NamedTuple):
    """A key under which refresh tokens are computed; `number` stands in each token."""

    number: int
    keyed: HMAC

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of `message`. The keyed object is copied: keying it anew costs more than the hash."""
        copy = self.keyed.copy()
        copy.update(message)
        return copy.finalize()


class KeyRing:
    """All keys of one issuer, as of the last `catch_up`.

    `verification_keys` verifies access tokens at this server, HMAC keys included; `jwk_set` is what is published,
    and holds no HMAC key. `revision` moves whenever either may have changed.
    """

    def __init__(self, store: KeyStore, master_key: MasterKey) -> None:
        self._store = store
        self._master_key = master_key
        self.records: tuple[KeyRecord, ...] = ()
        self.revision = -1
        self.verification_keys = JWKSet(())
        self.jwk_set = b'{"keys":[]}'
        self.jwk_set_etag = b'""'
        self._private: dict[str, bytes] = {}
        self._signing: dict[str, SigningKey] = {}
        self._active: dict[str, KeyRecord] = {}
        self._refresh: dict[int, RefreshKey] = {}
        self._active_refresh: RefreshKey | None = None

    async def catch_up(self, position: Position) -> None:
        """Read the ring again if `position` says that it changed, in this process or another.

        Raises:
            WrongMasterKey: the ring was sealed by another master key.
        """
        await self.catch_up_to(position.ring_revision)

    async def catch_up_to(self, revision: int) -> None:
        """Read the ring again unless it is as of `revision`, which a read of something else brought along.

        Raises:
            WrongMasterKey: the ring was sealed by another master key.
        """
        if revision != self.revision:
            self._hold(tuple(await self._store.all()))
            self.revision = revision

    def _hold(self, records: tuple[KeyRecord, ...]) -> None:
        private = {
            record.kid: self._master_key.unwrap(record.private_wrapped, purpose=record.use, key_id=record.kid)
            for record in records
            if record.private_wrapped is not None and record.state in _VERIFYING
        }
        verifying = [record for record in records if record.use == ACCESS and record.state in _VERIFYING]
        keys = [self._verification_key(record, private) for record in verifying]
        published = JWKSet(key for key in keys if not isinstance(key, HMACKey))
        self._refresh = {
            record.number: RefreshKey(record.number, HMAC(private[record.kid], SHA256()))
            for record in records
            if record.use == REFRESH and record.state in (ACTIVE, VERIFY_ONLY)
        }
        self.records = records
        self._private = private
        self._active = {record.alg: record for record in self.in_state(ACCESS, ACTIVE)}
        active_refresh = next(iter(self.in_state(REFRESH, ACTIVE)), None)
        self._active_refresh = self._refresh[active_refresh.number] if active_refresh else None
        self._signing = {kid: key for kid, key in self._signing.items() if kid in private}
        # While an operator changes from HS256 to another algorithm, or back, tokens of both are about. All these keys
        # are our own, and none comes from outside, so that no public key can pass for a secret.
        self.verification_keys = JWKSet(keys, insecure_mixed_symmetry=True)
        self.jwk_set = published.to_json()
        self.jwk_set_etag = b'"' + hashlib.sha256(self.jwk_set).hexdigest()[:32].encode() + b'"'

    def _verification_key(self, record: KeyRecord, private: dict[str, bytes]) -> VerificationKey:
        if record.public_jwk is None:
            return import_jwk(msgspec.json.decode(private[record.kid], type=dict[str, object]))
        return import_jwk(msgspec.json.decode(record.public_jwk, type=dict[str, object]))

    def find(self, kid: str) -> KeyRecord | None:
        """The row of a key, in whatever state."""
        return next((record for record in self.records if record.kid == kid), None)

    def in_state(self, use: str, state: str) -> list[KeyRecord]:
        """The rows of one use and state, oldest first."""
        return [record for record in self.records if record.use == use and record.state == state]

    def signing_key(self, algorithm: str) -> SigningKey:
        """The active key of `algorithm`; while that one is still pending, any other active access key.

        A verifier may not know a pending key yet, so the algorithm that was in use goes on until it may.

        Raises:
            NoSigningKey: the ring has no active access key at all.
        """
        record = self._active.get(algorithm) or next(iter(self._active.values()), None)
        if record is None:
            msg = "The server has no key to sign with; the operator should look at: tokenward keys list"
            raise NoSigningKey(msg, reason="the ring holds no active access key")
        key = self._signing.get(record.kid)
        if key is None:
            # Importing a private key costs up to milliseconds for RSA, so it is done once, on first use.
            key = import_private_jwk(msgspec.json.decode(self._private[record.kid], type=dict[str, object]))
            self._signing[record.kid] = key
        return key

    def refresh_key(self, number: int) -> RefreshKey | None:
        """The refresh key of that number, if tokens under it still count."""
        return self._refresh.get(number)

    def active_refresh_key(self) -> RefreshKey:
        """The refresh key under which new tokens are computed.

        Raises:
            NoSigningKey: there is none.
        """
        if self._active_refresh is None:
            msg = "The server has no key for refresh tokens; the operator should look at: tokenward keys list"
            raise NoSigningKey(msg, reason="the ring holds no active refresh key")
        return self._active_refresh
