"""The examples that RFCs print: what `vectors/` says of them, and what Tokenward makes of each.

One file for each RFC; an entry names its section. A verdict is found by really trying, never read from the file:
`test_rfc_vectors.py` compares the two, and `conformance.py` prints them.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import (
    AKPPrivateKey,
    HMACKey,
    InvalidKey,
    JWKSet,
    SigningKey,
    VerificationKey,
    base64url,
    generate,
    import_jwk,
    import_private_jwk,
    sign_compact,
    thumbprint,
    verify_compact,
)
from tokenward.jose.algorithms import mldsa
from tokenward.tokens import DPoPProofVerifier, TokenVerifier

FOLDER = Path(__file__).parent / "vectors"

JWK = dict[str, Any]
Outcome = Literal["verified", "imported", "equal", "refused"]

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi"})


class Verdict(NamedTuple):
    """What came of an entry. `reason` is the slug of a refused token, or the class of a refused key's error."""

    outcome: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.outcome}: `{self.reason}`" if self.reason else self.outcome


class Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all entries have. `note` is for the conformance page."""

    section: str
    what: str
    outcome: Outcome = "verified"
    reason: str = ""
    note: str = ""

    def stated(self) -> Verdict:
        return Verdict(self.outcome, self.reason)

    def verdict(self) -> Verdict:
        raise NotImplementedError

    def shown(self) -> str:
        """What came of it, in words for the conformance page."""
        return str(self.verdict())


class TokenEntry(Entry, kw_only=True, tag="token"):
    """A compact JWS. `keys` says for which algorithm each key is imported.

    `signed` is what the signature covers where that is not what stands before the last dot; `nothing` where the
    example has no signature.
    """

    token: str
    keys: dict[str, str]
    payload: str | None = None
    signed: str | None = None

    def verdict(self) -> Verdict:
        keys = [public_key(name, alg) for name, alg in self.keys.items()]
        return _compact(self.token, keys, payload=self.payload)


class Part(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One signature of a JSON serialization, and what comes of it as a compact JWS."""

    key: str
    alg: str
    outcome: Outcome
    reason: str = ""


class JSONEntry(Entry, kw_only=True, tag="json"):
    """A JWS in JSON serialization, and its signatures in the order of the document."""

    document: dict[str, Any]
    signatures: list[Part]
    outcome: Outcome = "refused"

    def verdict(self) -> Verdict:
        text = json.dumps(self.document, separators=(",", ":"))
        return _compact(text, [public_key(self.signatures[0].key, self.signatures[0].alg)])

    def parts(self) -> list[tuple[Part, str, str]]:
        """Each signature: what is stated of it, what it covers, and itself."""
        listed = self.document.get("signatures", [self.document])
        return [
            (part, f"{one.get('protected', '')}.{self.document['payload']}", one["signature"])
            for part, one in zip(self.signatures, listed, strict=True)
        ]

    def part_verdicts(self) -> list[Verdict]:
        """What comes of each signature once it is put together as a compact JWS."""
        return [
            _compact(f"{covered}.{signature}", [public_key(part.key, part.alg)])
            for part, covered, signature in self.parts()
        ]


class Agreement(msgspec.Struct, forbid_unknown_fields=True):
    """The secret that a key agreement gives with another key; it proves that both are transcribed well."""

    shared: str
    peer: str = msgspec.field(name="with")


class KeyEntry(Entry, kw_only=True, tag="key"):
    """A JWK, imported for verifying (`public`) or for signing (`private`)."""

    key: str
    form: Literal["public", "private"]
    alg: str = ""
    agreement: Agreement | None = None

    def verdict(self) -> Verdict:
        read = import_jwk if self.form == "public" else import_private_jwk
        try:
            key: VerificationKey | SigningKey = read(KEYS[self.key])
        except InvalidKey as error:
            return Verdict("refused", type(error).__name__)
        return Verdict("imported", "" if key.alg == self.alg else f"for {key.alg}")

    def shown(self) -> str:
        return f"imported for {self.alg}" if self.verdict() == Verdict("imported") else super().shown()


class KeySetEntry(Entry, kw_only=True, tag="key_set"):
    """A JWK Set as it would be published. `skipped` has a part of what is said of each key that is left out."""

    keys: list[str]
    kept: list[str]
    skipped: list[str]
    outcome: Outcome = "imported"

    def verdict(self) -> Verdict:
        parsed = JWKSet.parse(json.dumps({"keys": [KEYS[name] for name in self.keys]}).encode())
        kept = [key.kid for key in parsed.keys] == self.kept
        skipped = all(part in said for part, said in zip(self.skipped, parsed.skipped, strict=True))
        return Verdict("imported", "" if kept and skipped else f"{parsed.keys}, {parsed.skipped}")

    def shown(self) -> str:
        counted = f"{len(self.kept)} of {len(self.keys)} keys imported"
        return counted if self.verdict() == Verdict("imported") else super().shown()


class ThumbprintEntry(Entry, kw_only=True, tag="thumbprint"):
    """The RFC 7638 thumbprint of a key."""

    key: str
    thumbprint: str
    outcome: Outcome = "equal"

    def verdict(self) -> Verdict:
        return Verdict("equal" if thumbprint(KEYS[self.key]) == self.thumbprint else "another")


class SignatureEntry(Entry, kw_only=True, tag="signature"):
    """A bare signature, in hexadecimal like its message."""

    key: str
    alg: str
    message: str
    signature: str

    def verdict(self) -> Verdict:
        try:
            public_key(self.key, self.alg).verify(bytes.fromhex(self.message), bytes.fromhex(self.signature))
        except InvalidToken as error:
            return Verdict("refused", error.reason)
        return Verdict("verified")


class MACEntry(Entry, kw_only=True, tag="mac"):
    """Codes of one message under one key, all in hexadecimal. The verdict is about the key."""

    key: str
    message: str
    macs: dict[str, str]
    outcome: Outcome = "refused"

    def verdict(self) -> Verdict:
        found = {self._verdict(alg) for alg in self.macs}
        return found.pop() if len(found) == 1 else Verdict("imported", "for some algorithms")

    def _verdict(self, alg: str) -> Verdict:
        try:
            HMACKey(bytes.fromhex(self.key), alg=alg)
        except InvalidKey as error:
            return Verdict("refused", type(error).__name__)
        return Verdict("imported")


class ClaimsEntry(Entry, kw_only=True, tag="claims"):
    """Header and claims of an access token whose signature the RFC leaves out; it is signed anew."""

    header: dict[str, Any]
    claims: dict[str, Any]

    def verdict(self) -> Verdict:
        return self.verdict_at(self.claims["exp"] - 1)

    def verdict_at(self, now: float) -> Verdict:
        """What the verifier of access tokens says at `now`."""
        made = generate(self.header["alg"]).to_private_jwk()
        key = import_private_jwk({**made, "kid": self.header["kid"]})
        keys = JWKSet([import_jwk(without_private_members({**made, "kid": key.kid}))])
        verifier = TokenVerifier(
            issuer=self.claims["iss"],
            audience=self.claims["aud"],
            keys=keys,
            algorithms=[key.alg],
            clock=FakeClock(now),
            leeway_seconds=0,
        )
        try:
            verifier.verify(sign_compact(self.header, json.dumps(self.claims).encode(), key))
        except InvalidToken as error:
            return Verdict("refused", error.reason)
        return Verdict("verified")


class ProofEntry(Entry, kw_only=True, tag="proof"):
    """A DPoP proof for one request, at the second at which it was made."""

    proof: str
    method: str
    url: str
    iat: int
    thumbprint: str
    access_token: str | None = None

    def verdict(self) -> Verdict:
        return self.verdict_at(self.iat)

    def verdict_at(
        self, now: float, *, method: str | None = None, access_token: str | None = None
    ) -> Verdict:
        """What the verifier of proofs says at `now`, of this request or of another one."""
        try:
            found = DPoPProofVerifier(clock=FakeClock(now)).verify(
                self.proof,
                method=method or self.method,
                url=self.url,
                access_token=access_token or self.access_token,
            )
        except InvalidToken as error:
            return Verdict("refused", error.reason)
        return Verdict("verified", "" if found.jkt == self.thumbprint else "another key")


class SeedEntry(Entry, kw_only=True, tag="seed"):
    """An ML-DSA key that is printed as its seed, in base64url, and as the thumbprint of its public part."""

    alg: str
    seed: str
    thumbprint: str
    outcome: Outcome = "equal"

    def verdict(self) -> Verdict:
        seed = base64url.decode(self.seed.encode())
        made = AKPPrivateKey(mldsa.private_key(self.alg, seed)).to_private_jwk()
        read = import_private_jwk({name: value for name, value in made.items() if name != "kid"})
        equal = made["priv"] == self.seed and {read.kid, thumbprint(made)} == {self.thumbprint}
        return Verdict("equal" if equal else "another")


AnyEntry = (
    TokenEntry
    | JSONEntry
    | KeyEntry
    | KeySetEntry
    | ThumbprintEntry
    | SignatureEntry
    | MACEntry
    | ClaimsEntry
    | ProofEntry
    | SeedEntry
)


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """One RFC: its keys by section, and its entries in its own order."""

    rfc: str
    title: str
    keys: dict[str, JWK]
    entries: list[AnyEntry]


DOCUMENTS = [
    msgspec.json.decode(path.read_bytes(), type=Document) for path in sorted(FOLDER.glob("rfc*.json"))
]
KEYS = {f"RFC {one.rfc} {section}": jwk for one in DOCUMENTS for section, jwk in one.keys.items()}
ENTRIES = {
    f"RFC {one.rfc} {entry.section}, {entry.what}": entry for one in DOCUMENTS for entry in one.entries
}


def without_private_members(jwk: JWK) -> JWK:
    """The public part of an asymmetric key, and a symmetric one as it is."""
    return {name: value for name, value in jwk.items() if name not in _PRIVATE_MEMBERS}


def public_key(name: str, alg: str) -> VerificationKey:
    """The key that verifies, for the algorithm that the example uses."""
    return import_jwk(without_private_members(KEYS[name]), alg=alg)


def private_key(name: str, alg: str) -> SigningKey:
    """The key that signs, for the algorithm that the example uses."""
    return import_private_jwk({**KEYS[name], "alg": alg})


def _compact(token: str, keys: Iterable[VerificationKey], *, payload: str | None = None) -> Verdict:
    key_set = JWKSet(keys)
    try:
        found = verify_compact(token, key_set, algorithms=[key.alg for key in key_set.keys])
    except InvalidToken as error:
        return Verdict("refused", error.reason)
    return Verdict("verified", "" if payload in (None, found.payload.decode()) else "another payload")
