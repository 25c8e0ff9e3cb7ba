"""Accounts: who may sign in, with what roles, and the cut-off that ends all that was issued before."""

import sys

import msgspec

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import AccountRecord
from tokenward.server.storage.units import Change, Parameters, Row

_ROLES = AccountRecord._fields.index("roles")
_MOST_HELD = 4096
_decode_roles = msgspec.json.Decoder(tuple[str, ...]).decode


class AccountStore:
    """Reads accounts and builds the changes to them. Folding, hashing and rules are the service's."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, sub: str) -> AccountRecord | None:
        """The account with this `sub`, disabled or not."""
        row = await self._reader.one("accounts.find", {"sub": sub})
        return None if row is None else _account(row)

    async def find_as_of_position(self, sub: str) -> AccountRecord | None:
        """The account as it stood when `Storage.position` was last asked, or later; for the way of every request.

        Costs a look-up while nothing is committed. Ask for the position first, without waiting for anything in between.
        """
        held = self._reader.held
        record: AccountRecord | None = held.get(sub)
        if record is None:
            record = await self.find(sub)
            if record is not None and len(held) < _MOST_HELD:
                held[sub] = record
        return record

    async def find_by_login(self, login_folded: str) -> AccountRecord | None:
        """The account whose folded e-mail or folded user name is `login_folded`.

        There is at most one: a user name with an `@` in it is refused by the table, so that nobody can take
        another's e-mail address for a user name.
        """
        row = await self._reader.one("accounts.find_by_login", {"login_folded": login_folded})
        return None if row is None else _account(row)

    async def find_by_external_id(self, external_id: str) -> AccountRecord | None:
        """The account that an application calls `external_id`, compared as it is written."""
        row = await self._reader.one("accounts.find_by_external_id", {"external_id": external_id})
        return None if row is None else _account(row)

    async def page(self, after: str | None, limit: int) -> list[AccountRecord]:
        """At most `limit` accounts by `sub`, beyond `after`."""
        parameters: Parameters = {"after": after if after is not None else "", "limit": limit}
        return [_account(row) for row in await self._reader.many("accounts.page", parameters)]

    async def search(self, prefix: str, after: str | None, limit: int) -> list[AccountRecord]:
        """At most `limit` accounts whose folded e-mail address or user name begins with `prefix`.

        By that login, beyond `after`: the e-mail address of an account where it fits, and else the user name. Each
        account comes once. `prefix` is folded, and not empty.
        """
        parameters: Parameters = {
            "prefix": prefix,
            # No text that begins with the prefix comes after this one, the last code point there is.
            "beyond": prefix + chr(sys.maxunicode),
            "after": after if after is not None else "",
            "limit": limit,
        }
        by_email = [_account(row) for row in await self._reader.many("accounts.search_emails", parameters)]
        by_username = [
            _account(row) for row in await self._reader.many("accounts.search_usernames", parameters)
        ]
        found = [(record.email_folded or "", record) for record in by_email]
        found += [(record.username_folded or "", record) for record in by_username]
        # By code points, which is the order of their UTF-8 bytes, in which the engine compares.
        return [record for _, record in sorted(found)[:limit]]

    def check_admin(self, sub: str) -> Change:
        """Refuse the unit unless the account is there, is enabled and has the role `admin` at this place in it."""
        return Change("accounts.check_admin", {"sub": sub}, 1)

    def check_any_admin(self) -> Change:
        """Refuse the unit unless there is, at this place in it, an enabled account with the role `admin`."""
        return Change("accounts.check_any_admin", {}, 1)

    def insert(self, record: AccountRecord) -> Change:
        """Create an account. Expects one row: refused when `sub`, e-mail, user name or external id is taken."""
        parameters = record._asdict()
        parameters["roles"] = msgspec.json.encode(record.roles).decode()
        return Change("accounts.insert", parameters, 1)

    def set_password(self, sub: str, password_hash: str, at: int) -> Change:
        """Replace the password hash, not the cut-off: put `raise_cutoff` beside it. Expects one row."""
        return Change("accounts.set_password", {"sub": sub, "password_hash": password_hash, "at": at}, 1)

    def change_password(self, sub: str, password_hash: str, cutoff: int, at: int) -> Change:
        """Replace the password hash and raise the cut-off to `cutoff + 1`.

        Expects one row: refused unless the account is enabled and its cut-off is still `cutoff`, which must have
        been read before the current password was verified. Of two changes at once one is refused.
        """
        parameters: Parameters = {"sub": sub, "password_hash": password_hash, "cutoff": cutoff, "at": at}
        return Change("accounts.change_password", parameters, 1)

    def reseal(self, sub: str, stale: bytes, fresh: bytes) -> Change:
        """Replace the wrapped key of the account's personal data, if it is still `stale`. Accepts any number."""
        return Change("accounts.reseal", {"sub": sub, "stale": stale, "fresh": fresh})

    def delete(self, sub: str, username_folded: str | None) -> Change:
        """Delete an account, and with it the key of its personal data in the audit log.

        Expects one row: refused unless the folded user name is still the given one, and while the account has
        sessions: put `sessions.delete_all_of_account` before it.
        """
        return Change("accounts.delete", {"sub": sub, "username_folded": username_folded}, 1)

    def rehash(self, sub: str, old_hash: str, new_hash: str) -> Change:
        """Replace the hash by a better one of the same password, if it is still `old_hash`.

        Accepts any number: a login does not fail because another one rehashed first. (If the password was
        changed meanwhile, the cut-off moved, and that refuses the login.)
        """
        return Change("accounts.rehash", {"sub": sub, "old_hash": old_hash, "new_hash": new_hash})

    def raise_cutoff(self, sub: str) -> Change:
        """Add one to the cut-off: all sessions that hold the old one are dead. Returns the new cut-off.

        Expects one row.
        """
        return Change("accounts.raise_cutoff", {"sub": sub}, 1)

    def set_disabled(self, sub: str, disabled_at: int | None) -> Change:
        """Disable the account since `disabled_at`, or enable it with `None`. Expects one row."""
        return Change("accounts.set_disabled", {"sub": sub, "disabled_at": disabled_at}, 1)

    def set_roles(self, sub: str, roles_json: str, at: int) -> Change:
        """Replace the roles by `roles_json`, the JSON text of an array of strings. Expects one row."""
        return Change("accounts.set_roles", {"sub": sub, "roles": roles_json, "at": at}, 1)

    def set_external_id(self, sub: str, external_id: str | None, at: int) -> Change:
        """Replace the external id, or take it away with `None`. Expects one row; one that is taken refuses the unit."""
        return Change("accounts.set_external_id", {"sub": sub, "external_id": external_id, "at": at}, 1)

    def set_profile(
        self, sub: str, name: str | None, username: str | None, username_folded: str | None, at: int
    ) -> Change:
        """Replace name, user name or both of an enabled account; `None` leaves one as it is.

        Expects one row; a user name that is taken refuses the unit.
        """
        parameters = {
            "sub": sub,
            "name": name,
            "username": username,
            "username_folded": username_folded,
            "at": at,
        }
        return Change("accounts.set_profile", parameters, 1)


def _account(row: Row) -> AccountRecord:
    roles = _decode_roles(row[_ROLES])  # type: ignore[arg-type]
    return AccountRecord._make((*row[:_ROLES], roles, *row[_ROLES + 1 :]))
