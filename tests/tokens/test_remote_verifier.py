"""A verifier whose keys come from a source that can change while it runs.

The sources here are in memory; those that fetch are tested in `remote_jwks`.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from tests.tokens.forge import ABSENT, NOW, claims, header, key, public, refused, seal, token, verifier

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet, SigningKey
from tokenward.jose.jwk import import_jwk, import_private_jwk
from tokenward.tokens import AccessToken, IDTokenVerifier, Issuers, KeysUnavailable, TokenVerifier

OLD: Final = key("ES256", "old")
NEW: Final = key("ES256", "new")


def keys_of(*signing: SigningKey) -> JWKSet:
    return JWKSet(public(one) for one in signing)


class MemorySource:
    """A `KeySource`: `published` is what a refresh would bring, and `asked` with what each was asked for."""

    def __init__(self, current: JWKSet | None = None, published: JWKSet | None = None) -> None:
        self._current = current
        self.published = published
        self.asked: list[JWKSet | None] = []

    def current(self) -> JWKSet | None:
        return self._current

    def take(self, keys: JWKSet | None) -> None:
        """Let the keys change beside the verifier, as a refresh ahead of time does."""
        self._current = keys

    def refresh(self, seen: JWKSet | None = None) -> JWKSet:
        self.asked.append(seen)
        if self.published is not None:
            self._current = self.published
        if self._current is None:
            raise KeysUnavailable(reason="fetch_failed")
        return self._current


class AsyncMemorySource(MemorySource):
    """The same as an `AsyncKeySource`."""

    async def refresh(self, seen: JWKSet | None = None) -> JWKSet:  # type: ignore[override]
        await asyncio.sleep(0)
        return MemorySource.refresh(self, seen)


@pytest.fixture(params=[MemorySource, AsyncMemorySource])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def verify_with(by: TokenVerifier[AccessToken], source: MemorySource, text: str) -> AccessToken:
    return asyncio.run(by.verify_async(text)) if isinstance(source, AsyncMemorySource) else by.verify(text)


def of(source: MemorySource, **settings: Any) -> TokenVerifier[AccessToken]:
    return verifier(keys=source, **settings)


def refuse(by: TokenVerifier[AccessToken], source: MemorySource, text: str, reason: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        verify_with(by, source, text)
    assert caught.value.reason == reason


def test_keys_that_are_there_cost_no_refresh(kind: Any) -> None:
    source = kind(keys_of(OLD))
    by = of(source)
    for _ in range(3):
        assert verify_with(by, source, token(OLD)).kid == OLD.kid
    assert source.asked == []


def test_an_unknown_kid_causes_one_refresh_that_names_the_keys_that_were_seen(kind: Any) -> None:
    before, after = keys_of(OLD), keys_of(OLD, NEW)
    source = kind(before, after)
    by = of(source)
    assert verify_with(by, source, token(NEW)).kid == NEW.kid
    assert source.asked == [before]
    assert verify_with(by, source, token(NEW)).kid == NEW.kid
    assert verify_with(by, source, token(OLD)).kid == OLD.kid
    assert source.asked == [before]


def test_an_unknown_kid_that_stays_unknown_is_refused_after_one_refresh(kind: Any) -> None:
    for published in (None, keys_of(OLD)):
        source = kind(keys_of(OLD), published)
        refuse(of(source), source, token(NEW), "kid_unknown")
        assert len(source.asked) == 1


def test_b20_another_key_under_a_known_kid_causes_one_refresh(kind: Any) -> None:
    def named(signing: SigningKey) -> JWKSet:
        return JWKSet([import_jwk({**public(signing).to_jwk(), "kid": "k1"})])  # type: ignore[union-attr]

    def text(signing: SigningKey) -> str:
        return seal(header(signing, kid="k1"), claims(), signing)

    before, after = named(OLD), named(NEW)
    source = kind(before, after)
    by = of(source)
    assert verify_with(by, source, text(OLD)).kid == "k1"
    assert verify_with(by, source, text(NEW)).kid == "k1"
    assert source.asked == [before]
    # The token that the old key signed is remembered no more.
    refuse(by, source, text(OLD), "signature_invalid")


def test_b20_a_longer_key_under_a_known_kid_causes_one_refresh(kind: Any) -> None:
    short, long = (
        import_private_jwk({**key(alg).to_private_jwk(), "alg": "RS256", "kid": "k1"})
        for alg in ("RS256", "RS384")
    )
    before = keys_of(short)
    source = kind(before, keys_of(long))
    by = of(source)
    assert verify_with(by, source, token(short)).kid == "k1"
    assert verify_with(by, source, token(long)).kid == "k1"
    assert source.asked == [before]


def test_b20_a_wrong_signature_is_refused_after_one_refresh(kind: Any) -> None:
    source = kind(keys_of(OLD))
    good, other = token(OLD), token(OLD, sub="root")
    forged = ".".join([*other.split(".")[:2], good.split(".")[2]])
    refuse(of(source), source, forged, "signature_invalid")
    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token(OLD, exp=NOW), "expired"),
        (token(OLD, aud="x"), "audience_mismatch"),
        (token(OLD, iss="x"), "issuer_mismatch"),
        (seal(header(OLD, typ="JWT"), claims(), OLD), "typ_mismatch"),
        (token(key("HS256")), "alg_not_allowed"),
        (seal(header(OLD, alg="none"), claims(), OLD), "alg_not_allowed"),
        (seal(header(OLD, kid=1), claims(), OLD), "header_kid"),
        (seal(header(OLD), b"[]", OLD), "claims_not_an_object"),
        ("a.b", "not_three_segments"),
        ("a" * 9000, "too_large"),
        ("é", "not_ascii"),
    ],
)
def test_what_new_keys_cannot_mend_costs_no_refresh(kind: Any, text: str, reason: str) -> None:
    source = kind(keys_of(OLD), keys_of(OLD, NEW))
    refuse(of(source, algorithms=["ES256"]), source, text, reason)
    assert source.asked == []


def test_a_key_of_another_algorithm_is_found_unless_the_algorithms_are_named(kind: Any) -> None:
    moved = key("ES384", "moved")
    source = kind(keys_of(OLD), keys_of(OLD, moved))
    assert verify_with(of(source), source, token(moved)).kid == moved.kid
    assert len(source.asked) == 1
    source = kind(keys_of(OLD), keys_of(OLD, moved))
    refuse(of(source, algorithms=["ES256"]), source, token(moved), "alg_not_allowed")
    assert source.asked == []


def test_a_source_that_has_no_keys_yet_is_asked_for_any(kind: Any) -> None:
    source = kind(None, keys_of(OLD))
    by = of(source)
    assert verify_with(by, source, token(OLD)).kid == OLD.kid
    assert source.asked == [None]


def test_a_source_that_had_no_keys_is_asked_once_more_when_the_kid_is_not_among_the_first(kind: Any) -> None:
    first = keys_of(OLD)
    source = kind(None, first)
    refuse(of(source), source, token(NEW), "kid_unknown")
    assert source.asked == [None, first]


def test_keys_that_cannot_be_had_are_no_fault_of_the_token(kind: Any) -> None:
    source = kind(None)
    by = of(source)
    with pytest.raises(KeysUnavailable) as caught:
        verify_with(by, source, token(OLD))
    assert (caught.value.status, caught.value.reason) == (503, "fetch_failed")
    source.published = keys_of(OLD)
    assert verify_with(by, source, token(OLD)).kid == OLD.kid


def test_keys_that_cannot_be_had_for_an_unknown_kid_say_so(kind: Any) -> None:
    class Failing(kind):  # type: ignore[misc]
        def current(self) -> JWKSet | None:
            return keys_of(OLD)

    source = Failing(None)
    with pytest.raises(KeysUnavailable):
        verify_with(of(source), source, token(NEW))


@pytest.mark.parametrize("text", ["", "a.b", "a" * 9000, "é"])
def test_what_is_no_token_is_asked_about_with_keys_or_without_and_refused(kind: Any, text: str) -> None:
    source = kind(keys_of(OLD))
    with pytest.raises(InvalidToken):
        verify_with(of(source), source, text)


def test_a_token_that_is_too_large_costs_no_fetch(kind: Any) -> None:
    source = kind(None)
    refuse(of(source), source, "a" * 9000, "too_large")
    assert source.asked == []


def test_what_the_old_keys_proved_is_forgotten_when_the_keys_change(kind: Any) -> None:
    source = kind(keys_of(OLD, NEW), keys_of(NEW))
    by = of(source)
    text = token(OLD)
    assert verify_with(by, source, text).kid == OLD.kid
    source.take(keys_of(NEW))
    refuse(by, source, text, "kid_unknown")
    assert verify_with(by, source, token(NEW)).kid == NEW.kid


def test_a_token_is_remembered_as_long_as_the_keys_are_the_same_object(kind: Any) -> None:
    source = kind(keys_of(OLD))
    by = of(source)
    text = token(OLD)
    first = verify_with(by, source, text)
    assert verify_with(by, source, text) is first
    source.take(keys_of(OLD))
    assert verify_with(by, source, text) is not first


def test_the_algorithms_follow_the_keys_unless_they_are_given(kind: Any) -> None:
    source = kind(keys_of(OLD))
    free, fixed = of(source), of(source, algorithms=["ES256"])
    source.take(keys_of(OLD, key("RS256")))
    assert verify_with(free, source, token(key("RS256"))).kid == key("RS256").kid
    refuse(fixed, source, token(key("RS256")), "alg_not_allowed")
    assert verify_with(fixed, source, token(OLD)).kid == OLD.kid


def test_keys_of_a_source_are_not_replaced_by_hand(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="replace themselves"):
        of(kind(keys_of(OLD))).replace_keys(keys_of(NEW))


def test_waiting_on_a_source_for_coroutines_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="verify_async"):
        of(AsyncMemorySource(keys_of(OLD))).verify(token(OLD))


async def test_holding_up_the_event_loop_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="event loop"):
        await of(MemorySource(keys_of(OLD))).verify_async(token(OLD))


async def test_keys_in_memory_can_be_used_in_a_coroutine_too() -> None:
    assert (await verifier(OLD).verify_async(token(OLD))).kid == OLD.kid


@pytest.mark.parametrize("keys", [None, "https://id.example/jwks", {}, [OLD], object(), key()])
def test_what_is_no_source_of_keys_is_a_configuration_error(keys: Any) -> None:
    with pytest.raises(ConfigurationError):
        verifier(keys=keys)


def test_id_tokens_and_issuers_take_keys_from_a_source_too(kind: Any) -> None:
    source = kind(keys_of(OLD), keys_of(NEW))
    id_tokens = IDTokenVerifier(
        issuer="https://id.example", client_id="c", keys=source, clock=FakeClock(NOW), leeway_seconds=0
    )
    id_token = seal(header(NEW, typ="JWT"), claims(aud="c", scope=ABSENT), NEW)
    access_token = token(NEW)
    issuers = Issuers([of(source)])
    if kind is AsyncMemorySource:
        assert asyncio.run(id_tokens.verify_async(id_token, nonce=None)).kid == NEW.kid
        assert asyncio.run(issuers.verify_async(access_token)).kid == NEW.kid
    else:
        assert id_tokens.verify(id_token, nonce=None).kid == NEW.kid
        assert issuers.verify(access_token).kid == NEW.kid
    assert len(source.asked) == 1


def test_an_issuer_that_is_not_known_costs_no_refresh() -> None:
    source = MemorySource(None, keys_of(OLD))
    with pytest.raises(InvalidToken):
        Issuers([of(source)]).verify(token(NEW, iss="https://evil.example"))
    assert source.asked == []


def test_eight_threads_verify_while_the_keys_change() -> None:
    sets = [keys_of(OLD), keys_of(OLD, NEW), keys_of(NEW)]
    source = MemorySource(sets[1])
    by = of(source, cache_size=8)
    texts = {signing.kid: [token(signing, jti=f"{number}") for number in range(8)] for signing in (OLD, NEW)}
    stop = threading.Event()
    wrong: list[str] = []

    def verify_all(turn: int) -> int:
        good = 0
        while not stop.is_set():
            for kid, of_key in texts.items():
                text = of_key[turn % len(of_key)]
                try:
                    found = by.verify(text)
                except InvalidToken as error:
                    if error.reason != "kid_unknown":
                        wrong.append(error.reason)
                else:
                    good += 1
                    if (found.kid, found.jti) != (kid, str(turn % len(of_key))):
                        wrong.append(f"{found.jti} of {found.kid}")
            turn += 1
        return good

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(verify_all, turn) for turn in range(8)]
        for number in range(60):
            source.take(sets[number % 3])
            threading.Event().wait(0.002)
        source.take(sets[2])
        stop.set()
        assert all(thread.result() for thread in running)
    assert wrong == []
    # Nothing that was proved under the keys that are gone is left, whatever the threads did last.
    for text in texts[OLD.kid]:
        refused(text, by, reason="kid_unknown")
    assert by.verify(texts[NEW.kid][0]).kid == NEW.kid


async def test_many_coroutines_verify_while_a_refresh_is_awaited() -> None:
    source = AsyncMemorySource(keys_of(OLD), keys_of(OLD, NEW))
    by = of(source)
    found = await asyncio.gather(*(by.verify_async(token(signing)) for signing in (OLD, NEW) * 20))
    assert {one.kid for one in found} == {OLD.kid, NEW.kid}
