"""Right uses, and the types that they have: mypy and pyright pass this file as it is. Nothing here is ever run."""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, assert_type

import httpx
import msgspec

from tokenward.client import (
    FileTokenStore,
    Issuer,
    KeyringTokenStore,
    MemoryTokenStore,
    PasswordSignIn,
    SignIn,
    TokenAuth,
    TokenKey,
    TokenSet,
    TokenStore,
    TokenwardClient,
    default_store,
)
from tokenward.jose import (
    JWS,
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    JWKSet,
    OKPPrivateKey,
    OKPPublicKey,
    PrivateKey,
    PublicKey,
    RSAPrivateKey,
    RSAPublicKey,
    SigningKey,
    VerificationKey,
    generate,
    import_jwk,
    import_private_jwk,
    import_public_key,
    sign,
    sign_compact,
    verify_compact,
)
from tokenward.tokens import (
    AccessToken,
    AsyncRemoteJWKSet,
    Auth0AccessToken,
    ClientAssertion,
    CognitoAccessToken,
    Custom,
    CustomToken,
    DPoPProof,
    DPoPProofVerifier,
    EntraAccessToken,
    GoogleIDToken,
    IDToken,
    IDTokenVerifier,
    Issuers,
    KeycloakAccessToken,
    LogoutToken,
    OktaAccessToken,
    RemoteJWKSet,
    SecurityEventToken,
    TokenVerifier,
    VerifiedToken,
)


@dataclass(frozen=True)
class Person:
    sub: str
    email: str | None = None


class Invitation(TypedDict):
    sub: str
    team: NotRequired[list[str]]


class Job(msgspec.Struct):
    sub: str
    steps: list[int] = []


def keys(secret: bytes, jwk: dict[str, Any]) -> None:
    assert_type(HMACKey(secret), HMACKey)
    assert_type(HMACKey(secret, alg="HS512", kid="a"), HMACKey)
    assert_type(generate("HS256"), HMACKey)
    assert_type(generate("ES256"), PrivateKey)
    assert_type(generate("ES256").public_key(), PublicKey)
    assert_type(generate(str(jwk["alg"])), SigningKey)
    assert_type(import_private_jwk(jwk), SigningKey)
    assert_type(import_jwk(jwk, alg="RS256"), VerificationKey)
    assert_type(import_public_key(secret), PublicKey)
    assert_type(import_public_key("text", alg="PS256", kid="a"), PublicKey)


def pairs(rsa: RSAPrivateKey, ec: ECPrivateKey, okp: OKPPrivateKey, some: SigningKey) -> JWKSet:
    assert_type(rsa.public_key(), RSAPublicKey)
    assert_type(ec.public_key(), ECPublicKey)
    assert_type(okp.public_key(), OKPPublicKey)
    assert_type(rsa.sign(b""), bytes)
    # What any of them can do is known once it is known that it has a public half.
    if isinstance(some, PrivateKey):
        return JWKSet([some.public_key()])
    return JWKSet([rsa.public_key(), ec.public_key()])


def secrets(key: HMACKey) -> JWKSet:
    key.verify(b"", key.sign(b""))
    return JWKSet([key])


def compact(keys: JWKSet, key: SigningKey) -> None:
    assert_type(sign({"sub": "ada"}, key, typ="invite+jwt"), str)
    assert_type(sign_compact({"typ": "x"}, b"payload", key), str)
    verified = verify_compact("token", keys, algorithms=["ES256"])
    assert_type(verified, JWS)
    assert_type(verified.payload, bytes)
    assert_type(verified.key, VerificationKey)


def an_access_token(keys: JWKSet) -> None:
    verifier = TokenVerifier(issuer="https://a.example", audience="api", keys=keys)
    assert_type(verifier, TokenVerifier[AccessToken])
    token = verifier.verify("token")
    assert_type(token, AccessToken)
    assert_type(token.sub, str)
    assert_type(token.scope, frozenset[str])
    assert_type(token.aud, tuple[str, ...])
    assert_type(token.exp, int)
    assert_type(token.sid, str | None)
    assert_type(token.roles, tuple[str, ...])


async def asynchronous(keys: AsyncRemoteJWKSet) -> None:
    verifier = TokenVerifier(LogoutToken, issuer="https://a.example", audience="api", keys=keys)
    assert_type(await verifier.verify_async(b"token"), LogoutToken)


def remote() -> None:
    found = RemoteJWKSet.discover("https://a.example")
    assert_type(found, RemoteJWKSet)
    TokenVerifier(issuer="https://a.example", audience="api", keys=found)
    TokenVerifier(
        issuer="https://a.example", audience="api", keys=RemoteJWKSet("https://a.example/jwks.json")
    )


def profiles(keys: JWKSet) -> None:
    issuer = "https://a.example"
    assert_type(
        TokenVerifier(AccessToken, issuer=issuer, audience="a", keys=keys), TokenVerifier[AccessToken]
    )
    assert_type(
        TokenVerifier(LogoutToken, issuer=issuer, audience="a", keys=keys), TokenVerifier[LogoutToken]
    )
    assertion = TokenVerifier(ClientAssertion, issuer=issuer, audience="a", keys=keys)
    assert_type(assertion.verify("token"), ClientAssertion)
    event = TokenVerifier(SecurityEventToken, issuer=issuer, audience="a", keys=keys)
    assert_type(event.verify("token"), SecurityEventToken)
    auth0 = TokenVerifier(Auth0AccessToken, issuer=issuer, audience="a", keys=keys)
    assert_type(auth0.verify("token"), Auth0AccessToken)
    keycloak = TokenVerifier(KeycloakAccessToken, issuer=issuer, audience="a", keys=keys)
    assert_type(keycloak.verify("token"), KeycloakAccessToken)
    cognito = TokenVerifier(CognitoAccessToken, issuer=issuer, audience="a", keys=keys)
    assert_type(cognito.verify("token"), CognitoAccessToken)
    entra = TokenVerifier(EntraAccessToken, issuer=issuer, audience="a", keys=keys)
    assert_type(entra.verify("token"), EntraAccessToken)
    okta = TokenVerifier(OktaAccessToken, issuer=issuer, audience="a", keys=keys)
    assert_type(okta.verify("token"), OktaAccessToken)
    custom = TokenVerifier(Custom(typ="invite+jwt"), issuer=issuer, audience="a", keys=keys)
    assert_type(custom, TokenVerifier[CustomToken])
    assert_type(custom.verify("token"), CustomToken)


def id_tokens(keys: JWKSet) -> None:
    plain = IDTokenVerifier(issuer="https://a.example", client_id="a", keys=keys)
    assert_type(plain.verify("token", nonce="n"), IDToken)
    google = IDTokenVerifier(GoogleIDToken, issuer="https://a.example", client_id="a", keys=keys)
    assert_type(google.verify("token", nonce=None, access_token="a", code="c"), GoogleIDToken)
    typed = IDTokenVerifier(issuer="https://a.example", client_id="a", keys=keys, claims=Person)
    assert_type(typed.verify("token", nonce="n"), Person)


def typed_claims(keys: JWKSet) -> None:
    issuer = "https://a.example"
    person = TokenVerifier(issuer=issuer, audience="a", keys=keys, claims=Person)
    assert_type(person, TokenVerifier[Person])
    assert_type(person.verify("token").email, str | None)
    invitation = TokenVerifier(
        Custom(typ="invite+jwt"), issuer=issuer, audience="a", keys=keys, claims=Invitation
    )
    assert_type(invitation, TokenVerifier[Invitation])
    assert_type(invitation.verify("token")["sub"], str)
    job = TokenVerifier(SecurityEventToken, issuer=issuer, audience="a", keys=keys, claims=Job)
    assert_type(job, TokenVerifier[Job])
    assert_type(job.verify("token").steps, list[int])


def issuers(first: TokenVerifier[AccessToken], second: TokenVerifier[AccessToken]) -> None:
    both = Issuers([first, second])
    assert_type(both, Issuers[AccessToken])
    assert_type(both.verify("token"), AccessToken)


def issuers_of_different_providers(keys: JWKSet) -> None:
    auth0 = TokenVerifier(
        Auth0AccessToken, issuer="https://a.example", audience="a", keys=keys, claims=Person
    )
    entra = TokenVerifier(
        EntraAccessToken, issuer="https://b.example", audience="a", keys=keys, claims=Person
    )
    assert_type(Issuers([auth0, entra]).verify("token"), Person)


def issuers_of_different_kinds(
    first: TokenVerifier[Auth0AccessToken], second: TokenVerifier[EntraAccessToken]
) -> None:
    both = Issuers[Auth0AccessToken | EntraAccessToken]([first, second])
    assert_type(both.verify("token"), Auth0AccessToken | EntraAccessToken)


def proofs() -> None:
    assert_type(DPoPProofVerifier().verify("proof", method="GET", url="https://a.example"), DPoPProof)


async def clients(tokens: TokenSet) -> None:
    client = TokenwardClient("https://a.example", store=MemoryTokenStore(), account="work")
    assert_type(client.access_token(), str)
    assert_type(await client.access_token_async(), str)
    assert_type(client.seconds_left, int)
    async with httpx.AsyncClient(auth=TokenAuth(client, origins=["https://b.example"])) as api:
        assert_type(await api.get("https://b.example"), httpx.Response)
    assert_type(httpx.Client(auth=TokenAuth(client)), httpx.Client)
    assert_type(tokens.expires_in, int)


def stores_and_ways_of_signing_in(client: TokenwardClient, tokens: TokenSet) -> None:
    class Given:
        def obtain(self, issuer: Issuer) -> TokenSet:
            return tokens

    ways: list[SignIn] = [PasswordSignIn("ada", "password"), Given()]
    client.sign_in(ways[0])
    stores: list[TokenStore] = [MemoryTokenStore(), FileTokenStore(), KeyringTokenStore(), default_store()]
    for store in stores:
        with store.locked(TokenKey("https://a.example", "work"), 1.5):
            assert_type(store.load(TokenKey("https://a.example", "work")), TokenSet | None)


def any_token(token: VerifiedToken) -> None:
    assert_type(token.iss, str)
    assert_type(token.kid, str)
