"""The closed lists of what is counted by name. A label never holds anything that a client sent.

All names stand here, and each is counted from zero: a series that appears with its first event is one whose first
event no rate and no alert can see.
"""

from typing import Final, Literal, TypeAlias, get_args

from tokenward.errors import Error
from tokenward.protocol.errors import (
    ACCOUNT_EXISTS,
    INVALID_CREDENTIALS,
    INVALID_REQUEST,
    MISSING_TOKEN,
    OVERLOADED,
    RATE_LIMITED,
    REGISTRATION_CLOSED,
    WEAK_PASSWORD,
)

# A new event is written here before it can be counted: the type checker refuses any other name.
Event: TypeAlias = Literal[
    "account.created",
    "account.erased",
    "account.logged_out_everywhere",
    "account.other_sessions_ended",
    "account.password_changed",
    "clock.set_back",
    "clock.set_forward",
    "proxy.address_unreadable",
    "session.ended",
    "session.refresh_coalesced",
    "session.refresh_retried",
    "session.refreshed",
    "session.reuse_detected",
    "session.started",
    "storage.rolled_back",
]
EVENTS: Final[tuple[Event, ...]] = get_args(Event)

SIGN_INS: Final = (
    "success",
    "wrong_password",
    "unknown_account",
    "disabled",
    "cut_off",
    "throttled",
    "overloaded",
    "failed",
)
REGISTRATIONS: Final = (
    "success",
    "exists",
    "weak_password",
    "closed",
    "throttled",
    "overloaded",
    "malformed",
    "failed",
)
REFRESHES: Final = (
    "rotated",
    "retried",
    "coalesced",
    "theft",
    "rolled_back",
    "ended",
    "expired",
    "disabled",
    "logged_out",
    "unknown",
    "key_gone",
    "other_client",
    "forged",
    "malformed",
    "failed",
)
TOKENS_REFUSED: Final = (
    "missing",
    "malformed",
    "algorithm",
    "key",
    "signature",
    "not_for_us",
    "expired",
    "not_yet_valid",
    "revoked",
    "account",
)
SCOPES: Final = ("token", "session", "key", "subject", "client", "grant", "audience", "all")
CONNECTIONS_REFUSED: Final = ("head_too_large", "head_timeout", "body_timeout", "silent", "malformed")

_REGISTRATION_OF_CODE = {
    ACCOUNT_EXISTS: "exists",
    WEAK_PASSWORD: "weak_password",
    REGISTRATION_CLOSED: "closed",
    RATE_LIMITED: "throttled",
    OVERLOADED: "overloaded",
    INVALID_REQUEST: "malformed",
}
_REFRESH_OF_REASON = {
    "session.reuse_detected": "theft",
    "storage.rolled_back": "rolled_back",
    "session ended": "ended",
    "session expired": "expired",
    "account or client disabled": "disabled",
    "logged out everywhere": "logged_out",
    "the session was kept across a cut-off meanwhile": "logged_out",
    "no such session": "unknown",
    "refresh key retired or revoked": "key_gone",
    "refresh token of another client": "other_client",
    "refresh token: forged": "forged",
    "refresh token: wrong form": "malformed",
    "refresh token: wrong version or checksum": "malformed",
    "refresh token: generation out of range": "malformed",
}
# How the reason of a refused access token begins, to its class. What fits none is a fault of its form.
_TOKEN_OF_REASON = (
    ("revoked: ", "revoked"),
    ("expired", "expired"),
    ("not_yet_valid", "not_yet_valid"),
    ("issued_in_the_future", "not_yet_valid"),
    ("signature_", "signature"),
    ("alg_not_allowed", "algorithm"),
    ("kid_", "key"),
    ("alg_not_of_key", "key"),
    ("issuer_", "not_for_us"),
    ("audience_", "not_for_us"),
    ("typ_", "not_for_us"),
    ("account ", "account"),
)


def outcome_of_sign_in(error: Error) -> str:
    """The outcome of `SIGN_INS` for what a sign-in was refused with; the answer outside tells less."""
    if error.code == RATE_LIMITED:
        return "throttled"
    if error.code == OVERLOADED:
        return "overloaded"
    if error.code != INVALID_CREDENTIALS:
        return "failed"
    if error.reason == "no such account":
        return "unknown_account"
    if error.reason.startswith("account disabled"):
        return "disabled"
    if error.reason in ("wrong password", "no password to match"):
        return "wrong_password"
    # Disabled, logged out everywhere or changed between the password and the session.
    return "failed" if error.reason == "the built-in client is missing" else "cut_off"


def outcome_of_registration(error: Error) -> str:
    """The outcome of `REGISTRATIONS` for what a registration was refused with."""
    return _REGISTRATION_OF_CODE.get(error.code, "failed")


def outcome_of_refresh(error: Error) -> str:
    """The outcome of `REFRESHES` for what a refresh was refused with."""
    return _REFRESH_OF_REASON.get(error.reason, "failed")


def class_of_refused_token(error: Error) -> str:
    """The class of `TOKENS_REFUSED` for what an access token, or its absence, was refused with."""
    if error.code == MISSING_TOKEN:
        return "missing"
    return next((name for start, name in _TOKEN_OF_REASON if error.reason.startswith(start)), "malformed")
