"""What Tokenward makes of the examples of the RFCs is what `vectors/` states, and they are transcribed well.

The proof of a transcription is the cryptography: a signature that verifies, a certificate and a private part that
belong to the key, a thumbprint that is equal. So also an example that is refused is shown to be refused for its form.
"""

import base64
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from jwcrypto import jwe, jwk  # type: ignore[import-untyped]
from tests.jose.rfc_vectors import (
    DOCUMENTS,
    ENTRIES,
    KEYS,
    ClaimsEntry,
    Entry,
    JSONEntry,
    KeyEntry,
    MACEntry,
    ProofEntry,
    SignatureEntry,
    ThumbprintEntry,
    TokenEntry,
    Verdict,
    private_key,
    public_key,
    without_private_members,
)

from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import (
    JWKSet,
    RSAPublicKey,
    UnsupportedKey,
    base64url,
    import_jwk,
    import_private_jwk,
    import_public_key,
    unverified_claims,
    unverified_header,
    verify_compact,
)
from tokenward.jose.algorithms import hmac
from tokenward.jose.claims import check_issuer, check_times
from tokenward.tokens import TokenVerifier

Kind = TypeVar("Kind", bound=Entry)

# Of these algorithms a key makes one signature of a message.
DETERMINISTIC = ("HS", "RS", "Ed")


def entries(kind: type[Kind]) -> dict[str, Kind]:
    return {name: entry for name, entry in ENTRIES.items() if isinstance(entry, kind)}


TOKENS, SIGNATURES, DOCUMENTS_IN_JSON = entries(TokenEntry), entries(SignatureEntry), entries(JSONEntry)
VERIFIED = {name: entry for name, entry in TOKENS.items() if entry.outcome == "verified"}


def test_every_example_that_was_asked_for_is_there() -> None:
    sections = {one.rfc: {entry.section for entry in one.entries} for one in DOCUMENTS}
    assert sections["7515"] >= {f"A.{number}" for number in range(1, 8)}
    assert sections["7517"] >= {"A.1", "A.2", "A.3", "B"}
    assert sections["7519"] >= {"3.1", "6.1"}
    assert sections["7520"] >= {f"4.{number}" for number in range(1, 9)}
    assert sections["7638"] == {"3.1"}
    assert sections["7797"] == {"4.1", "4.2"}
    assert sections["8037"] == {f"A.{number}" for number in range(1, 8)}
    assert {"4231", "8032", "9068", "9449", "9964"} <= sections.keys()


@pytest.mark.parametrize("name", ENTRIES)
def test_an_example_comes_out_as_stated(name: str) -> None:
    assert ENTRIES[name].verdict() == ENTRIES[name].stated()


@pytest.mark.parametrize("name", DOCUMENTS_IN_JSON)
def test_the_signatures_of_a_json_serialization_come_out_as_stated_in_compact_form(name: str) -> None:
    entry = DOCUMENTS_IN_JSON[name]
    assert entry.part_verdicts() == [Verdict(part.outcome, part.reason) for part in entry.signatures]


@pytest.mark.parametrize("name", TOKENS)
def test_the_signature_of_a_token_is_that_of_the_rfc_whether_we_take_the_token_or_not(name: str) -> None:
    entry = TOKENS[name]
    if entry.signed == "nothing":
        assert entry.outcome == "refused"
        return
    before, _, signature = entry.token.rpartition(".")
    covered = (entry.signed or before).encode()
    ((key, alg),) = entry.keys.items()
    public_key(key, alg).verify(covered, base64url.decode(signature.encode()))


@pytest.mark.parametrize("name", DOCUMENTS_IN_JSON)
def test_the_signatures_of_a_json_serialization_are_those_of_the_rfc(name: str) -> None:
    for part, covered, signature in DOCUMENTS_IN_JSON[name].parts():
        public_key(part.key, part.alg).verify(covered.encode(), base64url.decode(signature.encode()))


@pytest.mark.parametrize("name", VERIFIED)
def test_an_example_does_not_verify_with_one_letter_changed(name: str) -> None:
    entry = VERIFIED[name]
    ((key, alg),) = entry.keys.items()
    keys = JWKSet([public_key(key, alg)])
    for position in range(0, len(entry.token), 7):
        letter = entry.token[position]
        if letter == ".":
            continue
        changed = entry.token[:position] + ("A" if letter != "A" else "B") + entry.token[position + 1 :]
        with pytest.raises(InvalidToken):
            verify_compact(changed, keys, algorithms=[alg])


@pytest.mark.parametrize("name", VERIFIED)
def test_we_sign_as_the_rfc_does_where_there_is_one_signature_only(name: str) -> None:
    entry = VERIFIED[name]
    ((key, alg),) = entry.keys.items()
    private = {"RFC 7520 3.3": "RFC 7520 3.4", "RFC 8037 A.2": "RFC 8037 A.1"}.get(key, key)
    if not alg.startswith(DETERMINISTIC):
        return
    covered, _, signature = entry.token.encode().rpartition(b".")
    assert private_key(private, alg).sign(covered) == base64url.decode(signature)


@pytest.mark.parametrize("name", [name for name, entry in SIGNATURES.items() if entry.outcome == "verified"])
def test_we_make_the_bare_signatures_of_the_rfc(name: str) -> None:
    entry = SIGNATURES[name]
    signature = private_key(entry.key, entry.alg).sign(bytes.fromhex(entry.message))
    assert signature == bytes.fromhex(entry.signature)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, entry in entries(KeyEntry).items()
        if (entry.form, entry.outcome) == ("private", "imported")
    ],
)
def test_the_private_part_of_a_key_belongs_to_its_public_part(name: str) -> None:
    whole = KEYS[entries(KeyEntry)[name].key]
    import_jwk(without_private_members(whole)).verify(
        b"anything", import_private_jwk(whole).sign(b"anything")
    )


@pytest.mark.parametrize("name", [name for name, entry in entries(KeyEntry).items() if entry.agreement])
def test_the_keys_for_agreement_agree_as_the_rfc_says(name: str) -> None:
    entry = entries(KeyEntry)[name]
    assert entry.agreement is not None
    own, other = KEYS[entry.key], KEYS[entry.agreement.peer]
    secret, public = (base64url.decode(one[member].encode()) for one, member in ((own, "d"), (other, "x")))
    if own["crv"] == "X25519":
        key: X25519PrivateKey | X448PrivateKey = X25519PrivateKey.from_private_bytes(secret)
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    else:
        key = X448PrivateKey.from_private_bytes(secret)
        shared = X448PrivateKey.from_private_bytes(secret).exchange(X448PublicKey.from_public_bytes(public))
    assert shared.hex() == entry.agreement.shared
    assert key.public_key().public_bytes_raw() == base64url.decode(own["x"].encode())


def test_the_certificate_of_rfc_7517_b_is_that_of_its_key() -> None:
    published = KEYS["RFC 7517 B"]
    (certificate,) = published["x5c"]
    unnamed = {member: value for member, value in published.items() if member != "kid"}
    key = import_jwk(unnamed)
    assert isinstance(key, RSAPublicKey)
    assert import_public_key(base64.b64decode(certificate)).to_jwk() == key.to_jwk()


@pytest.mark.parametrize("alg", ["RS384", "PS256", "ES256", "HS256"])
def test_a_key_of_an_rfc_that_names_its_algorithm_is_not_imported_for_another(alg: str) -> None:
    with pytest.raises(UnsupportedKey):
        import_jwk(KEYS["RFC 7517 A.1 RSA"], alg=alg)


@pytest.mark.parametrize("name", entries(ThumbprintEntry))
def test_a_key_without_a_name_is_called_by_its_thumbprint(name: str) -> None:
    entry = entries(ThumbprintEntry)[name]
    unnamed = {member: value for member, value in KEYS[entry.key].items() if member != "kid"}
    assert import_jwk(unnamed).kid == entry.thumbprint


@pytest.mark.parametrize("name", entries(MACEntry))
def test_the_codes_of_rfc_4231_are_computed_as_printed(name: str) -> None:
    entry = entries(MACEntry)[name]
    assert entry.macs.keys() == {"HS256", "HS384", "HS512"}
    for alg, mac in entry.macs.items():
        sign = hmac.signer(alg, bytes.fromhex(entry.key))
        assert sign(bytes.fromhex(entry.message)).hex() == mac


def test_the_encrypted_token_of_rfc_7519_is_one_that_another_library_can_read() -> None:
    entry = ENTRIES["RFC 7519 A.1, an encrypted JWT"]
    assert isinstance(entry, TokenEntry)
    encrypted = jwe.JWE(algs=["RSA1_5", "A128CBC-HS256"])
    encrypted.deserialize(entry.token, jwk.JWK(**KEYS["RFC 7519 A.1"]))
    assert encrypted.payload == base64url.decode(_rfc_7519_3_1().split(".")[1].encode())


def test_the_claims_of_rfc_7519_3_1_are_good_until_its_expiry_and_not_for_a_second_longer() -> None:
    claims = unverified_claims(_rfc_7519_3_1())
    check_issuer(claims, "joe")
    check_times(claims, now=1300819379, leeway=0)
    with pytest.raises(InvalidToken) as caught:
        check_times(claims, now=1300819380, leeway=0)
    assert (caught.value.reason, caught.value.claim) == ("expired", "exp")


def test_the_token_of_rfc_7519_3_1_is_of_no_kind_and_no_verifier_takes_it() -> None:
    assert unverified_header(_rfc_7519_3_1())["typ"] == "JWT"
    verifier = TokenVerifier(
        issuer="joe",
        audience="joe",
        keys=JWKSet([public_key("RFC 7515 A.1", "HS256")]),
        algorithms=["HS256"],
        clock=FakeClock(1300819379),
    )
    with pytest.raises(InvalidToken) as caught:
        verifier.verify(_rfc_7519_3_1())
    assert caught.value.reason == "typ_mismatch"


def test_the_access_token_of_rfc_9068_expires_when_it_says() -> None:
    (entry,) = entries(ClaimsEntry).values()
    assert entry.verdict_at(entry.claims["exp"]) == Verdict("refused", "expired")
    assert entry.verdict_at(entry.claims["iat"] - 1) == Verdict("refused", "issued_in_the_future")


@pytest.mark.parametrize("name", entries(ProofEntry))
def test_the_proofs_of_rfc_9449_are_good_for_their_request_only_and_for_a_minute(name: str) -> None:
    entry = entries(ProofEntry)[name]
    assert entry.verdict_at(entry.iat + 64) == Verdict("verified")
    assert entry.verdict_at(entry.iat + 65) == Verdict("refused", "expired")
    assert entry.verdict_at(entry.iat, method="PUT") == Verdict("refused", "method_mismatch")
    assert entry.verdict_at(entry.iat, access_token="another").outcome == "refused"


def _rfc_7519_3_1() -> str:
    entry = ENTRIES["RFC 7519 3.1, a JWT, HS256"]
    assert isinstance(entry, TokenEntry)
    return entry.token
