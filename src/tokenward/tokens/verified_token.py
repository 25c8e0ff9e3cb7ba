"""What every kind of verified token has, and the checks that no kind is without (RFC 8725 section 3, RFC 7519).

A profile is the class of a verified token. Its class attributes and methods say what a token must be to become one:
the media types of its header, the claims that must be there, what the audience is. An object of the class exists only
after every check was passed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NamedTuple, Self

import msgspec

from tokenward.errors import InvalidToken
from tokenward.jose.claims import check_audience, check_issuer, check_lifetime, check_times
from tokenward.jose.keys import VerificationKey
from tokenward.protocol import names

WITHOUT_END: Final = float("inf")

# `read_ordinary` takes three lists and no more members than the strict parser, 512 in all.
MAX_NAMES: Final = 160
Name = Annotated[str, msgspec.Meta(min_length=1)]

if TYPE_CHECKING:
    _NotFromJSON = Any
else:
    # No JSON value is of this type. Were it any, numbers in it could be written in fewer letters than the encoder
    # takes, and what `read_ordinary` concludes from the length of a text would not follow.
    _NotFromJSON = msgspec.UnsetType


class Expected(NamedTuple):
    """What a verifier demands of every token: the same for all of them.

    `max_lifetime_seconds` is None where the issuer alone decides how long its tokens live.
    """

    issuer: str
    audience: str
    leeway: int
    max_lifetime_seconds: int | None = None


class Window(NamedTuple):
    """From when and until when a token is good, leeway included."""

    valid_from: float
    valid_until: float


class VerifiedToken(msgspec.Struct, frozen=True, eq=False, kw_only=True, omit_defaults=True, gc=False):
    """A token that passed every check of its profile. It cannot be changed.

    `iss` and `aud` are as demanded, `kid` names the key that verified it. `claims` are all claims, read-only at every
    depth (lists became tuples). What the claims allow is for the application to decide.
    """

    types: ClassVar[frozenset[str | None]] = frozenset()
    """The media types that the header may say, in lower case without `application/`; None is a header without."""

    verified_by: ClassVar[str] = "TokenVerifier"
    """The class that verifies this kind; the one of a kind that needs more than the token itself is another."""

    required: ClassVar[tuple[str, ...]] = (names.ISS, names.AUD, names.EXP)

    iss: str
    _aud: str | Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_NAMES)] = msgspec.field(name="aud")
    # Under names that no claim has; what is set here is never read from a token.
    kid: str = msgspec.field(name=" kid", default="")
    # The claims, or the JSON text of them, which is read when somebody asks.
    _claims: _NotFromJSON = msgspec.field(name=" claims", default=msgspec.UNSET)

    @property
    def aud(self) -> tuple[str, ...]:
        """All that the token is meant for; the audience of the verifier is among it."""
        return (self._aud,) if type(self._aud) is str else tuple(self._aud)

    @property
    def claims(self) -> Mapping[str, Any]:
        """All claims, read-only at every depth (lists are tuples); a new view at each call."""
        claims = self._claims
        view: Mapping[str, Any] = _read_only(msgspec.json.decode(claims) if type(claims) is bytes else claims)
        return view

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.iss!r}>"

    @classmethod
    def of_payload(
        cls, claims: dict[str, Any], *, key: VerificationKey, expected: Expected, now: float
    ) -> tuple[Window, Self]:
        """Return the token that the claims describe, and when it is good. `key` has verified the signature before.

        Raises:
            InvalidToken: when the claims are not what the profile and the verifier demand.
        """
        cls.check_kind(claims)
        check_issuer(claims, expected.issuer)
        aud = cls.check_audience(claims, expected.audience)
        window = cls.check_window(claims, expected=expected, now=now)
        for name in cls.required:
            if name not in claims:
                raise InvalidToken(reason="claim_missing", claim=name)
        return window, cls.of_claims(claims, aud=aud, key=key)

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token; what all kinds have in common was checked before.

        Raises:
            InvalidToken: when a claim that the profile reads is not what it must be.
        """
        return cls(iss=claims[names.ISS], _aud=aud, kid=key.kid, _claims=claims)

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Check what else than `typ` shows the kind of a token; most kinds need nothing else.

        Raises:
            InvalidToken: when the claims are those of another kind.
        """

    @classmethod
    def check_audience(cls, claims: Mapping[str, Any], audience: str) -> tuple[str, ...]:
        """Check that the token is meant for `audience`, and return all that it is meant for.

        Raises:
            InvalidToken: when it is not.
        """
        return check_audience(claims, audience)

    @classmethod
    def check_window(cls, claims: Mapping[str, Any], *, expected: Expected, now: float) -> Window:
        """Check that the token is good now, and return from when and until when it is.

        Raises:
            InvalidToken: when it is not, or lives longer than the verifier allows.
        """
        if expected.max_lifetime_seconds is not None:
            check_lifetime(claims, expected.max_lifetime_seconds)
        return Window(*check_times(claims, now=now, leeway=expected.leeway))


def _read_only(value: Any) -> Any:
    """Return a view that cannot be changed: one verified token is handed to many requests."""
    if type(value) is dict:
        return MappingProxyType({name: _read_only(member) for name, member in value.items()})
    if type(value) is list:
        return tuple(_read_only(member) for member in value)
    return value
