"""Section G: a token of another kind, of the same issuer and under the same key, in place of an access token."""

import json
from collections.abc import Iterator
from typing import Any

from tests.attacks.inputs.hostile_input import HostileInput, Maker, own
from tests.tokens.forge import ABSENT, AUDIENCE, header, key, seal


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section G."""
    id_token = make.claims(nonce="n", at_hash="x", auth_time=make.now - 60, azp="first-party")
    refresh = make.claims(type="refresh", token_use="refresh")
    of_typ: list[tuple[str, object, dict[str, Any]]] = [
        ("G01", "JWT", id_token),
        ("G01", ABSENT, id_token),
        ("G02", "JWT", refresh),
        ("G02", "rt+jwt", refresh),
        ("G03", "logout+jwt", make.claims()),
        ("G03", "secevent+jwt", make.claims()),
        ("G03", "token-introspection+jwt", make.claims()),
        ("G03", "entity-statement+jwt", make.claims()),
        ("G04", ABSENT, make.claims()),
        ("G06", "dpop+jwt", make.claims()),
        ("G06", "client-authentication+jwt", make.claims()),
        ("G06", "oauth-authz-req+jwt", make.claims()),
        ("G07", "password-reset+jwt", make.claims()),
        ("G07", "JWT", make.claims(purpose="verify-email")),
    ]
    for entry, typ, claims in of_typ:
        name = "no typ" if typ is ABSENT else f"typ {typ}"
        yield HostileInput(entry, name, seal(header(key(), typ=typ), claims, key()), own())
    other = make.claims(aud="https://reset.example", purpose="reset")
    yield HostileInput("G07", "another audience", seal(header(key(), typ="JWT"), other, key()), own())
    yield from _spellings(make)
    other = make.claims(aud="https://other.example", resource=AUDIENCE)
    yield HostileInput("G09", "aud is another, resource is ours", seal(header(key()), other, key()), own())
    tenant = make.claims(iss="https://id.example/tenant-b")
    yield HostileInput("G11", "iss of another tenant, same keys", seal(header(key()), tenant, key()), own())


def _spellings(make: Maker) -> Iterator[HostileInput]:
    for typ in ("at+jwt", "AT+JWT", "application/at+jwt", "APPLICATION/AT+JWT"):
        yield HostileInput("G05", typ, make.headed(typ=typ), own(), good=True)
    wrong: list[Any] = [
        "at+jwt;x=1",
        "at+jwt ",
        " at+jwt",
        "text/at+jwt",
        "x-at+jwt",
        "\uff41t+jwt",
        "",
        ["at+jwt"],
        1,
        None,
        True,
        {"typ": "at+jwt"},
    ]
    for typ in wrong:
        yield HostileInput("G05", json.dumps(typ), make.headed(typ=typ), own())
