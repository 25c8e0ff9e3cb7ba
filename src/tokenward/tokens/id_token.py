"""ID tokens: who has signed in at the provider, told to one client (OpenID Connect Core 1.0 sections 2 and 3.1.3.7).

An ID token is no access token: it says nothing about what its bearer may do, and its audience is the client.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from hmac import compare_digest
from typing import Any, ClassVar, Final, Generic, Self, TypeVar, cast, overload

import msgspec

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import base64url
from tokenward.jose.claims import check_string
from tokenward.jose.jwks import JWKSet
from tokenward.jose.jws import MAX_TOKEN_BYTES
from tokenward.jose.keys import VerificationKey
from tokenward.protocol import names
from tokenward.tokens.access_token import read_names, read_time
from tokenward.tokens.key_source import AsyncKeySource, KeySource
from tokenward.tokens.typed_claims import claims_reader
from tokenward.tokens.verified_token import VerifiedToken
from tokenward.tokens.verifier import DEFAULT_LEEWAY_SECONDS, TokenVerifier

# Which hash `at_hash` and `c_hash` are made with, by the algorithm of the ID token (Core section 3.1.3.6). For an
# algorithm that is not here the check fails; another library once took an unknown one for a fit.
_HASHES: Final[dict[str, Callable[[bytes], "hashlib._Hash"]]] = {
    **dict.fromkeys(("HS256", "RS256", "PS256", "ES256", "ES256K"), hashlib.sha256),
    **dict.fromkeys(("HS384", "RS384", "PS384", "ES384"), hashlib.sha384),
    **dict.fromkeys(("HS512", "RS512", "PS512", "ES512", "EdDSA", "Ed25519"), hashlib.sha512),
}


# Events have the first; the others stand in the access tokens of this provider or that, also in those that a client got
# for itself, and in no ID token.
_OF_OTHER_KINDS: Final = (names.EVENTS, names.SCOPE, "scp", "cid", "azpacr", "appidacr", "gty")


class IDToken(VerifiedToken, frozen=True, eq=False, kw_only=True):
    """A verified ID token. Its header says `JWT` or nothing, so the claims have to tell it from other kinds.

    `exp`, `iat` and `auth_time` are whole seconds. Made by `IDTokenVerifier`.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, None})
    verified_by: ClassVar[str] = "IDTokenVerifier"
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.SUB, names.AUD, names.EXP, names.IAT)

    sub: str
    exp: int
    iat: int
    alg: str
    nonce: str | None = None
    azp: str | None = None
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    sid: str | None = None

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse the claims of an access token, of a logout token and of an event.

        Raises:
            InvalidToken: when they are.
        """
        for name in _OF_OTHER_KINDS:
            if name in claims:
                raise InvalidToken(reason="not_an_id_token", claim=name)
        # Keycloak and Cognito write the kind into the claims.
        for name, kind in (("typ", "ID"), ("token_use", "id")):
            if claims.get(name, kind) != kind:
                raise InvalidToken(reason="not_an_id_token", claim=name)

    @classmethod
    def check_audience(cls, claims: Mapping[str, Any], audience: str) -> tuple[str, ...]:
        """Check that the token was made for the client `audience`: `aud` and `azp` (Core 3.1.3.7, steps 3 to 5).

        Raises:
            InvalidToken: when it was not.
        """
        audiences = super().check_audience(claims, audience)
        if names.AZP not in claims:
            if len(audiences) > 1:
                raise InvalidToken(reason="claim_missing", claim=names.AZP)
        elif check_string(claims, names.AZP) != audience:
            raise InvalidToken(reason="authorized_party_mismatch", claim=names.AZP)
        return audiences

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token after checking that each claim that we read is what it must be.

        Raises:
            InvalidToken: when one is not.
        """
        optional = {
            name: check_string(claims, name)
            for name in (names.NONCE, names.AZP, names.ACR, names.SID)
            if name in claims
        }
        return cls(
            iss=claims[names.ISS],
            sub=check_string(claims, names.SUB),
            exp=int(claims[names.EXP]),
            iat=int(claims[names.IAT]),
            auth_time=read_time(claims, names.AUTH_TIME),
            amr=read_names(claims, names.AMR),
            _aud=aud,
            kid=key.kid,
            alg=key.alg,
            _claims=claims,
            **optional,
        )


Result = TypeVar("Result", covariant=True)
Kind = TypeVar("Kind", bound=IDToken)


class IDTokenVerifier(Generic[Result]):
    """Verifies the ID tokens that one provider makes for one client.

    Args:
        profile: `IDToken`, or the class for a provider that differs, such as `GoogleIDToken`.
        issuer: the provider, exactly as its metadata says.
        client_id: the client that asked for the token; what `aud` must have.
        keys: the keys of the provider.
        max_age_seconds: how long ago the user may have signed in, as asked for in the request; `auth_time` must be
            there then. None does not ask.

    `algorithms`, `claims`, `clock`, `leeway_seconds` and `max_token_bytes` are those of `TokenVerifier`.

    Raises:
        ConfigurationError: for a setting that is wrong or missing.
    """

    @overload
    def __init__(
        self: "IDTokenVerifier[IDToken]",
        *,
        issuer: str,
        client_id: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: None = None,
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_age_seconds: int | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: "IDTokenVerifier[Kind]",
        profile: type[Kind],
        *,
        issuer: str,
        client_id: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: None = None,
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_age_seconds: int | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        profile: type[IDToken] = ...,
        *,
        issuer: str,
        client_id: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: type[Result],
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_age_seconds: int | None = None,
    ) -> None: ...

    def __init__(
        self,
        profile: type[IDToken] = IDToken,
        *,
        issuer: str,
        client_id: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: Any = None,
        clock: Clock = SystemClock(),  # noqa: B008 - it has no state
        leeway_seconds: int = DEFAULT_LEEWAY_SECONDS,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        max_age_seconds: int | None = None,
    ) -> None:
        if max_age_seconds is not None and (type(max_age_seconds) is not int or max_age_seconds < 0):
            raise ConfigurationError("`max_age_seconds` must be a whole number of seconds, or None.")
        self._max_age_seconds = max_age_seconds
        self._leeway = leeway_seconds
        self._now = clock.now
        self._read = None if claims is None else claims_reader(claims)
        self._tokens = _SignedIDTokens(
            profile,
            issuer=issuer,
            audience=client_id,
            keys=keys,
            algorithms=algorithms,
            clock=clock,
            leeway_seconds=leeway_seconds,
            max_token_bytes=max_token_bytes,
            cache_size=0,
        )

    def verify(
        self,
        token: str | bytes,
        *,
        nonce: str | None,
        access_token: str | None = None,
        code: str | None = None,
    ) -> Result:
        """Return the ID token after every check of Core section 3.1.3.7.

        That the token is used once only is for the caller to see to, with the `nonce`.

        Args:
            token: the ID token.
            nonce: what was sent in the authentication request; None where none was, and then the token must have
                none either: it would be the answer to somebody else's request.
            access_token: the access token that came with it, when `at_hash` must be there and fit.
            code: the authorization code that came with it, when `c_hash` must be there and fit.

        Raises:
            InvalidToken: when it is refused.
            KeysUnavailable: when the keys are remote and none could be had.
        """
        return self._check(self._tokens.verify(token), nonce, access_token, code)

    async def verify_async(
        self,
        token: str | bytes,
        *,
        nonce: str | None,
        access_token: str | None = None,
        code: str | None = None,
    ) -> Result:
        """Return the ID token like `verify`, and wait for remote keys without holding up the event loop.

        Raises:
            InvalidToken: when it is refused.
            KeysUnavailable: when the keys are remote and none could be had.
        """
        return self._check(await self._tokens.verify_async(token), nonce, access_token, code)

    def _check(self, token: IDToken, nonce: str | None, access_token: str | None, code: str | None) -> Result:
        if nonce is None and token.nonce is not None:
            raise InvalidToken(reason="nonce_not_asked_for", claim=names.NONCE)
        if nonce is not None and token.nonce is None:
            raise InvalidToken(reason="claim_missing", claim=names.NONCE)
        if nonce is not None and not compare_digest(_octets(nonce), _octets(str(token.nonce))):
            raise InvalidToken(reason="nonce_mismatch", claim=names.NONCE)
        if access_token is not None:
            _check_half_hash(token, names.AT_HASH, access_token)
        if code is not None:
            _check_half_hash(token, names.C_HASH, code)
        if self._max_age_seconds is not None:
            if token.auth_time is None:
                raise InvalidToken(reason="claim_missing", claim=names.AUTH_TIME)
            if not self._now() <= token.auth_time + self._max_age_seconds + self._leeway:
                raise InvalidToken(reason="signed_in_too_long_ago", claim=names.AUTH_TIME)
        if self._read is None:
            return cast("Result", token)
        return cast("Result", self._read(msgspec.json.encode(token._claims)))


class _SignedIDTokens(TokenVerifier[IDToken]):
    """ID tokens before their nonce was looked at; nobody outside gets one."""

    _called = "IDTokenVerifier"


def _check_half_hash(token: IDToken, name: str, value: str) -> None:
    """Check that a claim is the left half of the hash of `value` (Core sections 3.1.3.8 and 3.3.2.10)."""
    made = _HASHES.get(token.alg)
    if made is None:
        raise InvalidToken(reason="hash_of_unknown_algorithm", claim=name)
    digest = made(_octets(value)).digest()
    right = base64url.encode(digest[: len(digest) // 2])
    if not compare_digest(right, _octets(check_string(token._claims, name))):
        raise InvalidToken(reason="hash_mismatch", claim=name)


def _octets(text: str) -> bytes:
    """Return the text for hashing and comparing; a code that came in JSON may have half a surrogate pair in it."""
    return text.encode(errors="surrogatepass")
