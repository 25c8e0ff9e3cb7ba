"""An account as an application sees it that Tokenward is mounted in."""

import msgspec

from tokenward.server.storage.records import AccountRecord


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account, as it was when it was read. `created_at` is UTC seconds.

    `sub` names it for ever and is in every token. `external_id` is what the application calls its own row of the same
    person, where the two are linked. Neither e-mail address nor name is verified by anybody.
    """

    sub: str
    email: str | None
    username: str | None
    name: str
    roles: tuple[str, ...]
    external_id: str | None
    created_at: int
    disabled: bool


def account_of(record: AccountRecord) -> Account:
    """What of a row is the application's to see: no hash, no key."""
    return Account(
        sub=record.sub,
        email=record.email,
        username=record.username,
        name=record.name,
        roles=record.roles,
        external_id=record.external_id,
        created_at=record.created_at,
        disabled=record.disabled_at is not None,
    )
