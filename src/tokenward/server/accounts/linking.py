"""Linking an account to the row that an application keeps of the same person, by the application's id of it."""

from tokenward.server.accounts.accounts import Accounts, ExternalIdTaken
from tokenward.server.accounts.profile import check_external_id
from tokenward.server.storage.records import AccountRecord


async def find_linked(accounts: Accounts, external_id: str) -> AccountRecord | None:
    """The account that is linked to this external id, compared as it is written.

    Raises:
        InvalidRequest: it can be none.
    """
    return await accounts._storage.accounts.find_by_external_id(check_external_id(external_id))


async def link_account(
    accounts: Accounts, sub: str, external_id: str | None, *, actor: str, request_id: str = ""
) -> AccountRecord:
    """Link the account to this external id instead of the one before, or with `None` to none; return the account.

    Whether the application has such a row is not checked here. What is so already is not written again.

    Raises:
        AccountNotFound: there is no such account.
        InvalidRequest: the external id has not the form it must have.
        ExternalIdTaken: another account has it.
    """
    wanted = None if external_id is None else check_external_id(external_id)
    record = await accounts.get(sub)
    if record.external_id == wanted:
        return record
    changed = record._replace(external_id=wanted)
    outcome = await accounts._apply(
        "link_account",
        accounts._storage.accounts.set_external_id(sub, wanted, accounts._now()),
        # The id is the person's as much as the address is: the event holds it under the person's key only.
        accounts._event("account.linked" if wanted else "account.unlinked", changed, actor, request_id),
    )
    if not outcome.applied:
        await accounts.get(sub)
        raise ExternalIdTaken
    return await accounts.get(sub)
