"""What ends a session from outside: each condition alone, and also between reading and writing."""

import pytest
from tests.server.building import HOME, Server, dump, tamper
from tests.server.sessions.refusals import refused, refused_and_nothing_written

from tokenward.server.sessions.keeping import SessionKeeping
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.sessions import Refreshed, RefreshPolicy
from tokenward.server.storage.units import Outcome, Unit

RETRY = 60
NO_SESSION = bytes(16)


async def test_a_session_of_a_disabled_account_is_refused_for_good(server: Server) -> None:
    account = await server.account()
    started = await server.start(account)
    accounts = server.services.accounts
    await accounts.set_disabled(account.sub, disabled=True, actor="command-line")
    assert await refused_and_nothing_written(server, started.refresh_token) == "session ended"
    await accounts.set_disabled(account.sub, disabled=False, actor="command-line")
    assert await refused_and_nothing_written(server, started.refresh_token) == "session ended"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE accounts SET disabled_at = 1", "account or client disabled"),
        ("UPDATE clients SET disabled_at = 1", "account or client disabled"),
        ("UPDATE accounts SET cutoff = cutoff + 1", "logged out everywhere"),
        ("UPDATE clients SET cutoff = cutoff + 1", "logged out everywhere"),
        # A cut-off is compared for equality: a restored, older one fits no better.
        ("UPDATE accounts SET cutoff = cutoff - 1", "logged out everywhere"),
        ("UPDATE sessions SET ended_at = 1", "session ended"),
    ],
)
async def test_each_condition_alone_refuses_a_refresh_and_a_retry(
    server: Server, started: Refreshed, statement: str, reason: str
) -> None:
    first = await server.refresh(started.refresh_token)
    tamper(server.path, statement)
    assert await refused_and_nothing_written(server, first.refresh_token) == reason
    assert await refused_and_nothing_written(server, started.refresh_token) == reason


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE accounts SET disabled_at = 1", "account or client disabled"),
        ("UPDATE clients SET disabled_at = 1", "account or client disabled"),
        ("UPDATE accounts SET cutoff = cutoff + 1", "logged out everywhere"),
        ("UPDATE clients SET cutoff = cutoff + 1", "logged out everywhere"),
        ("UPDATE sessions SET ended_at = 1", "session ended"),
        ("UPDATE sessions SET idle_expires_at = 1", "session expired"),
        ("UPDATE sessions SET absolute_expires_at = 1", "session expired"),
    ],
)
async def test_a_condition_that_breaks_between_reading_and_writing_is_seen_by_the_statement(
    server: Server, started: Refreshed, monkeypatch: pytest.MonkeyPatch, statement: str, reason: str
) -> None:
    apply = server.services.storage.apply

    async def cut_off_first(unit: Unit) -> Outcome:
        monkeypatch.undo()
        tamper(server.path, statement)
        return await apply(unit)

    monkeypatch.setattr(server.services.storage, "apply", cut_off_first)
    assert await refused(server, started.refresh_token) == reason
    assert (await server.state(started.session.sid)).session.generation == 0


async def test_a_session_whose_cut_off_moved_with_the_account_rotates_after_all(
    server: Server, started: Refreshed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of password may let the other sessions go on, and a refresh of one may be under way just then."""
    storage = server.services.storage
    apply = storage.apply

    async def change_password_first(unit: Unit) -> Outcome:
        monkeypatch.undo()
        await server.apply(
            storage.accounts.raise_cutoff(started.session.sub),
            storage.sessions.adopt_cutoff_of_others(
                started.session.sub, NO_SESSION, started.session.account_cutoff + 1
            ),
        )
        server.clock.advance(RETRY + 1)
        return await apply(unit)

    server.clock.advance(RETRY + 1)
    monkeypatch.setattr(storage, "apply", change_password_first)
    refreshed = await server.refresh(started.refresh_token)
    assert not refreshed.retried
    state = await server.state(started.session.sid)
    assert (state.session.generation, state.session.ended_at) == (1, None)
    assert await server.events("session.reuse_detected") == []


async def test_a_refresh_under_way_while_its_session_is_kept_across_a_cut_off_is_refused_and_no_theft(
    server: Server, started: Refreshed, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = server.services.storage
    apply = storage.apply
    session, now = started.session, int(server.clock.now())
    keeping = SessionKeeping(
        storage=storage, ring=server.services.ring, policy=RefreshPolicy(1000, 1000, RETRY)
    )

    async def change_password_first(unit: Unit) -> Outcome:
        monkeypatch.undo()
        kept = await keeping.get(session.sid, sub=session.sub, now=now)
        cutoff = session.account_cutoff + 1
        changes = keeping.changes(kept, cutoff=cutoff, origin=HOME, now_ms=now * 1000)
        await server.apply(storage.accounts.raise_cutoff(session.sub), *changes)
        return await apply(unit)

    monkeypatch.setattr(storage, "apply", change_password_first)
    assert await refused(server, started.refresh_token) == "the session was kept across a cut-off meanwhile"
    state = await server.state(session.sid)
    assert (state.session.generation, state.session.ended_at) == (2, None)
    assert await server.events("session.reuse_detected") == []


async def test_a_session_that_changes_at_every_try_is_refused_and_lives(
    server: Server, started: Refreshed, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = server.services.storage
    apply = storage.apply
    cutoffs = iter(range(started.session.account_cutoff + 1, 100))

    async def move_first(unit: Unit) -> Outcome:
        moved = (
            storage.accounts.raise_cutoff(started.session.sub),
            storage.sessions.adopt_cutoff_of_others(started.session.sub, NO_SESSION, next(cutoffs)),
        )
        assert (await apply(Unit("move", moved))).applied
        return await apply(unit)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "apply", move_first)
        assert await refused(server, started.refresh_token) == "the session changed at every try"
    assert (await server.refresh(started.refresh_token)).session.sid == started.session.sid


async def test_logging_out_everywhere_while_somebody_signs_in_gives_them_nothing(server: Server) -> None:
    account = await server.account()
    # Read before the password is checked, as `login` does.
    await server.services.sessions.end_all(account, actor="test", reason="test")
    before = dump(server.path)
    with pytest.raises(InvalidGrant) as caught:
        await server.start(account)
    assert "cut off while signing in" in caught.value.reason
    assert dump(server.path) == before
    # A sign-in that follows survives.
    again = await server.start(await server.services.accounts.get(account.sub))
    assert (await server.refresh(again.refresh_token)).session.sid == again.session.sid


async def test_disabling_while_somebody_signs_in_gives_them_nothing(server: Server) -> None:
    account = await server.account()
    await server.services.accounts.set_disabled(account.sub, disabled=True, actor="test")
    with pytest.raises(InvalidGrant):
        await server.start(account)
