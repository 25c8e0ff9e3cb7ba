import pytest
from tests.conformance.samples import NOW, account, add_session, applied, apply

from tokenward.errors import Error
from tokenward.server.storage.interface import Storage


async def test_an_account_comes_back_as_it_was_stored(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    assert await storage.accounts.find(record.sub) == record


async def test_an_account_as_of_the_position_is_never_older_than_it(storage: Storage) -> None:
    record = account()
    await storage.position()
    assert await storage.accounts.find_as_of_position(record.sub) is None
    await applied(storage, storage.accounts.insert(record))
    await storage.position()
    assert await storage.accounts.find_as_of_position(record.sub) == record
    for disabled_at in (NOW, None, NOW + 1):
        await applied(storage, storage.accounts.set_disabled(record.sub, disabled_at))
        await storage.position()
        for _ in range(2):
            found = await storage.accounts.find_as_of_position(record.sub)
            assert found is not None
            assert found.disabled_at == disabled_at


async def test_an_account_without_email_or_without_user_name_can_be_stored(storage: Storage) -> None:
    no_email = account("ben")._replace(email=None, email_folded=None, password_hash=None, roles=())
    no_username = account("carl")._replace(username=None, username_folded=None)
    await applied(storage, storage.accounts.insert(no_email), storage.accounts.insert(no_username))
    assert await storage.accounts.find_by_login("ben") == no_email
    assert await storage.accounts.find_by_login("carl@example.com") == no_username


async def test_an_account_with_neither_is_a_fault(storage: Storage) -> None:
    record = account()._replace(email=None, email_folded=None, username=None, username_folded=None)
    with pytest.raises(Error) as caught:
        await apply(storage, storage.accounts.insert(record))
    assert caught.value.code == "server_error"


async def test_a_login_finds_by_folded_email_and_by_folded_user_name(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record), storage.accounts.insert(account("ben")))
    assert await storage.accounts.find_by_login("anna@example.com") == record
    assert await storage.accounts.find_by_login("anna") == record
    assert await storage.accounts.find_by_login("Anna") is None
    assert await storage.accounts.find_by_login("nobody") is None


async def test_nobody_can_take_an_email_address_for_a_user_name(storage: Storage) -> None:
    await applied(storage, storage.accounts.insert(account()))
    thief = account("thief")._replace(username_folded="anna@example.com")
    with pytest.raises(Error):
        await apply(storage, storage.accounts.insert(thief))
    assert await storage.accounts.find(thief.sub) is None


async def test_a_taken_email_or_user_name_or_sub_refuses_the_insert(storage: Storage) -> None:
    first = account()
    await applied(storage, storage.accounts.insert(first))
    fresh = account("ben")
    for record in (
        fresh._replace(email_folded=first.email_folded),
        fresh._replace(username_folded=first.username_folded),
        fresh._replace(sub=first.sub),
    ):
        outcome = await apply(storage, storage.accounts.insert(record))
        assert not outcome.applied
        assert outcome.refused_by == "accounts.insert"
    assert await storage.accounts.page(None, 10) == [first]


async def test_pages_of_accounts_go_on_where_the_last_one_ended(storage: Storage) -> None:
    records = sorted(account(f"name{number}") for number in range(5))
    await applied(storage, *(storage.accounts.insert(record) for record in records))
    first = await storage.accounts.page(None, 2)
    rest = await storage.accounts.page(first[-1].sub, 10)
    assert first + rest == records


async def test_a_password_is_replaced(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    await applied(storage, storage.accounts.set_password(record.sub, "new", NOW + 5))
    assert await storage.accounts.find(record.sub) == record._replace(password_hash="new", updated_at=NOW + 5)


async def test_a_rehash_replaces_only_the_hash_that_it_was_made_from(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    outcome = await applied(storage, storage.accounts.rehash(record.sub, "another", "worse"))
    assert outcome.counts == (0,)
    assert await storage.accounts.find(record.sub) == record
    assert record.password_hash is not None
    await applied(storage, storage.accounts.rehash(record.sub, record.password_hash, "better"))
    assert await storage.accounts.find(record.sub) == record._replace(password_hash="better")


async def test_raising_the_cutoff_returns_the_new_one(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    outcome = await applied(
        storage, storage.accounts.raise_cutoff(record.sub), storage.accounts.raise_cutoff(record.sub)
    )
    assert outcome.rows == (((1,),), ((2,),))
    assert await storage.accounts.find(record.sub) == record._replace(cutoff=2)


async def test_a_password_is_changed_once_from_one_cutoff_and_never_while_disabled(storage: Storage) -> None:
    record = account()
    change = storage.accounts.change_password
    await applied(storage, storage.accounts.insert(record))
    await applied(storage, change(record.sub, "second", 0, NOW + 1))
    changed = record._replace(password_hash="second", cutoff=1, updated_at=NOW + 1)
    assert await storage.accounts.find(record.sub) == changed
    assert not (await apply(storage, change(record.sub, "third", 0, NOW + 2))).applied
    await applied(storage, storage.accounts.set_disabled(record.sub, NOW + 3))
    assert not (await apply(storage, change(record.sub, "third", 1, NOW + 4))).applied
    assert await storage.accounts.find(record.sub) == changed._replace(disabled_at=NOW + 3)


async def test_an_account_is_deleted_with_its_sessions_or_not_at_all(storage: Storage) -> None:
    record = await add_session(storage)
    ben = account("ben")
    await applied(storage, storage.accounts.insert(ben))
    delete = storage.accounts.delete
    # It has a session; its user name is another one by now.
    assert not (await apply(storage, delete(record.sub, "anna"))).applied
    sessions = storage.sessions.delete_all_of_account(record.sub)
    for other in ("ana", None):
        assert not (await apply(storage, sessions, delete(record.sub, other))).applied
    assert await storage.sessions.find(record.sid) is not None
    outcome = await applied(storage, sessions, delete(record.sub, "anna"))
    assert outcome.counts == (1, 1)
    assert await storage.accounts.find(record.sub) is None
    assert await storage.sessions.find(record.sid) is None
    assert await storage.accounts.find(ben.sub) == ben
    assert not (await apply(storage, delete(record.sub, "anna"))).applied
    # Its names are free again.
    await applied(storage, storage.accounts.insert(account()))


async def test_an_account_without_a_user_name_is_deleted(storage: Storage) -> None:
    record = account()._replace(username=None, username_folded=None)
    await applied(storage, storage.accounts.insert(record))
    await applied(storage, storage.accounts.delete(record.sub, None))
    assert await storage.accounts.find(record.sub) is None


async def test_an_account_is_disabled_and_enabled(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    await applied(storage, storage.accounts.set_disabled(record.sub, NOW))
    assert await storage.accounts.find(record.sub) == record._replace(disabled_at=NOW)
    await applied(storage, storage.accounts.set_disabled(record.sub, None))
    assert await storage.accounts.find(record.sub) == record


async def test_roles_are_replaced(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    await applied(storage, storage.accounts.set_roles(record.sub, '["writer"]', NOW + 9))
    assert await storage.accounts.find(record.sub) == record._replace(roles=("writer",), updated_at=NOW + 9)


async def test_roles_that_are_no_array_are_a_fault(storage: Storage) -> None:
    record = account()
    await applied(storage, storage.accounts.insert(record))
    for text in ('{"admin":true}', "admin", ""):
        with pytest.raises(Error):
            await apply(storage, storage.accounts.set_roles(record.sub, text, NOW))
    assert await storage.accounts.find(record.sub) == record


async def test_a_profile_is_replaced_unless_the_user_name_is_taken(storage: Storage) -> None:
    anna, ben = account(), account("ben")
    await applied(storage, storage.accounts.insert(anna), storage.accounts.insert(ben))
    refused = await apply(storage, storage.accounts.set_profile(ben.sub, "Ben", "ANNA", "anna", NOW + 1))
    assert refused.refused_by == "accounts.set_profile"
    await applied(storage, storage.accounts.set_profile(ben.sub, "Ben", None, None, NOW + 1))
    await applied(storage, storage.accounts.set_profile(ben.sub, None, "Benno", "benno", NOW + 2))
    # What was not asked for stayed, so two changes at once do not undo each other.
    assert await storage.accounts.find(ben.sub) == ben._replace(
        name="Ben", username="Benno", username_folded="benno", updated_at=NOW + 2
    )
    await applied(storage, storage.accounts.set_disabled(ben.sub, NOW + 3))
    refused = await apply(storage, storage.accounts.set_profile(ben.sub, "B", None, None, NOW + 4))
    assert refused.refused_by == "accounts.set_profile"


async def test_changes_to_an_unknown_account_are_refused(storage: Storage) -> None:
    store = storage.accounts
    for change in (
        store.set_password("usr_x", "hash", NOW),
        store.raise_cutoff("usr_x"),
        store.set_disabled("usr_x", NOW),
        store.set_roles("usr_x", "[]", NOW),
        store.set_profile("usr_x", "name", None, None, NOW),
    ):
        assert (await apply(storage, change)).refused_by == change.statement


async def test_every_database_has_the_built_in_client(storage: Storage) -> None:
    client = await storage.clients.find("first-party")
    assert client is not None
    assert (client.cutoff, client.disabled_at) == (0, None)
    assert await storage.clients.find("unknown") is None


async def test_an_external_id_finds_its_account_and_belongs_to_one_only(storage: Storage) -> None:
    anna, ben = account("anna"), account("ben")
    await applied(storage, storage.accounts.insert(anna), storage.accounts.insert(ben))
    assert await storage.accounts.find_by_external_id("customer anna") == anna
    assert await storage.accounts.find_by_external_id("CUSTOMER ANNA") is None

    taken = await apply(storage, storage.accounts.set_external_id(ben.sub, "customer anna", NOW + 1))
    assert not taken.applied
    other = account("carla")._replace(external_id="customer anna")
    assert not (await apply(storage, storage.accounts.insert(other))).applied

    await applied(storage, storage.accounts.set_external_id(anna.sub, None, NOW + 1))
    await applied(storage, storage.accounts.set_external_id(ben.sub, "customer anna", NOW + 2))
    found = await storage.accounts.find_by_external_id("customer anna")
    assert found is not None
    assert (found.sub, found.updated_at) == (ben.sub, NOW + 2)
    nobody = storage.accounts.set_external_id("usr_nobody", "x", NOW)
    assert not (await apply(storage, nobody)).applied
