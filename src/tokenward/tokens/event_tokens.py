"""Tokens that tell of events: that a session ended at the provider, that an account was disabled.

OpenID Connect Back-Channel Logout 1.0 section 2.4 and RFC 8417.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from tokenward.errors import InvalidToken
from tokenward.jose.claims import check_string, check_time
from tokenward.jose.keys import VerificationKey
from tokenward.protocol import names
from tokenward.tokens.verified_token import WITHOUT_END, Expected, VerifiedToken, Window

BACK_CHANNEL_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"


class LogoutToken(VerifiedToken, frozen=True, eq=False, kw_only=True):
    """A verified logout token: typ `logout+jwt`. All sessions of `sub`, or the one that is `sid`, have ended.

    At least one of `sub` and `sid` is there. That a `jti` comes once only is for the caller to check, until `exp`.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.LOGOUT_TOKEN_TYPE})
    required: ClassVar[tuple[str, ...]] = (
        names.ISS,
        names.AUD,
        names.EXP,
        names.IAT,
        names.JTI,
        names.EVENTS,
    )

    exp: int
    iat: int
    jti: str
    sub: str | None = None
    sid: str | None = None

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse what has a `nonce`, which a logout token must not have, so that it passes for no ID token.

        Raises:
            InvalidToken: when it has one.
        """
        if names.NONCE in claims:
            raise InvalidToken(reason="not_a_logout_token", claim=names.NONCE)

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token after checking that it tells of a logout, and of whose.

        Raises:
            InvalidToken: when it does not.
        """
        if type(_events(claims).get(BACK_CHANNEL_LOGOUT)) is not dict:
            raise InvalidToken(reason="not_a_logout_token", claim=names.EVENTS)
        if names.SUB not in claims and names.SID not in claims:
            raise InvalidToken(reason="claim_missing", claim=names.SUB)
        return cls(
            iss=claims[names.ISS],
            exp=int(claims[names.EXP]),
            iat=int(claims[names.IAT]),
            jti=check_string(claims, names.JTI),
            sub=check_string(claims, names.SUB) if names.SUB in claims else None,
            sid=check_string(claims, names.SID) if names.SID in claims else None,
            _aud=aud,
            kid=key.kid,
            _claims=claims,
        )


class InsecureUntypedLogoutToken(LogoutToken, frozen=True, eq=False, kw_only=True):
    """A logout token of a provider that does not say so in `typ`, which the standard only recommends.

    Its claims tell it from other kinds: the event, and that there is no `nonce`.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.LOGOUT_TOKEN_TYPE, names.JWT_TYPE, None})


class SecurityEventToken(VerifiedToken, frozen=True, eq=False, kw_only=True):
    """A verified security event token: typ `secevent+jwt` (RFC 8417).

    `events` has an object for the URI of each event. An event does not expire, so most of these have no `exp`; one
    that is there counts. That a `jti` comes once only is for the caller to check.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.SECURITY_EVENT_TOKEN_TYPE})
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.AUD, names.IAT, names.JTI, names.EVENTS)

    iat: int
    jti: str

    @property
    def events(self) -> Mapping[str, Any]:
        """The events by their URIs, read-only at every depth."""
        events: Mapping[str, Any] = self.claims[names.EVENTS]
        return events

    @classmethod
    def check_window(cls, claims: Mapping[str, Any], *, expected: Expected, now: float) -> Window:
        """Check `iat`, and `exp` and `nbf` where they are there.

        Raises:
            InvalidToken: when one is no time, or excludes `now`.
        """
        # Where lifetimes are limited, one without an end is too long.
        if names.EXP in claims or expected.max_lifetime_seconds is not None:
            return super().check_window(claims, expected=expected, now=now)
        valid_from = check_time(claims, names.IAT) - expected.leeway
        if names.NBF in claims:
            valid_from = max(valid_from, check_time(claims, names.NBF) - expected.leeway)
        if not now >= valid_from:  # Refuses NaN too.
            raise InvalidToken(reason="issued_in_the_future", claim=names.IAT)
        return Window(valid_from, WITHOUT_END)

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token after checking that it has events.

        Raises:
            InvalidToken: when it has none.
        """
        events = _events(claims)
        if not events or not all(type(event) is dict for event in events.values()):
            raise InvalidToken(reason="claim_not_events", claim=names.EVENTS)
        return cls(
            iss=claims[names.ISS],
            iat=int(claims[names.IAT]),
            jti=check_string(claims, names.JTI),
            _aud=aud,
            kid=key.kid,
            _claims=claims,
        )


def _events(claims: Mapping[str, Any]) -> dict[str, Any]:
    events = claims.get(names.EVENTS)
    if type(events) is not dict:
        raise InvalidToken(reason="claim_not_events", claim=names.EVENTS)
    return events
