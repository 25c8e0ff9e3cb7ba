"""The audit trail: who did what to which credential, session, key or role.

Owns the shape of an audit row and the sealing of the personal data in it. A service puts the `Change` that
`Audit.event` gives into the same unit as the change it tells of, so that neither exists without the other.
Sweeping rows is `storage.audit`'s; what is only a metric or a log line is `endpoints.telemetry`'s.
"""

import os
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenward.server.storage.interface import AccountStore, AuditStore
from tokenward.server.storage.records import AuditFilter, AuditRecord
from tokenward.server.storage.units import Change

SYSTEM = "system"
COMMAND_LINE = "command-line"
APPLICATION = "application"

PERSONAL_KEY_PURPOSE = "account-personal"
_SEALED_WITH = b"tokenward-audit-personal-1"
_NONCE_BYTES = 12


class KeyWrapping(Protocol):
    """What the audit trail needs of the master key (`keyring.wrapping.MasterKey` is one)."""

    def wrap(self, secret: bytes, *, purpose: str, key_id: str) -> bytes:
        """Seal `secret` so that only this master key, purpose and id open it."""
        ...

    def unwrap(self, wrapped: bytes, *, purpose: str, key_id: str) -> bytes:
        """Open what `wrap` sealed for the same purpose and id."""
        ...


class Audit:
    """Makes audit rows. Personal data goes in only under the key of the account it belongs to.

    Each account has a key of its own, kept wrapped in its row; erasing the account destroys that key, so the
    rows stay whole and the person is gone from them.
    """

    def __init__(self, store: AuditStore, wrapping: KeyWrapping) -> None:
        self._store = store
        self._wrapping = wrapping

    def new_personal_key(self, sub: str) -> bytes:
        """A fresh 256-bit key for the personal data of account `sub`, wrapped by the master key."""
        return self._wrapping.wrap(os.urandom(32), purpose=PERSONAL_KEY_PURPOSE, key_id=sub)

    def event(
        self,
        event: str,
        *,
        actor: str,
        at: int,
        subject: str = "",
        sid: str = "",
        request_id: str = "",
        detail: Mapping[str, object] | None = None,
        personal: Mapping[str, str] | None = None,
        personal_key: bytes | None = None,
    ) -> Change:
        """One row, as a change for the unit that does what the row tells.

        `event` is `noun.past_participle`; `actor` is a `sub`, `command-line`, `application` or `system`; `subject`
        the account it is about; `at` UTC seconds. `detail` must hold nothing personal and no secret: that is not
        checked. `personal` is sealed under `personal_key`, the wrapped key in `subject`'s account row, and is left out
        when there is no such account.
        """
        sealed = None
        if personal and personal_key is not None:
            sealed = self._seal(personal, personal_key, subject)
        return self._store.add(
            AuditRecord(
                at=at,
                event=event,
                actor=actor,
                subject=subject,
                sid=sid,
                request_id=request_id,
                detail=msgspec.json.encode(detail or {}).decode(),
                personal_wrapped=sealed,
            )
        )

    def personal(self, record: AuditRecord, personal_key: bytes | None) -> dict[str, Any] | None:
        """The personal data of a row, or `None` where there is none or its key has been destroyed."""
        if record.personal_wrapped is None or personal_key is None:
            return None
        key = self._wrapping.unwrap(personal_key, purpose=PERSONAL_KEY_PURPOSE, key_id=record.subject)
        nonce, sealed = record.personal_wrapped[:_NONCE_BYTES], record.personal_wrapped[_NONCE_BYTES:]
        try:
            opened = AESGCM(key).decrypt(nonce, sealed, _SEALED_WITH)
        except InvalidTag:
            return None
        return msgspec.json.decode(opened, type=dict[str, Any])

    async def page(
        self, accounts: AccountStore, filters: AuditFilter, before: tuple[int, int] | None, limit: int
    ) -> tuple[list[tuple[AuditRecord, dict[str, Any] | None]], tuple[int, int] | None]:
        """At most `limit` rows that fit, the newest first, each with its personal data where the key still is.

        Also the `before` of the page that follows, or `None`. Who may read this is not checked here.
        """
        records = await self._store.newest(filters, before, limit + 1)
        shown = records[:limit]
        keys: dict[str, bytes | None] = {}
        for subject in {record.subject for record in shown if record.personal_wrapped is not None}:
            account = await accounts.find(subject)
            keys[subject] = account.personal_key_wrapped if account else None
        rows = [(record, self.personal(record, keys.get(record.subject))) for record in shown]
        last = shown[-1] if len(records) > limit else None
        return rows, (last.at, last.id or 0) if last else None

    def _seal(self, personal: Mapping[str, str], personal_key: bytes, sub: str) -> bytes:
        key = self._wrapping.unwrap(personal_key, purpose=PERSONAL_KEY_PURPOSE, key_id=sub)
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(personal), _SEALED_WITH)
