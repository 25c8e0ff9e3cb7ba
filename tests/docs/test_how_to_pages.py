"""The pages about tokens: every Python block is run, and every refusal that a page tells of is provoked."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.docs.pages import ROOT, blocks
from tests.docs.providers import (
    ABSENT,
    AUDIENCE,
    AUTH0,
    COGNITO,
    ENTRA,
    GOOGLE,
    ISSUER,
    KEYCLOAK,
    NONCE,
    OKTA,
    TENANT,
    Provider,
    access_claims,
    new_key,
    now,
    reason_of,
    signed,
    with_wrong_signature,
)
from tests.docs.python_blocks import run_page

from tokenward.jose import ECPrivateKey, HMACKey, JWKSet
from tokenward.tokens import KeysUnavailable, TokenVerifier


class Page(NamedTuple):
    """A page about a provider, and for each reason that it names a token that is refused so."""

    name: str
    provider: Provider
    given: Callable[[], dict[str, Any]] = dict
    refused: Mapping[str, Callable[[], str]] = {}

    @property
    def path(self) -> str:
        return f"docs/how-to/verify-{self.name}-tokens.md"

    def run(self, **metadata: Any) -> dict[str, Any]:
        documents = self.provider.documents(**metadata)
        return run_page(self.path, documents, text=self.provider.token(), **self.given())


def _of_version_1() -> str:
    return ENTRA.token(
        iss=f"https://sts.windows.net/{TENANT}/",
        aud="api://11112222-bbbb-3333-cccc-4444dddd5555",
        ver="1.0",
        azp=ABSENT,
        azpacr=ABSENT,
        appid="00001111-aaaa-2222-bbbb-3333cccc4444",
        appidacr="1",
    )


_PAGES = [
    Page(
        "auth0",
        AUTH0,
        refused={
            "not_three_segments": lambda: "wqJYz9Yk4sYvJ0vQvXWmYl9nPn1gYv0G",
            "audience_mismatch": lambda: AUTH0.token(aud="https://api.example.com/"),
            "issuer_mismatch": lambda: AUTH0.token(iss="https://login.example.com/"),
            "not_an_access_token": lambda: AUTH0.token(
                aud="K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", azp=ABSENT, scope=ABSENT, permissions=ABSENT, sid="s"
            ),
            "alg_not_allowed": lambda: AUTH0.token(key=HMACKey.generate()),
            "expired": lambda: AUTH0.token(exp=now() - 11),
        },
    ),
    Page(
        "keycloak",
        KEYCLOAK,
        refused={
            "audience_mismatch": lambda: KEYCLOAK.token(aud="account"),
            "claim_missing": lambda: KEYCLOAK.token(sub=ABSENT),
            "not_an_access_token": lambda: KEYCLOAK.token(typ="ID"),
            "issuer_mismatch": lambda: KEYCLOAK.token(iss="http://keycloak:8080/realms/shop"),
            "metadata_issuer_mismatch": KEYCLOAK.token,
            "kid_unknown": lambda: KEYCLOAK.token(header={"typ": "JWT", "kid": "another"}),
            "expired": lambda: KEYCLOAK.token(exp=now() - 11),
        },
    ),
    Page(
        "cognito",
        COGNITO,
        given=lambda: {"text_of_another_app": COGNITO.token(client_id="3example45678901")},
        refused={
            "not_an_access_token": lambda: COGNITO.token(
                token_use="id", client_id=ABSENT, scope=ABSENT, aud="1example23456789"
            ),
            "audience_mismatch": lambda: COGNITO.token(client_id="2example34567890"),
            "issuer_mismatch": lambda: COGNITO.token(iss=COGNITO.issuer + "2"),
            "expired": lambda: COGNITO.token(exp=now() - 11),
        },
    ),
    Page(
        "entra",
        ENTRA,
        given=lambda: {"text_of_version_1": _of_version_1()},
        refused={
            "issuer_mismatch": _of_version_1,
            "audience_mismatch": lambda: ENTRA.token(aud="api://11112222-bbbb-3333-cccc-4444dddd5555"),
            "signature_invalid": lambda: with_wrong_signature(
                ENTRA.token(header={"typ": "JWT", "nonce": "x"}, aud="00000003-0000-0000-c000-000000000000")
            ),
            "not_an_access_token": lambda: ENTRA.token(azp=ABSENT, azpacr=ABSENT, scp=ABSENT),
            "expired": lambda: ENTRA.token(exp=now() - 11),
        },
    ),
    Page(
        "okta",
        OKTA,
        refused={
            "issuer_mismatch": lambda: OKTA.token(iss="https://example.okta.com"),
            "audience_mismatch": lambda: OKTA.token(aud="https://api.example.com"),
            "not_an_access_token": lambda: OKTA.token(
                aud="0oabucvyc38HLL1ef0h7", cid=ABSENT, uid=ABSENT, scp=ABSENT, at_hash="x", idp="y"
            ),
            "expired": lambda: OKTA.token(exp=now() - 11),
        },
    ),
    Page(
        "google",
        GOOGLE,
        given=lambda: {
            "nonce": NONCE,
            "text_of_the_other_spelling": GOOGLE.token(iss="accounts.google.com"),
        },
        refused={
            "audience_mismatch": lambda: GOOGLE.token(aud="987-phone.apps.googleusercontent.com"),
            "issuer_mismatch": lambda: GOOGLE.token(iss="accounts.google.com"),
            "nonce_mismatch": lambda: GOOGLE.token(nonce="another"),
            "nonce_not_asked_for": GOOGLE.token,
            "not_three_segments": lambda: "ya29.a0AfB_byC",
            "expired": lambda: GOOGLE.token(exp=now() - 11),
        },
    ),
]
_NAMES = [page.name for page in _PAGES]


def _reasons(path: str) -> list[str]:
    """The reasons in the first column of a table."""
    lines = (ROOT / path).read_text().splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `") and "`reason`" not in line]
    return [reason for cell in cells for reason in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize("page", _PAGES, ids=_NAMES)
def test_the_blocks_of_a_page_about_a_provider_do_what_they_say(page: Page) -> None:
    assert len(blocks(page.path, "python")) >= 3
    assert page.run()["TRANSPORT"].asked[1] == page.provider.jwks_uri


@pytest.mark.parametrize("page", _PAGES, ids=_NAMES)
def test_every_reason_that_a_page_names_is_the_one_that_comes(page: Page) -> None:
    assert sorted(_reasons(page.path)) == sorted(page.refused)
    verifier = page.run()["verifier"]
    for reason, token in page.refused.items():
        if reason == "metadata_issuer_mismatch":
            continue
        nonce = {"nonce": None if reason == "nonce_not_asked_for" else NONCE}
        verify = partial(verifier.verify, token(), **(nonce if page.provider is GOOGLE else {}))
        assert reason_of(verify) == reason


def test_keys_of_a_keycloak_with_another_name_are_not_taken() -> None:
    (page,) = [page for page in _PAGES if page.provider is KEYCLOAK]
    with pytest.raises(KeysUnavailable) as caught:
        page.run(issuer="http://keycloak:8080/realms/shop")
    assert caught.value.reason.startswith("metadata_issuer_mismatch: ")


@pytest.mark.parametrize("profile", ["RFC 9068", "client"])
def test_both_profiles_of_auth0_and_tokens_of_clients_verify(profile: str) -> None:
    verifier = _PAGES[0].run()["verifier"]
    token = (
        AUTH0.token(header={"typ": "at+jwt"}, azp=ABSENT, client_id="c", jti="j")
        if profile == "RFC 9068"
        else AUTH0.token(
            azp="c", sub="c@clients", gty="client-credentials", aud="https://api.example.com", jti="j"
        )
    )
    assert (verifier.verify(token).client_id, verifier.verify(token).jti) == ("c", "j")


def test_the_general_page_does_what_it_says() -> None:
    native = generate_private_key(SECP256R1())
    key = ECPrivateKey(native)
    keys = {"keys": [key.public_key().to_jwk()]}
    documents: dict[str, Mapping[str, Any]] = {"https://keys.example/jwks": keys}
    for issuer in (ISSUER, "https://login.partner.example"):
        documents[f"{issuer}/.well-known/openid-configuration"] = {
            "issuer": issuer,
            "jwks_uri": "https://keys.example/jwks",
        }
    page = run_page(
        "docs/how-to/verify-tokens.md",
        documents,
        text=signed(key, access_claims()),
        text_without_tenant=signed(key, access_claims(tenant=ABSENT)),
        text_of_a_stranger=signed(key, access_claims(iss="https://evil.example.com")),
        jwks_json=json.dumps(keys).encode(),
        pem=native.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        kid=key.kid,
    )
    for name in ("fixed", "with_pem"):
        assert page[name].verify(page["text"]).sub == "usr_nQ4bJm0m1h8X4v7sXyM1Zw"
    without_scope = page["answer"]([b"Bearer " + signed(key, access_claims(scope=ABSENT)).encode()])
    assert without_scope[:2] == (
        403,
        {"WWW-Authenticate": 'Bearer scope="orders:read", error="insufficient_scope"'},
    )
    assert page["answer"]([b"Bearer x", b"Bearer x"])[0] == 400
    assert page["answer"]([b"Bearer x"])[:2] == (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def test_every_reason_that_the_general_page_names_is_the_one_that_comes() -> None:
    key = new_key()
    later = now() + 3600
    other = new_key()
    tokens = {
        "expired": signed(key, access_claims(exp=now() - 11)),
        "issued_in_the_future": signed(key, access_claims(iat=later, exp=later + 900)),
        "not_yet_valid": signed(key, access_claims(nbf=later, exp=later + 900)),
        "issuer_mismatch": signed(key, access_claims(iss=ISSUER + "/")),
        "audience_mismatch": signed(key, access_claims(aud=AUDIENCE + "/")),
        "typ_mismatch": signed(key, access_claims(), typ="JWT"),
        "typ_missing": signed(key, access_claims(), typ=ABSENT),
        "kid_unknown": signed(other, access_claims()),
        "signature_invalid": with_wrong_signature(signed(key, access_claims())),
        "alg_not_allowed": signed(HMACKey.generate(), access_claims()),
        "alg_not_of_key": signed(key, access_claims(), kid="rsa"),
        "not_three_segments": signed(key, access_claims()) + "..",
        "too_large": signed(key, access_claims(x="a" * 8192)),
        "claim_missing": signed(key, access_claims(exp=ABSENT)),
        "proof_of_possession_missing": signed(key, access_claims(cnf={"jkt": "x"})),
    }
    assert sorted(_reasons("docs/how-to/verify-tokens.md")) == sorted(tokens)
    rsa = AUTH0.documents()[AUTH0.jwks_uri]["keys"][0] | {"kid": "rsa"}
    keys = JWKSet.parse(json.dumps({"keys": [rsa, key.public_key().to_jwk()]}).encode())
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=keys)
    for reason, token in tokens.items():
        assert reason_of(partial(verifier.verify, token)) == reason


@pytest.mark.parametrize("page", ["sign-tokens", "rotate-keys"])
def test_the_pages_about_signing_and_rotating_do_what_they_say(page: str) -> None:
    left = run_page(f"docs/how-to/{page}.md")
    assert left["verifier" if page == "rotate-keys" else "invitations"]


def test_the_tests_of_the_page_about_testing_pass() -> None:
    page = run_page("docs/how-to/test-with-tokens.md")
    tests = [test for name, test in page.items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        for reason in page["HOSTILE"] if hasattr(test, "pytestmark") else [None]:
            test(*([] if reason is None else [reason]))
