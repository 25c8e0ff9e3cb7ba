"""What only administrators ask of the storage."""

import sys

from tests.conformance.samples import (
    IDLE,
    NOW,
    account,
    add_session,
    applied,
    apply,
    event,
    session,
    state_of,
)

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AuditFilter, LoggedRevocation


async def test_a_search_finds_each_account_once_and_by_login(storage: Storage) -> None:
    # Both logins of the first begin so, of the second the user name, of the third there is no other login.
    both = account("anna")
    by_name = account("ben")._replace(username="Annika", username_folded="annika")
    by_email = account("annegret")._replace(username=None, username_folded=None)
    no_email = account("anton")._replace(email=None, email_folded=None)
    others = [account("hanna"), account("zoe")]
    for record in (both, by_name, by_email, no_email, *others):
        await applied(storage, storage.accounts.insert(record))
    search = storage.accounts.search
    assert await search("ann", None, 10) == [both, by_email, by_name]
    assert await search("an", None, 10) == [both, by_email, by_name, no_email]
    assert await search("anna@", None, 10) == [both]
    assert await search("an", None, 1) == [both]
    assert await search("an", "anna@example.com", 1) == [by_email]
    assert await search("an", "annegret@example.com", 10) == [by_name, no_email]
    assert await search("an", "anton", 10) == []
    assert await search("ann%", None, 10) == []
    assert await search("ann_", None, 10) == []
    assert await search("x", None, 10) == []


async def test_a_search_finds_what_goes_on_with_any_character(storage: Storage) -> None:
    record = account()._replace(email_folded="an\U0010fffd@example.com", username=None, username_folded=None)
    await applied(storage, storage.accounts.insert(record))
    assert await storage.accounts.search("an", None, 10) == [record]
    assert await storage.accounts.search("an" + chr(sys.maxunicode), None, 10) == []


async def test_a_unit_goes_through_only_while_its_administrator_is_one(storage: Storage) -> None:
    admin, other = account(), account("ben")._replace(roles=("admin2", "administrator"))
    store = storage.accounts
    await applied(storage, store.insert(admin), store.insert(other))
    for sub in (other.sub, "usr_x"):
        refused = await apply(storage, store.check_admin(sub), store.set_roles(other.sub, '["admin"]', NOW))
        assert refused.refused_by == "accounts.check_admin"
    assert await store.find(other.sub) == other
    outcome = await applied(storage, store.check_admin(admin.sub), store.set_disabled(admin.sub, NOW))
    assert outcome.counts == (1, 1)
    assert (await apply(storage, store.check_admin(admin.sub))).refused_by == "accounts.check_admin"


async def test_a_unit_after_which_nobody_could_administer_is_refused_whole(storage: Storage) -> None:
    first, second = account(), account("ben")
    store = storage.accounts
    assert (await apply(storage, store.check_any_admin())).refused_by == "accounts.check_any_admin"
    await applied(storage, store.insert(first), store.insert(second))
    await applied(storage, store.set_disabled(first.sub, NOW), store.check_any_admin())
    for change in (
        store.set_disabled(second.sub, NOW),
        store.set_roles(second.sub, '["reader"]', NOW),
        store.delete(second.sub, second.username_folded),
    ):
        refused = await apply(storage, change, store.check_any_admin())
        assert refused.refused_by == "accounts.check_any_admin"
        assert await store.find(second.sub) == second
    await applied(storage, store.set_roles(second.sub, '["reader","admin"]', NOW), store.check_any_admin())


async def test_raising_a_clients_cutoff_cuts_off_its_sessions(storage: Storage) -> None:
    record = await add_session(storage)
    refused = await apply(storage, storage.clients.raise_cutoff("unknown"))
    assert refused.refused_by == "clients.raise_cutoff"
    await applied(storage, storage.clients.raise_cutoff("first-party"))
    assert (await state_of(storage, record)).client_cutoff == record.client_cutoff + 1
    await applied(storage, storage.clients.raise_all_cutoffs())
    client = await storage.clients.find("first-party")
    assert client is not None
    assert client.cutoff == record.client_cutoff + 2
    # They count for nothing now, so nobody is shown them as living.
    assert await storage.sessions.page(None, 10, living_at=NOW) == []
    assert await storage.sessions.page_of_account(record.sub, None, 10, living_at=NOW) == []
    assert await storage.sessions.page_of_account(record.sub, None, 10, living_at=None) == [record]


async def test_the_newest_revocations_come_first_and_without_those_that_can_match_nothing(
    storage: Storage,
) -> None:
    start = (await storage.position()).n
    for scope, value, drop_after in (
        ("session", "a", NOW + 5),
        ("key", "b", NOW),
        ("token", "c", NOW + 9),
        ("all", "", NOW + 9),
    ):
        await applied(storage, storage.revocations.add(scope, value, drop_after, "test", NOW - 1))
    newest = storage.revocations.newest
    assert [one.value for one in await newest(None, 10, living_at=NOW + 5)] == ["", "c", "b", "a"]
    assert [one.value for one in await newest(None, 10, living_at=NOW + 6)] == ["", "c", "b"]
    assert await newest(start + 4, 1, living_at=NOW) == [
        LoggedRevocation(start + 3, "token", "c", NOW + 9, "test", NOW - 1)
    ]
    assert await newest(start + 1, 10, living_at=NOW) == []


async def test_the_newest_events_come_first_and_fit_every_filter(storage: Storage) -> None:
    # The last one was written by a clock that had been set back.
    rows = [
        event("a.made", NOW)._replace(subject="usr_a", actor="usr_b"),
        event("a.made", NOW + 1)._replace(subject="usr_b", actor="usr_b"),
        event("b.made", NOW + 1)._replace(subject="usr_a", actor="usr_a"),
        event("b.made", NOW + 2)._replace(subject="usr_a", actor="usr_b"),
        event("a.made", NOW + 1)._replace(subject="usr_a", actor="usr_a"),
    ]
    outcome = await applied(storage, *(storage.audit.add(row) for row in rows))
    stored = [row._replace(id=outcome.integer(place)) for place, row in enumerate(rows)]
    order = [stored[place] for place in (3, 4, 2, 1, 0)]
    # Those of one subject come as they were written.
    fits = {
        AuditFilter(): range(5),
        AuditFilter(subject="usr_a"): (0, 1, 2, 4),
        AuditFilter(actor="usr_b"): (0, 3, 4),
        AuditFilter(event="a.made"): (1, 3, 4),
        AuditFilter(since=NOW + 1): (0, 1, 2, 3),
        AuditFilter(until=NOW + 2): (1, 2, 3, 4),
        AuditFilter(since=NOW + 1, until=NOW + 2): (1, 2, 3),
        AuditFilter(subject="usr_a", actor="usr_b", event="b.made", since=NOW, until=NOW + 3): (0,),
        AuditFilter(subject="usr_x"): (),
    }
    for filters, places in fits.items():
        wanted = [order[place] for place in places]
        if filters.subject is not None:
            wanted.sort(key=lambda row: row.id or 0, reverse=True)
        assert await storage.audit.newest(filters, None, 10) == wanted, filters
        # One at a time, each from where the one before ended.
        found, before = [], None
        while page := await storage.audit.newest(filters, before, 1):
            found += page
            before = (page[0].at, page[0].id or 0)
        assert found == wanted, filters


async def test_the_sessions_of_a_refresh_key_are_counted_a_slice_at_a_time(storage: Storage) -> None:
    first = await add_session(storage)
    others = [session(first.sub) for _ in range(4)]
    others[0] = others[0]._replace(key_number=8)
    others[1] = others[1]._replace(idle_expires_at=NOW + 1)
    others[2] = others[2]._replace(absolute_expires_at=NOW + 1)
    await applied(storage, *(storage.sessions.insert(record) for record in others))

    async def count(limit: int, at: int) -> int:
        counted, slices, after = 0, 0, b""
        while True:
            found, beyond = await storage.sessions.count_of_key(7, after, limit, living_at=at)
            counted, slices = counted + found, slices + 1
            if beyond is None:
                assert slices == 5 // limit + 1
                return counted
            after = beyond

    for limit in (1, 2, 5, 9):
        assert await count(limit, NOW) == 4
        assert await count(limit, NOW + 1) == 2
        assert await count(limit, NOW + IDLE) == 0
    await applied(storage, storage.sessions.end(first.sid, NOW))
    assert await count(9, NOW) == 3
