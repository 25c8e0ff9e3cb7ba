"""Public keys in PEM, DER and certificates."""

import base64
import contextlib
import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import key, public

from tokenward.jose import InvalidKey, UnsupportedKey, algorithms, import_public_key

PUBLIC_ALGORITHMS = sorted(algorithms.SUPPORTED - algorithms.HMAC)
DEFAULTS = {"Ed25519": "EdDSA", "Ed448": "EdDSA"} | dict.fromkeys(algorithms.RSA, "RS256")


def native(alg: str) -> Any:
    """Return the private key object of `cryptography` inside of a key of ours."""
    return key(alg)._native  # type: ignore[attr-defined]


def spki(alg: str = "ES256", encoding: Encoding = Encoding.PEM) -> bytes:
    data: bytes = native(alg).public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return data


def certificate(public_key: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """Return a certificate that ran out long ago, and that another key signed."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "id.example")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(1)
        .not_valid_before(dt.datetime(2001, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2002, 1, 1, tzinfo=dt.UTC))
        .sign(native("ES256"), SHA256())
    )
    return built.public_bytes(encoding)


@cache
def forms(alg: str) -> list[bytes | str]:
    """Return the public half of a key in all forms that are read."""
    half = native(alg).public_key()
    made: list[bytes | str] = [spki(alg), spki(alg, Encoding.DER), spki(alg).decode()]
    made += [certificate(half), certificate(half, Encoding.DER), certificate(half).decode()]
    if alg in algorithms.RSA:
        made += [half.public_bytes(encoding, PublicFormat.PKCS1) for encoding in (Encoding.PEM, Encoding.DER)]
    return made


@pytest.mark.parametrize("alg", PUBLIC_ALGORITHMS)
def test_every_form_gives_the_same_key(alg: str) -> None:
    verifying = public(key(alg))
    signature = key(alg).sign(b"input")
    for form in forms(alg):
        imported = import_public_key(form, alg=alg)
        assert (type(imported), imported.alg, imported.kid) == (type(verifying), alg, verifying.kid)
        imported.verify(b"input", signature)
        assert import_public_key(form).alg == DEFAULTS.get(alg, alg)
        assert import_public_key(form, kid="2026-11").kid == "2026-11"


@pytest.mark.parametrize("alg", PUBLIC_ALGORITHMS)
def test_an_algorithm_that_does_not_fit_the_key_is_refused(alg: str) -> None:
    for other in (*algorithms.SUPPORTED, "none", ""):
        if other in key(alg).header_algorithms or {alg, other} <= algorithms.RSA:
            continue
        with pytest.raises(UnsupportedKey):
            import_public_key(spki(alg), alg=other)


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: b" \r\n\t" + pem + b"\n\n  ",
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: pem.rstrip(),
        lambda pem: pem.replace(b"\n", b" "),
    ],
)
def test_white_space_does_not_matter(change: Callable[[bytes], bytes]) -> None:
    for alg in ("ES256", "RS256"):
        assert import_public_key(change(spki(alg))).kid == key(alg).kid


def test_two_blocks_are_refused_since_one_is_asked_for() -> None:
    for text in (spki() + spki("RS256"), spki() + spki(), certificate(native("ES256").public_key()) * 2):
        with pytest.raises(InvalidKey, match="several"):
            import_public_key(text)


PRIVATE_FORMS = [
    native(alg).private_bytes(encoding, form, encryption)
    for alg in ("ES256", "RS256", "Ed25519")
    for encoding, form, encryption in (
        (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x" * 8)),
        (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        (Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        (Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x" * 8)),
    )
] + [
    native(alg).private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    for alg in ("ES256", "RS256")
    for encoding in (Encoding.PEM, Encoding.DER)
]


@pytest.mark.parametrize("form", PRIVATE_FORMS, ids=range(len(PRIVATE_FORMS)))
def test_a_private_key_is_refused_and_it_is_said_how_to_make_it_public(form: bytes) -> None:
    with pytest.raises(InvalidKey, match=r"private key.*openssl pkey"):
        import_public_key(form)


def test_a_private_key_beside_its_public_one_is_refused() -> None:
    for text in (PRIVATE_FORMS[0] + spki(), spki() + PRIVATE_FORMS[0]):
        with pytest.raises(InvalidKey, match=r"private|several"):
            import_public_key(text)


def marked_for_pss(der: bytes) -> bytes:
    """Return DER in which the identifier of RSA, with NULL, is that of PSS with the parameters that are usual."""
    plain = bytes.fromhex("06092a864886f70d0101010500")
    assert der.count(plain) == 1
    return der.replace(plain, bytes.fromhex("06092a864886f70d01010a3000"))


X25519 = x25519.X25519PrivateKey.generate().public_key()
BRAINPOOL = ec.generate_private_key(ec.BrainpoolP256R1()).public_key()
WEAK = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - weak on purpose
DSA = dsa.generate_private_key(2048).public_key()


def der(public_key: Any) -> bytes:
    data: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def pem(label: str, data: bytes) -> bytes:
    body = base64.encodebytes(data).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


REFUSED: dict[str, tuple[Any, str]] = {
    "an OpenSSH key": (
        native("Ed25519").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "ssh-keygen -e",
    ),
    "an OpenSSH ECDSA key": (
        native("ES256").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        "ssh-keygen -e",
    ),
    "a JWK": ('{"kty":"EC"}', "import_jwk"),
    "a JWK Set": (' \n{"keys":[]}', "JWKSet.parse"),
    "bare base64": (base64.b64encode(spki(encoding=Encoding.DER)), "PEM|DER"),
    "bare base64 of an RSA key": (base64.b64encode(spki("RS256", Encoding.DER)), "BEGIN PUBLIC KEY"),
    "nothing": (b"", "no public key"),
    "white space": (" \n", "no public key"),
    "garbage": (b"\xff" * 100, "no public key"),
    "DER of something else": (b"\x30\x03\x02\x01\x01", "no public key"),
    "DER with a tail": (spki(encoding=Encoding.DER) + b"\0", "no public key"),
    "DER with white space": (b"\n" + spki(encoding=Encoding.DER), "no public key"),
    "cut DER": (spki(encoding=Encoding.DER)[:-1], "no public key"),
    "a certificate request": (pem("CERTIFICATE REQUEST", b"\x30\0"), "CERTIFICATE REQUEST"),
    "parameters": (pem("EC PARAMETERS", b"\x30\0"), "EC PARAMETERS"),
    "text before": (b"Subject: x\n" + spki(), "stands before"),
    "line breaks in two letters": (spki().strip().replace(b"\n", b"\\n").decode(), r"two letters \\n"),
    "text after": (spki() + b"x", "around"),
    "another end": (spki().replace(b"END PUBLIC", b"END RSA PUBLIC"), "malformed"),
    "no end": (spki().partition(b"-----END")[0], "malformed"),
    "a letter of no alphabet": (spki().replace(b"M", b"!", 1), "malformed"),
    "padding inside": (spki().replace(b"M", b"=", 1), "base64"),
    "an empty block": (pem("PUBLIC KEY", b""), "no public key"),
    "a key called a certificate": (pem("CERTIFICATE", spki(encoding=Encoding.DER)), "no public key"),
    "a certificate called a key": (
        pem("PUBLIC KEY", certificate(native("ES256").public_key(), Encoding.DER)),
        "no public key",
    ),
    "X25519": (der(X25519), "Ed25519"),
    "DSA": (der(DSA), "RSA, EC"),
    "an X25519 certificate": (certificate(X25519), "Ed25519"),
    "a curve that is not ours": (der(BRAINPOOL), "P-256"),
    "a curve that nobody knows": (
        der(native("ES256").public_key()).replace(
            bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")
        ),
        "not known",
    ),
    "a short RSA key": (der(WEAK), "1024 bits"),
    "a certificate of a short RSA key": (certificate(WEAK), "1024 bits"),
    "an RSA key for PSS only": (marked_for_pss(spki("RS256", Encoding.DER)), "PSS"),
    "an RSA key for PSS only in PEM": (pem("PUBLIC KEY", marked_for_pss(spki("RS256", Encoding.DER))), "PSS"),
    "a certificate of an RSA key for PSS only": (
        marked_for_pss(certificate(native("RS256").public_key(), Encoding.DER)),
        "PSS",
    ),
    "text outside of ASCII": ("-----BEGIN PUBLIC KEY-----é", "ASCII"),
    "another type": (bytearray(spki()), "bytes or"),
    "a long text": (" " * (64 * 1024) + spki().decode(), "longer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_and_it_is_said_why(name: str) -> None:
    data, why = REFUSED[name]
    with pytest.raises(InvalidKey, match=why):
        import_public_key(data)


def test_a_point_that_is_not_on_the_curve_is_refused() -> None:
    data = bytearray(spki(encoding=Encoding.DER))
    data[-1] ^= 1
    with pytest.raises(InvalidKey):
        import_public_key(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_give_a_key_or_our_error(data: st.DataObject) -> None:
    alg = data.draw(st.sampled_from(["ES256", "RS256", "Ed25519", "ML-DSA-44"]))
    text = bytearray(data.draw(st.sampled_from([form for form in forms(alg) if isinstance(form, bytes)])))
    for _ in range(data.draw(st.integers(0, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(text)) | st.just(len(text)))
    with contextlib.suppress(InvalidKey):
        import_public_key(bytes(text[:cut]))


WARNING = """
import base64, sys, warnings
warnings.simplefilter("error")
from tokenward.jose import InvalidKey, import_public_key
try:
    print(import_public_key(sys.stdin.buffer.read()).alg)
except InvalidKey:
    print("refused")
"""


def test_a_warning_of_the_library_that_was_made_an_error_is_ours() -> None:
    data = certificate(native("ES256").public_key(), Encoding.DER)
    negative = data.replace(b"\x02\x01\x01", b"\x02\x01\xff", 1)
    assert negative != data
    done = subprocess.run([sys.executable, "-c", WARNING], input=negative, check=True, capture_output=True)
    assert done.stdout.strip() in (b"refused", b"ES256")


@pytest.mark.parametrize("data", [None, 5, [], {}, bytearray(b"x"), memoryview(b"x"), "é"])
def test_what_is_neither_bytes_nor_ascii_text_is_refused(data: Any) -> None:
    with pytest.raises(InvalidKey, match="ASCII"):
        import_public_key(data)
