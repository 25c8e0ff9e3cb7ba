"""Mistakes that do not type-check: each line is refused by mypy and by pyright. Nothing here is ever run.

The comments say which error is expected. An error that is not there any more fails the test, because both are told to
report a comment that nothing needs.
"""

from typing import Any

import msgspec

from tokenward.client import PasswordSignIn, TokenAuth, TokenSet, TokenwardClient
from tokenward.jose import (
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    JWKSet,
    PublicKey,
    SigningKey,
    import_public_key,
    sign,
    verify_compact,
)
from tokenward.tokens import (
    AccessToken,
    Custom,
    DPoPProofVerifier,
    IDToken,
    IDTokenVerifier,
    Issuers,
    LogoutToken,
    TokenVerifier,
)

ISSUER = "https://a.example"
AUDIENCE = "api"


class Claims(msgspec.Struct):
    sub: str


def a_public_key_does_not_sign(key: PublicKey, ec: ECPublicKey, pem: bytes) -> None:
    key.sign(b"")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    ec.sign(b"")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    found = import_public_key(pem)
    found.sign(b"")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    sign({}, key, typ="a+jwt")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_token_is_signed_as_a_kind(key: SigningKey) -> None:
    sign({}, key)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_secret_is_bytes_and_has_no_public_half(key: HMACKey) -> None:
    HMACKey("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    key.public_key()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    key.to_jwk()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def a_private_key_is_not_published(key: ECPrivateKey, some: SigningKey) -> None:
    JWKSet([key])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    JWKSet([some])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    key.to_jwk()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def nothing_is_verified_with_text_or_bytes(pem: bytes, keys: JWKSet, key: PublicKey) -> None:
    verify_compact("t", "secret", algorithms=["HS256"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verify_compact("t", pem, algorithms=["RS256"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verify_compact("t", key, algorithms=["RS256"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    key.verify("text", b"")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def algorithms_are_named(keys: JWKSet) -> None:
    verify_compact("t", keys)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_verifier_takes_no_text_as_keys(pem: bytes, key: PublicKey) -> None:
    TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys="secret")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=pem)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=key)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=[key])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def issuer_audience_and_keys_are_demanded(keys: JWKSet) -> None:
    TokenVerifier(audience=AUDIENCE, keys=keys)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    TokenVerifier(issuer=ISSUER, keys=keys)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    TokenVerifier(issuer=ISSUER, audience=AUDIENCE)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    TokenVerifier(issuer=None, audience=AUDIENCE, keys=keys)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    TokenVerifier(issuer=ISSUER, audience=None, keys=keys)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def there_is_no_switch_that_turns_a_check_off(keys: JWKSet) -> None:
    TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=keys, verify_exp=False)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def a_profile_is_a_kind_of_token(keys: JWKSet) -> None:
    TokenVerifier("at+jwt", issuer=ISSUER, audience=AUDIENCE, keys=keys)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    TokenVerifier(Claims, issuer=ISSUER, audience=AUDIENCE, keys=keys)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    Custom("invite+jwt")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_token_of_one_kind_is_not_taken_for_another(logout: TokenVerifier[LogoutToken], keys: JWKSet) -> None:
    access: TokenVerifier[AccessToken] = logout  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    token: AccessToken = logout.verify("t")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    typed = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=keys, claims=Claims)
    _guard(typed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Issuers[AccessToken]([logout])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    _use(access, token)


def a_member_that_is_not_there_is_not_read(
    access: TokenVerifier[AccessToken], typed: TokenVerifier[Claims]
) -> None:
    access.verify("t").subject  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
    access.verify("t").nonce  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
    typed.verify("t").scope  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018


def a_verified_token_is_not_changed(token: AccessToken) -> None:
    token.sub = "eve"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    token.claims["sub"] = "eve"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


def an_id_token_is_verified_with_its_nonce(keys: JWKSet, verifier: IDTokenVerifier[IDToken]) -> None:
    verifier.verify("t")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    IDTokenVerifier(issuer=ISSUER, keys=keys)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    IDTokenVerifier(AccessToken, issuer=ISSUER, client_id="a", keys=keys)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def a_proof_is_verified_for_one_request() -> None:
    DPoPProofVerifier().verify("p", method="GET")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_client_is_told_everything_by_its_name(client: TokenwardClient, tokens: TokenSet) -> None:
    TokenwardClient("https://a.example", "work")  # type: ignore[call-arg,arg-type]  # pyright: ignore[reportCallIssue]
    TokenwardClient("https://a.example", store="file")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TokenAuth(client, ["https://b.example"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TokenAuth("https://a.example")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.sign_in("ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    PasswordSignIn("ada")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tokens.expires_in = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def _guard(verifier: TokenVerifier[AccessToken]) -> None: ...


def _use(*_: Any) -> None: ...
