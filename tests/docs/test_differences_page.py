"""The page for people who come from other libraries: its examples run, and those libraries do what it says."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jwt
from joserfc import errors as joserfc_errors
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from tests.docs.pages import ROOT
from tests.docs.providers import ABSENT, AUDIENCE, ISSUER, access_claims, new_key, now, reason_of, signed
from tests.docs.python_blocks import run_page

from tokenward.jose import ECPrivateKey, JWKSet
from tokenward.tokens import TokenVerifier

_PAGE = "docs/explain/differences.md"


def _given_for_differences(key: ECPrivateKey) -> dict[str, Any]:
    jwk = key.public_key().to_jwk()
    return {
        "ISSUER": ISSUER,
        "AUDIENCE": AUDIENCE,
        "text": signed(key, access_claims(sub="ada")),
        "public_jwk": jwk,
        "claims": access_claims(),
        "key": key,
        "kid": key.kid,
        "pyjwt_key": jwt.PyJWK(key.to_private_jwk()).key,
        "joserfc_key": joserfc_jwk.import_key({**key.to_private_jwk()}),
    }


def test_the_examples_of_all_libraries_in_the_page_of_differences_work() -> None:
    key = new_key()
    run_page(_PAGE, **_given_for_differences(key))


def _rows() -> Iterator[list[str]]:
    table = (ROOT / _PAGE).read_text().split("## What is refused here")[1].split("##")[0]
    for line in table.splitlines():
        if line.startswith("| ") and not line.startswith("| Token"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_differences_says_what_the_libraries_do() -> None:
    key = new_key()
    good = json.dumps(access_claims())
    tokens = [
        signed(
            key,
            access_claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
            typ="logout+jwt",
        ),
        signed(key, access_claims(nonce="n"), typ="JWT"),
        signed(key, access_claims(exp=ABSENT)),
        signed(key, access_claims(aud=ABSENT)),
        signed(key, access_claims(exp=str(now() + 900))),
        signed(key, good[:-1] + ', "sub": "admin"}'),
        signed(key, good[:-1] + ', "x": NaN}'),
        signed(key, good[:-1] + ', "x": ' + "[" * 500 + "]" * 500 + "}"),
        signed(key, good) + "==",
        signed(key, good, crit=["x"], x=1),
        signed(key, access_claims(x="a" * 100_000)),
        signed(key, access_claims(cnf={"jkt": "x"})),
    ]
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=JWKSet([key.public_key()]))

    for (named, pyjwt, joserfc, _, here, _), token in zip(_rows(), tokens, strict=True):
        assert pyjwt == _verdict(jwt.PyJWTError, partial(_pyjwt, key, token)), named
        assert joserfc == _verdict(JoseError, partial(_joserfc, key, token)), named
        assert here == f"`{reason_of(partial(verifier.verify, token))}`", named


def _verdict(error: type[Exception], call: Callable[[], object]) -> str:
    try:
        call()
    except error:
        return "refused"
    return "passes"


def _pyjwt(key: ECPrivateKey, token: str) -> object:
    public = jwt.PyJWK(key.public_key().to_jwk())
    return jwt.decode(token, public, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)


def _joserfc(key: ECPrivateKey, token: str) -> None:
    public = joserfc_jwk.import_key({**key.public_key().to_jwk()})
    joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}
    ).validate(joserfc_jwt.decode(token, public, algorithms=["ES256"]).claims)


def test_the_exceptions_that_the_page_of_differences_names_exist() -> None:
    table = (ROOT / _PAGE).read_text().split("## Exceptions")[1]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    assert len(rows) == 10
    for pyjwt, _, of_joserfc, _ in rows:
        assert issubclass(getattr(jwt, pyjwt, None) or getattr(jwt.exceptions, pyjwt), jwt.PyJWTError)
        assert of_joserfc == "–" or issubclass(getattr(joserfc_errors, of_joserfc), JoseError)
