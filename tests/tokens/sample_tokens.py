"""One good token of every kind, with the claims that the real providers write.

All have the same issuer, the same key and the same audience, and the client is that audience too. So whatever one of
them is refused for by another profile, it is its kind.
"""

from typing import Any, Final, NamedTuple

import msgspec
from tests.tokens.forge import ABSENT, NOW, key, public, seal

from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, SigningKey
from tokenward.tokens import (
    AccessToken,
    Auth0AccessToken,
    ClientAssertion,
    CognitoAccessToken,
    Custom,
    DPoPProof,
    DPoPProofVerifier,
    EntraAccessToken,
    GoogleIDToken,
    IDToken,
    IDTokenVerifier,
    InsecureUntypedAccessToken,
    InsecureUntypedClientAssertion,
    InsecureUntypedLogoutToken,
    KeycloakAccessToken,
    LogoutToken,
    OktaAccessToken,
    SecurityEventToken,
    TokenVerifier,
    VerifiedToken,
)

TENANT: Final = "0f3b6c1e-6d5e-4b7a-9c1f-2a7d1e5b8c90"
ISSUER: Final = f"https://id.example/{TENANT}/v2.0"
AUDIENCE: Final = "2f9e1c7a-api"
METHOD, URL = "GET", "https://api.example/things"
NONCE: Final = "n-0S6_WzA2Mj"
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
INVITE: Final = Custom(typ="invite+jwt", required=["sub"])
RESET: Final = Custom(typ="password-reset+jwt", required=["sub"])

Profile = type[VerifiedToken] | type[DPoPProof] | Custom

PROFILES: Final[dict[str, Profile]] = {
    "AccessToken": AccessToken,
    "InsecureUntypedAccessToken": InsecureUntypedAccessToken,
    "Auth0AccessToken": Auth0AccessToken,
    "KeycloakAccessToken": KeycloakAccessToken,
    "CognitoAccessToken": CognitoAccessToken,
    "EntraAccessToken": EntraAccessToken,
    "OktaAccessToken": OktaAccessToken,
    "IDToken": IDToken,
    "GoogleIDToken": GoogleIDToken,
    "LogoutToken": LogoutToken,
    "SecurityEventToken": SecurityEventToken,
    "ClientAssertion": ClientAssertion,
    "InsecureUntypedClientAssertion": InsecureUntypedClientAssertion,
    "InsecureUntypedLogoutToken": InsecureUntypedLogoutToken,
    "DPoPProof": DPoPProof,
    "Custom invite+jwt": INVITE,
    "Custom password-reset+jwt": RESET,
}


class Sample(NamedTuple):
    """A good token: the profile that it is of, by its name in `PROFILES`, its `typ`, and its claims."""

    profile: str
    typ: Any
    claims: dict[str, Any]


def _timed(**more: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "iat": NOW - 1, "exp": NOW + 900, **more}


_KEYCLOAK: Final = _timed(
    auth_time=NOW - 2,
    jti="onrtac:4e7f9a0b-12a4-4d0e-9d6b-3f1f0e1c2b3a",
    sub="c0ffee00-8d6c-4f0e-8a1b-5d2f3e4c5b6a",
    azp=AUDIENCE,
    sid="b1a2c3d4-0000-4000-8000-123456789abc",
    acr="1",
)
_ENTRA: Final = _timed(
    aud=AUDIENCE,
    nbf=NOW - 1,
    aio="AXQAi/8WAAAAabc=",
    name="Ada Lovelace",
    oid="7d9f0c1b-4a5e-4c2d-8f7e-1a2b3c4d5e6f",
    rh="1.AX0A.",
    sub="AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    tid=TENANT,
    uti="fqiBqXLPj0eQa82S-IYFAA",
)
_ID_TOKEN: Final = _timed(
    sub="248289761001",
    aud=AUDIENCE,
    azp=AUDIENCE,
    nonce=NONCE,
    at_hash="77QmUPtjPfzWtF2AnpK9RQ",
    c_hash="LDktKdoQak3Pk0cnXxCltA",
    auth_time=NOW - 5,
    acr="urn:mace:incommon:iap:silver",
    amr=["pwd", "otp"],
    sid="08a5019c-17e1-4977-8f42-65a12843ea02",
    email="ada@example.com",
)

SAMPLES: Final[dict[str, Sample]] = {
    "RFC 9068": Sample(
        "AccessToken",
        "at+jwt",
        _timed(
            sub="5ba552d67",
            aud=AUDIENCE,
            client_id=AUDIENCE,
            jti="dbe39bf3a3ba4238a513f51d6e1691c4",
            scope="openid profile reademail",
            auth_time=NOW - 9,
            acr="1",
            amr=["pwd"],
            roles=["reader"],
        ),
    ),
    "untyped": Sample(
        "InsecureUntypedAccessToken", "JWT", _timed(sub="ada", aud=AUDIENCE, client_id=AUDIENCE, scope="read")
    ),
    "Auth0": Sample(
        "Auth0AccessToken",
        "JWT",
        _timed(
            sub="auth0|65f1c0ffee1234567890abcd",
            aud=[AUDIENCE, "https://example.eu.auth0.com/userinfo"],
            scope="openid profile email read:things",
            azp=AUDIENCE,
            permissions=["read:things"],
        ),
    ),
    "Auth0 machine": Sample(
        "Auth0AccessToken",
        "JWT",
        _timed(
            sub=f"{AUDIENCE}@clients", aud=AUDIENCE, azp=AUDIENCE, gty="client-credentials", permissions=[]
        ),
    ),
    "Auth0 RFC 9068": Sample(
        "Auth0AccessToken",
        "at+jwt",
        _timed(sub="auth0|65f1c0", aud=AUDIENCE, client_id=AUDIENCE, jti="pPVWZ1", scope="read:things"),
    ),
    "Keycloak": Sample(
        "KeycloakAccessToken",
        "JWT",
        {
            **_KEYCLOAK,
            "aud": [AUDIENCE, "account"],
            "typ": "Bearer",
            "allowed-origins": ["https://app.example"],
            "realm_access": {"roles": ["offline_access", "reader"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "scope": "openid email profile",
            "email_verified": True,
            "preferred_username": "ada",
        },
    ),
    "Cognito": Sample(
        "CognitoAccessToken",
        ABSENT,
        _timed(
            sub="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            client_id=AUDIENCE,
            origin_jti="11111111-2222",
            event_id="33333333-4444",
            token_use="access",
            scope="aws.cognito.signin.user.admin openid",
            auth_time=NOW - 3,
            jti="55555555-6666",
            username="ada",
            **{"cognito:groups": ["readers"]},
        ),
    ),
    "Entra v1": Sample(
        "EntraAccessToken",
        "JWT",
        {
            **_ENTRA,
            "acr": "1",
            "amr": ["pwd", "mfa"],
            "appid": AUDIENCE,
            "appidacr": "1",
            "ipaddr": "192.0.2.1",
            "scp": "access_as_user",
            "upn": "ada@example.com",
            "ver": "1.0",
        },
    ),
    "Entra v2": Sample(
        "EntraAccessToken",
        "JWT",
        {
            **_ENTRA,
            "azp": AUDIENCE,
            "azpacr": "1",
            "preferred_username": "ada@example.com",
            "roles": ["Reader"],
            "scp": "access_as_user Things.Read",
            "ver": "2.0",
        },
    ),
    "Entra machine": Sample(
        "EntraAccessToken",
        "JWT",
        {
            **_ENTRA,
            "azp": AUDIENCE,
            "azpacr": "1",
            "idtyp": "app",
            "roles": ["Things.Read.All"],
            "ver": "2.0",
        },
    ),
    "Okta": Sample(
        "OktaAccessToken",
        ABSENT,
        _timed(
            ver=1,
            jti="AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            aud=AUDIENCE,
            cid=AUDIENCE,
            uid="00uid4BxXw6I6TV4m0g3",
            scp=["openid", "things.read"],
            auth_time=NOW - 4,
            sub="ada@example.com",
            groups=["readers"],
        ),
    ),
    "ID token": Sample("IDToken", "JWT", _ID_TOKEN),
    "ID token after a refresh": Sample(
        "IDToken", ABSENT, _timed(sub="auth0|65f1c0", aud=AUDIENCE, sid="s-1")
    ),
    "ID token of Keycloak": Sample(
        "IDToken", "JWT", {**_KEYCLOAK, "aud": AUDIENCE, "typ": "ID", "email_verified": True}
    ),
    "ID token of Cognito": Sample(
        "IDToken",
        ABSENT,
        _timed(sub="aaaaaaaa-bbbb", aud=AUDIENCE, token_use="id", event_id="e", jti="j", origin_jti="o"),
    ),
    "ID token of Entra": Sample(
        "IDToken", "JWT", {**_ENTRA, "preferred_username": "ada@example.com", "ver": "2.0"}
    ),
    "ID token of Google": Sample(
        "GoogleIDToken",
        "JWT",
        _timed(
            azp=f"android-{AUDIENCE}",
            aud=AUDIENCE,
            sub="110169484474386276334",
            email="ada@example.com",
            email_verified=True,
            hd="example.com",
        ),
    ),
    "logout token": Sample(
        "LogoutToken",
        "logout+jwt",
        _timed(aud=AUDIENCE, sub="248289761001", sid="08a5019c", jti="bWJq", events={LOGOUT_EVENT: {}}),
    ),
    "untyped logout token": Sample(
        "InsecureUntypedLogoutToken",
        "JWT",
        _timed(aud=AUDIENCE, sub="248289761001", sid="08a5019c", jti="bWJq", events={LOGOUT_EVENT: {}}),
    ),
    "security event": Sample(
        "SecurityEventToken",
        "secevent+jwt",
        {
            "iss": ISSUER,
            "iat": NOW - 1,
            "aud": [AUDIENCE, "https://other.example"],
            "jti": "4d3559ec67504aaba65d40b0363faad8",
            "sub_id": {"format": "opaque", "id": "248289761001"},
            "events": {
                "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {
                    "reason": "hijacking"
                }
            },
        },
    ),
    "client assertion": Sample(
        "ClientAssertion", "client-authentication+jwt", _timed(sub=ISSUER, aud=AUDIENCE, jti="jti-1")
    ),
    "untyped client assertion": Sample(
        "InsecureUntypedClientAssertion", ABSENT, _timed(sub=ISSUER, aud=AUDIENCE, jti="jti-1")
    ),
    "DPoP proof": Sample(
        "DPoPProof",
        "dpop+jwt",
        # What the rest of a token needs is there too, so that only the kind can be at fault.
        _timed(sub="s", aud=AUDIENCE, client_id=AUDIENCE, jti="-BwC3ESc6acc2lTc", htm=METHOD, htu=URL),
    ),
    "invitation": Sample("Custom invite+jwt", "invite+jwt", _timed(sub="ada@example.com", aud=AUDIENCE)),
    "password reset": Sample(
        "Custom password-reset+jwt", "password-reset+jwt", _timed(sub="ada@example.com", aud=AUDIENCE)
    ),
}


def sealed(sample: Sample, signing: SigningKey | None = None, /, **changes: Any) -> str:
    """Return the token of a sample with some claims changed, or left out with `ABSENT`."""
    signing = signing or key()
    claims = {name: value for name, value in (sample.claims | changes).items() if value is not ABSENT}
    return seal(head(sample, signing), msgspec.json.encode(claims), signing)


def head(sample: Sample, signing: SigningKey) -> dict[str, Any]:
    """Return the header of a sample."""
    header: dict[str, Any] = {"alg": signing.alg, "kid": signing.kid}
    if sample.typ is not ABSENT:
        header["typ"] = sample.typ
    if sample.profile == "DPoPProof":
        header["jwk"] = {name: value for name, value in public_jwk(signing).items() if name != "kid"}
    return header


def public_jwk(signing: SigningKey) -> dict[str, Any]:
    """Return the public JWK of a key that signs."""
    jwk: dict[str, Any] = msgspec.json.decode(JWKSet([public(signing)]).to_json())["keys"][0]
    return jwk


def profile_verifier(profile: str, /, **settings: Any) -> TokenVerifier[Any]:
    """Return the verifier of a profile, by its name in `PROFILES`; for all but ID tokens and proofs."""
    defaults: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": JWKSet([public(key())]),
        "clock": FakeClock(NOW),
        "leeway_seconds": 0,
    }
    made: TokenVerifier[Any] = TokenVerifier(**({"profile": PROFILES[profile]} | defaults | settings))
    return made


def id_token_verifier(profile: type[IDToken] = IDToken, /, **settings: Any) -> IDTokenVerifier[Any]:
    """Return the verifier of ID tokens."""
    defaults: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": AUDIENCE,
        "keys": JWKSet([public(key())]),
        "clock": FakeClock(NOW),
        "leeway_seconds": 0,
    }
    made: IDTokenVerifier[Any] = IDTokenVerifier(profile, **(defaults | settings))
    return made


def verified_as(profile: str, text: str | bytes, *, nonce: str | None = None) -> Any:
    """Return what a profile makes of a token, each with the call that verifies its kind.

    Raises:
        InvalidToken: when it is refused.
    """
    kind = PROFILES[profile]
    if kind is DPoPProof:
        return DPoPProofVerifier(clock=FakeClock(NOW)).verify(text, method=METHOD, url=URL)
    if isinstance(kind, type) and issubclass(kind, IDToken):
        return id_token_verifier(kind).verify(text, nonce=nonce)
    return profile_verifier(profile).verify(text)


def refusal(profile: str, text: str | bytes, *, nonce: str | None = None) -> InvalidToken | None:
    """Return why a profile refuses a token, or None where it takes it."""
    try:
        verified_as(profile, text, nonce=nonce)
    except InvalidToken as error:
        return error
    return None
