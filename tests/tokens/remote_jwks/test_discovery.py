"""Keys found through the metadata of their issuer."""

from typing import Any

import pytest
from tests.tokens.remote_jwks.published import (
    ISSUER,
    LONG_SECONDS,
    NOT_FOUND,
    OAUTH_URL,
    OPENID_URL,
    SERVER_ERROR,
    URL,
    MemoryTransport,
    answer,
    metadata,
    published,
)

from tokenward.clock import FakeClock
from tokenward.tokens.key_source import KeysUnavailable
from tokenward.tokens.remote_jwks import RemoteJWKSet, Request, Response

DAY = 86_400


class Example:
    def __init__(self, issuer: str = ISSUER) -> None:
        self.clock = FakeClock()
        self.transport = MemoryTransport(published("a"))
        self.transport.put(OPENID_URL, metadata(issuer))
        self.source = RemoteJWKSet.discover(
            issuer, transport=self.transport, clock=self.clock, timeout_seconds=LONG_SECONDS
        )

    def urls(self) -> list[str]:
        """Return what was asked for since the last time."""
        urls = self.transport.urls
        self.transport.requests.clear()
        return urls

    def again(self, seconds: float = 300) -> list[str]:
        """Make another attempt and return what was asked for."""
        self.clock.advance(seconds)
        self.source.refresh(self.source.current())
        return self.urls()

    def reason(self) -> str | None:
        with pytest.raises(KeysUnavailable) as caught:
            self.source.refresh()
        return caught.value.reason


def test_the_metadata_says_where_the_keys_are() -> None:
    example = Example()
    assert example.source.status().address is None
    assert len(example.source.refresh()) == 1
    assert example.urls() == [OPENID_URL, URL]
    assert example.source.status().address == URL
    assert example.source.issuer == ISSUER


def test_metadata_is_asked_for_once_a_day() -> None:
    example = Example()
    example.source.refresh()
    example.urls()
    assert example.again() == [URL]
    assert example.again() == [URL]
    assert example.again(DAY) == [OPENID_URL, URL]
    assert example.again() == [URL]


@pytest.mark.parametrize(
    ("issuer", "openid", "oauth"),
    [
        ("https://a.example", "https://a.example/.well-known/openid-configuration", None),
        ("https://a.example/", "https://a.example/.well-known/openid-configuration", None),
        (
            "https://a.example:8443/realms/x",
            "https://a.example:8443/realms/x/.well-known/openid-configuration",
            "https://a.example:8443/.well-known/oauth-authorization-server/realms/x",
        ),
        (
            "https://a.example/x/",
            "https://a.example/x/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server/x",
        ),
    ],
)
def test_the_addresses_of_metadata_follow_from_the_issuer(
    issuer: str, openid: str, oauth: str | None
) -> None:
    example = Example(issuer)
    oauth = oauth or "https://a.example/.well-known/oauth-authorization-server"
    example.transport.put(oauth, metadata(issuer))
    assert len(example.source.refresh()) == 1
    assert example.urls() == [openid, oauth, URL]


def test_oauth_metadata_is_taken_when_there_is_no_openid_document() -> None:
    example = Example()
    example.transport.put(OPENID_URL, NOT_FOUND)
    example.transport.put(OAUTH_URL, metadata())
    example.source.refresh()
    assert example.urls() == [OPENID_URL, OAUTH_URL, URL]


def test_it_is_not_asked_for_when_the_openid_document_cannot_be_had_for_another_reason() -> None:
    example = Example()
    example.transport.put(OPENID_URL, SERVER_ERROR)
    assert example.reason() == "status_500"
    assert example.urls() == [OPENID_URL]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (metadata("https://evil.example"), "metadata_issuer_mismatch: https://evil.example"),
        (metadata(ISSUER + "/"), f"metadata_issuer_mismatch: {ISSUER}/"),
        (metadata(ISSUER.upper()), f"metadata_issuer_mismatch: {ISSUER.upper()}"),
        (metadata(issuer=None), "metadata_issuer_mismatch: None"),  # type: ignore[arg-type]
        (b'{"jwks_uri":"https://idp.example/keys"}', "metadata_issuer_mismatch: None"),
        (metadata(jwks_uri="http://idp.example/keys"), "jwks_uri_refused: http://idp.example/keys"),
        (metadata(jwks_uri="http://127.0.0.1/keys"), "jwks_uri_refused: http://127.0.0.1/keys"),
        (metadata(jwks_uri="file:///etc/passwd"), "jwks_uri_refused: file:///etc/passwd"),
        (metadata(jwks_uri="https://u:p@idp.example/"), "jwks_uri_refused: https://u:p@idp.example/"),
        (metadata(jwks_uri=7), "metadata_without_jwks_uri"),  # type: ignore[arg-type]
        (b"{}", "metadata_issuer_mismatch: None"),
        (b"<html>", "metadata_refused: malformed"),
        (b'{"issuer":"x","issuer":"https://idp.example/tenant"}', "metadata_refused: duplicate_member"),
        (
            answer(status=301, location="https://evil.example"),
            "redirect_refused: 301 to https://evil.example",
        ),
    ],
)
def test_metadata_that_is_not_right_brings_no_keys(document: Any, reason: str) -> None:
    example = Example()
    example.transport.put(OPENID_URL, document)
    assert example.reason() == reason
    assert example.urls() == [OPENID_URL]


@pytest.mark.parametrize("status", [404, 410])
def test_when_the_keys_have_moved_the_metadata_is_asked_again(status: int) -> None:
    example = Example()
    example.source.refresh()
    example.urls()
    moved = "https://idp.example/new-keys"
    example.transport.put(URL, answer(status=status))
    example.transport.put(moved, published("b"))
    example.transport.put(OPENID_URL, metadata(jwks_uri=moved))
    assert example.again() == [URL, OPENID_URL, moved]
    assert example.source.status().address == moved
    assert example.again() == [moved]


def test_another_failure_of_the_keys_does_not_ask_for_metadata() -> None:
    example = Example()
    example.source.refresh()
    example.urls()
    example.transport.put(URL, SERVER_ERROR)
    assert example.again() == [URL]


def test_when_old_metadata_cannot_be_renewed_the_known_address_is_still_good() -> None:
    example = Example()
    example.source.refresh()
    example.urls()
    example.transport.put(OPENID_URL, SERVER_ERROR)
    example.transport.put(URL, published("b"))
    assert example.again(DAY) == [OPENID_URL, URL]
    assert example.source.status().problems == ("metadata: status_500",)
    example.transport.put(OPENID_URL, metadata())
    assert example.again() == [OPENID_URL, URL]
    assert example.source.status().problems == ()


def test_an_entity_tag_is_for_one_address() -> None:
    def tagged(_: Request) -> Response:
        return answer(published("a"), etag='"1"')

    example = Example()
    example.transport.put(URL, tagged)
    example.source.refresh()
    example.clock.advance(300)
    example.source.refresh(example.source.current())
    assert example.transport.requests[-1].headers["if-none-match"] == '"1"'
    moved = "https://idp.example/new-keys"
    example.transport.put(moved, tagged)
    example.transport.put(OPENID_URL, metadata(jwks_uri=moved))
    example.clock.advance(DAY)
    example.source.refresh(example.source.current())
    assert example.transport.requests[-1].address.url == moved
    assert "if-none-match" not in example.transport.requests[-1].headers


def test_all_requests_of_an_attempt_share_one_timeout() -> None:
    example = Example()
    example.source.refresh()
    first, second = example.transport.requests
    assert first.timeout_seconds <= LONG_SECONDS
    assert second.timeout_seconds < first.timeout_seconds
