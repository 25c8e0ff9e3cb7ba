"""The row of an account that is about to be made."""

import os

from tokenward.jose import base64url
from tokenward.server.accounts.profile import (
    check_email,
    check_external_id,
    check_name,
    check_roles,
    check_username,
    fold_login,
)
from tokenward.server.audit import Audit
from tokenward.server.storage.records import AccountRecord

_SUB_BYTES = 16


def new_account(
    audit: Audit,
    *,
    email: str | None,
    username: str | None,
    name: str,
    roles: tuple[str, ...],
    external_id: str | None,
    now: int,
) -> AccountRecord:
    """An enabled account without a password, and with a fresh key for its personal data. `now` is UTC seconds.

    Raises:
        InvalidRequest: a member has not the form it must have. Whether a login is there or taken is not looked at.
    """
    email = None if email is None else check_email(email)
    username = None if username is None else check_username(username)
    # Random and not an address or a counter: a `sub` goes to every API, and must tell it nothing.
    sub = "usr_" + base64url.encode(os.urandom(_SUB_BYTES)).decode()
    return AccountRecord(
        sub=sub,
        email=email,
        email_folded=None if email is None else fold_login(email),
        username=username,
        username_folded=None if username is None else fold_login(username),
        name=check_name(name),
        password_hash=None,
        roles=check_roles(roles),
        cutoff=0,
        disabled_at=None,
        personal_key_wrapped=audit.new_personal_key(sub),
        created_at=now,
        updated_at=now,
        external_id=None if external_id is None else check_external_id(external_id),
    )
