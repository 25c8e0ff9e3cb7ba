"""Section A: which algorithm, and which key, a token can talk its verifier into."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from tests.attacks.inputs.hostile_input import (
    HostileInput,
    Maker,
    Own,
    Secret,
    encoded,
    jwk,
    macked,
    own,
    published,
    resigned,
)
from tests.tokens.forge import ABSENT, header, key, seal


@cache
def native_rsa() -> rsa.RSAPrivateKey:
    """Return an RSA key that is not bound to one algorithm."""
    return rsa.generate_private_key(65537, 2048)


def rsa_jwk(alg: str | None = "RS256") -> dict[str, Any]:
    """Return the public JWK of `native_rsa`, for `alg` or without it."""
    numbers = native_rsa().public_key().public_numbers()
    members = {"kty": "RSA", "n": encoded(numbers.n.to_bytes(256, "big")), "e": "AQAB", "kid": "rsa"}
    return members if alg is None else members | {"alg": alg}


@cache
def public_forms() -> dict[str, bytes]:
    """Return the ways in which a public key that everybody knows is written down."""
    of_rsa, of_ec = native_rsa().public_key(), ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    der = of_rsa.public_bytes(serialization.Encoding.DER, spki)
    return {
        "PEM of an RSA key": of_rsa.public_bytes(serialization.Encoding.PEM, spki),
        "PEM of an EC key": of_ec.public_bytes(serialization.Encoding.PEM, spki),
        "PKCS#1 PEM": of_rsa.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        "DER": der,
        "base64 of DER": base64.b64encode(der),
        "OpenSSH line, EC": of_ec.public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        ),
        "OpenSSH line, RSA": of_rsa.public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        ),
        "JWK": json.dumps(rsa_jwk()).encode(),
        "JWK Set": json.dumps({"keys": [rsa_jwk()]}).encode(),
    }


def inputs(make: Maker) -> Iterator[HostileInput]:
    """Yield the inputs of section A."""
    yield from _names_of_algorithms(make)
    yield from _confusions(make)
    yield from _mismatches(make)
    yield from _curves(make)
    yield from _key_sets(make)


def _names_of_algorithms(make: Maker) -> Iterator[HostileInput]:
    head, payload, signature = make.headed(alg="none").split(".")
    yield HostileInput("A01", "no signature", f"{head}.{payload}.", own())
    yield HostileInput("A01", "with the signature of the key", f"{head}.{payload}.{signature}", own())
    for alg in ("None", "NONE", "nOnE", "none ", " none", "", "\u217fone"):
        unsigned = make.headed(alg=alg).rpartition(".")[0] + "."
        yield HostileInput("A02", f"alg {alg!r}", unsigned, own())
    for first, second in (("none", "ES256"), ("ES256", "none"), ("ES256", "ES256")):
        twice = f'{{"alg":"{first}","alg":"{second}","kid":"{key().kid}","typ":"at+jwt"}}'.encode()
        yield HostileInput("A03", f"{first}, then {second}", seal(twice, make.claims(), key()), own())
    for value in (ABSENT, None, ["ES256"], {"a": 1}, 256, True):
        name = "absent" if value is ABSENT else json.dumps(value)
        yield HostileInput("A04", name, make.headed(alg=value), own())
    unknown = make.headed(alg="XYZ")
    yield HostileInput("A05", "no signature", unknown.rpartition(".")[0] + ".", own())
    yield HostileInput("A05", "some signature", unknown, own())
    for alg in ("es256", "Es256", "ES256 ", "ES256\0", "\uff25S256"):
        yield HostileInput("A25", f"alg {alg!r}", make.headed(alg=alg), own())


def _confusions(make: Maker) -> Iterator[HostileInput]:
    pem = public_forms()["PEM of an RSA key"]
    for alg in ("RS256", "ES256", "EdDSA"):
        text = macked(header(key(alg), alg="HS256"), make.claims(), pem)
        yield HostileInput("A06", f"in place of {alg}", text, own(alg), (alg,))
    for name, form in public_forms().items():
        text = macked({"alg": "HS256", "typ": "at+jwt"}, make.claims(), form)
        yield HostileInput("A07", name, text, Secret(form), ("HS256",))
    around = {
        "white space before": b" \n" + pem,
        "CRLF after": pem + b"\r\n",
        "byte order mark": b"\xef\xbb\xbf" + pem,
        "NUL after": pem + b"\0",
        "NUL before": b"\0" + pem,
    }
    for name, form in around.items():
        text = macked({"alg": "HS256", "typ": "at+jwt"}, make.claims(), form)
        yield HostileInput("A08", name, text, Secret(form), ("HS256",))
    for name, secret in (("the PEM", pem), ("the modulus", rsa_jwk()["n"].encode()), ("nothing", b"")):
        text = macked({"alg": "HS256", "kid": "rsa", "typ": "at+jwt"}, make.claims(), secret)
        yield HostileInput("A09", f"keyed with {name}", text, Own((rsa_jwk(None),)), ("RS256",))
    text = macked({"alg": "HS256", "kid": "rsa", "typ": "at+jwt"}, make.claims(), b"")
    yield HostileInput("A10", "a key for RS256", text, Own((rsa_jwk(),)), ("RS256",))
    yield HostileInput("A10", "a key without alg", text, Own((rsa_jwk(None),)), ("RS256",))
    unknown = macked(header(key("HS256"), kid="unknown"), make.claims(), b"")
    yield HostileInput("A11", "unknown kid", unknown, own("HS256"), ("HS256",))
    empty = macked({"alg": "HS256", "typ": "at+jwt"}, make.claims(), b"")
    yield HostileInput("A11", "the empty secret", empty, Secret(b""), ("HS256",))


def _mismatches(make: Maker) -> Iterator[HostileInput]:
    text = seal({"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, make.claims(), key("RS256")).rpartition(".")[
        0
    ]
    pkcs1 = native_rsa().sign(text.encode(), padding.PKCS1v15(), SHA256())
    salted = padding.PSS(padding.MGF1(SHA256()), 32)
    pss = native_rsa().sign(text.encode(), salted, SHA256())
    rs256, ps256 = Own((rsa_jwk("RS256"),)), Own((rsa_jwk("PS256"),))
    yield HostileInput(
        "A12", "RS256 under a key for PS256", f"{text}.{encoded(pkcs1)}", ps256, ("RS256", "PS256")
    )
    yield HostileInput(
        "A12", "PSS under a header that says RS256", f"{text}.{encoded(pss)}", ps256, ("RS256",)
    )
    yield HostileInput(
        "A12", "RS256 under a key for RS512", f"{text}.{encoded(pkcs1)}", Own((rsa_jwk("RS512"),)), ("RS256",)
    )
    yield HostileInput("A19", "PSS as RS256", f"{text}.{encoded(pss)}", rs256, ("RS256",))
    swapped = encoded(json.dumps({"alg": "PS256", "kid": "rsa", "typ": "at+jwt"}).encode())
    swapped += "." + text.partition(".")[2]
    pkcs1 = native_rsa().sign(swapped.encode(), padding.PKCS1v15(), SHA256())
    yield HostileInput("A19", "PKCS#1 as PS256", f"{swapped}.{encoded(pkcs1)}", ps256, ("PS256",))
    es, rs = jwk("ES256"), jwk("RS256")
    for signing, named in ((key("ES256"), rs), (key("RS256"), es)):
        crossed = seal(header(signing, kid=named["kid"]), make.claims(), signing)
        yield HostileInput(
            "A14", f"{signing.alg}, kid of the other", crossed, Own((es, rs)), ("ES256", "RS256")
        )


def _curves(make: Maker) -> Iterator[HostileInput]:
    p384 = {name: value for name, value in jwk("ES384").items() if name != "alg"}
    signed = seal(header(key("ES384"), alg="ES256"), make.claims(), key("ES384"))
    yield HostileInput("A18", "ES256 with P-384", signed, Own((p384,)), ("ES256",))
    yield HostileInput("A18", "a P-384 key for ES256", signed, Own((p384 | {"alg": "ES256"},)), ("ES256",))
    for alg in ("ES256K", "ES384"):
        p256 = {name: value for name, value in jwk("ES256").items() if name != "alg"}
        signed = seal(header(key("ES256"), alg=alg), make.claims(), key("ES256"))
        yield HostileInput("A18", f"{alg} with P-256", signed, Own((p256,)), (alg,))
    point = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    agreed = {"kty": "OKP", "crv": "X25519", "x": encoded(point), "kid": "x"}
    signed = seal(header(key("EdDSA"), kid="x"), make.claims(), key("EdDSA"))
    yield HostileInput("A20", "EdDSA with X25519", signed, Own((agreed,)), ("EdDSA",))
    ed448 = {name: value for name, value in jwk("Ed448").items() if name != "alg"}
    signed = seal(header(key("Ed448"), alg="Ed25519"), make.claims(), key("Ed448"))
    yield HostileInput("A20", "Ed25519 with an Ed448 key", signed, Own((ed448,)), ("Ed25519",))
    short = resigned(make.token("Ed448"), bytes(64))
    yield HostileInput("A20", "Ed448 with 64 bytes", short, own("Ed448"), ("Ed448",))
    larger = jwk("ML-DSA-65")
    signed = make.headed("ML-DSA-65", alg="ML-DSA-44")
    yield HostileInput(
        "A21", "another length than alg says", signed, Own((larger | {"alg": "ML-DSA-44"},)), ("ML-DSA-44",)
    )
    yield HostileInput("A21", "another alg in the header", signed, Own((larger,)), ("ML-DSA-44", "ML-DSA-65"))
    unnamed = {name: value for name, value in larger.items() if name != "alg"}
    yield HostileInput("A21", "a key without alg", make.token("ML-DSA-65"), Own((unnamed,)), ("ML-DSA-65",))


def _key_sets(make: Maker) -> Iterator[HostileInput]:
    both = Own((jwk("RS256"), jwk("HS256")))
    yield HostileInput("A15", "a token of the RSA key", make.token("RS256"), both, ("RS256", "HS256"))
    yield HostileInput("A15", "a token of the secret", make.token("HS256"), both, ("RS256", "HS256"))
    named = [jwk("ES256") | {"kid": "one"}, jwk("RS256") | {"kid": "one"}]
    for signing in (key("ES256"), key("RS256")):
        text = seal(header(signing, kid="one"), make.claims(), signing)
        yield HostileInput("A16", f"a token in {signing.alg}", text, published(*named), ("ES256", "RS256"))
    purposes: list[dict[str, Any]] = [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": ["deriveKey"]},
    ]
    without_use = {name: value for name, value in jwk().items() if name != "use"}
    for purpose in purposes:
        yield HostileInput("A17", json.dumps(purpose), make.token(), published(without_use | purpose))
    leaked = key("RS256").to_private_jwk()
    yield HostileInput("A22", "an RSA key with its d", make.token("RS256"), published(leaked), ("RS256",))
    leaked = key("ES256").to_private_jwk()
    yield HostileInput("A22", "an EC key with its d", make.token("ES256"), published(leaked))
    yield HostileInput("A22", "a symmetric key", make.token("HS256"), published(jwk("HS256")), ("HS256",))
