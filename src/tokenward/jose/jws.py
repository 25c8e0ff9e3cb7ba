"""Compact JWS: a protected header, a payload and a signature (RFC 7515 sections 3.1, 4.1, 5.1, 5.2 and 7.1).

The order of the checks is the order of trust: size, shape, header, key, signature; the payload is not even
decoded before the signature was right. From the header come the name of the algorithm and the name of the
key, and nothing else: the parameters `jwk`, `jku`, `x5c` and `x5u` are never looked at, so a token cannot
bring its own key.

What the payload means is not checked here; `jwt`, `claims` and `tokenward.tokens` do that.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import algorithms as registry
from tokenward.jose import base64url
from tokenward.jose.jwk import import_jwk
from tokenward.jose.jwks import JWKSet
from tokenward.jose.key_strength import InvalidKey
from tokenward.jose.keys import MAX_KID_LENGTH, PublicKey, SigningKey, VerificationKey
from tokenward.jose.strict_json import StrictJSONError, decode_object

MAX_TOKEN_BYTES: Final = 8192
MAX_HEADER_BYTES: Final = 4096
_MAX_REMEMBERED_HEADERS: Final = 64

# Parameters that change what the signature covers or how the payload is read. We understand no extension, so
# every `crit` names one that we do not; the unencoded payload of RFC 7797, compression and encryption are
# refused too, because another program that honours them would read another payload under the same signature.
_REFUSED_PARAMETERS: Final = ("crit", "b64", "zip", "enc")


class JWS(NamedTuple):
    """A verified JWS: its header parameters, its payload, and the key that verified it."""

    header: dict[str, Any]
    payload: bytes
    key: VerificationKey


class ProtectedHeader(NamedTuple):
    """A header that was read and checked, with the key that it chose.

    `typ` is the media type in lower case without `application/`, so that all its spellings are one; None
    when the header has none. `verify` is the method of the key that takes the signing input and the encoded
    signature.
    """

    parameters: dict[str, Any]
    typ: str | None
    key: VerificationKey
    verify: Callable[[bytes, bytes], None]


def sign_compact(header: Mapping[str, Any], payload: bytes, key: SigningKey) -> str:
    """Return the compact JWS of `payload`; `alg` and `kid` of the key are put into the header.

    Raises:
        ConfigurationError: when the header asks for another algorithm than the key has, or for what we
        refuse.
    """
    signing_input = encode_header(header, key) + b"." + base64url.encode(payload)
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode("ascii")


def encode_header(header: Mapping[str, Any], key: SigningKey) -> bytes:
    """Return the encoded protected header with `alg` and `kid` of `key` and the parameters of `header`.

    Raises:
        ConfigurationError: as `sign_compact` does.
    """
    if header.get("alg", key.alg) != key.alg:
        raise ConfigurationError(f"The header asks for another algorithm than the key has, {key.alg}.")
    for name in _REFUSED_PARAMETERS:
        if name in header:
            raise ConfigurationError(f"The header parameter `{name}` is not supported.")
    return base64url.encode(msgspec.json.encode({"alg": key.alg, "kid": key.kid, **header}))


def verify_compact(
    token: str | bytes, keys: JWKSet, *, algorithms: Iterable[str], max_bytes: int = MAX_TOKEN_BYTES
) -> JWS:
    """Return the verified JWS, or raise. `typ` and the payload are the caller's to check.

    Raises:
        InvalidToken: when anything is wrong with the token.
        ConfigurationError: when `algorithms` is empty or names one that does not exist here.
    """
    verifier = CompactVerifier(keys, allowed_algorithms(algorithms))
    header, payload = verifier.verify(token_bytes(token, max_bytes))
    return JWS(dict(header.parameters), payload, header.key)


def verify_with_own_key(
    token: str | bytes, *, typ: str, algorithms: frozenset[str], max_bytes: int = MAX_TOKEN_BYTES
) -> JWS:
    """Return a JWS that was verified with the public key in its own header, `jwk`; for DPoP proofs alone.

    Anybody can make one: it shows that its sender holds the key, and nothing else. `typ` is demanded, in lower case
    and without `application/`, so that no such object passes for a token, and no token for such an object. The `kid` of
    the returned key is its RFC 7638 thumbprint.

    Raises:
        InvalidToken: when anything is wrong with it.
    """
    signing_input, segment, payload, signature = _split(token_bytes(token, max_bytes))
    parameters = _read_parameters(segment, algorithms)
    kind = _media_type(parameters.get("typ"))
    if kind != typ:
        raise InvalidToken(reason="typ_missing" if kind is None else "typ_mismatch")
    key = _own_key(parameters)
    _check_allowed(key, algorithms)
    key.verify_encoded(signing_input, signature)
    return JWS(parameters, base64url.decode(payload), key)


def _own_key(parameters: Mapping[str, Any]) -> PublicKey:
    """Return the key that a header brings along; its `kid` is its thumbprint, whatever the JWK says of itself.

    With the `kid` of the JWK the thief of a token could call his own key by the thumbprint of the owner's.
    """
    jwk = parameters.get("jwk")
    try:
        if type(jwk) is dict:
            nameless = {name: member for name, member in jwk.items() if name != "kid"}
            key = import_jwk(nameless, alg=parameters["alg"])
            if isinstance(key, PublicKey):
                return key
    except InvalidKey:
        pass  # What is wrong with it is told below, in one way.
    raise InvalidToken(reason="header_jwk")


def unverified_header(token: str | bytes) -> dict[str, Any]:
    """Return the header parameters of a token that nobody has verified, for tools that show them.

    Raises:
        InvalidToken: when it has no strict JSON object as header.
    """
    segment, dot, _ = token_bytes(token, MAX_TOKEN_BYTES).partition(b".")
    if not dot:
        raise InvalidToken(reason="not_three_segments")
    return _decode_header(segment)


def token_bytes(token: str | bytes, max_bytes: int) -> bytes:
    """Return the token as bytes, after its type and its size were checked; nothing costly comes before that.

    Raises:
        InvalidToken: for another type, text that is not ASCII, and a token over `max_bytes`.
    """
    if type(token) is str:
        # Before the text becomes bytes: copying megabytes costs more than refusing them.
        if len(token) > max_bytes:
            raise InvalidToken(reason="too_large")
        try:
            return token.encode("ascii")
        except UnicodeEncodeError:
            pass  # It holds the token. What is raised below does not lead to it, as it would here.
        raise InvalidToken(reason="not_ascii")
    if type(token) is not bytes:
        raise InvalidToken(reason="not_a_string")
    if len(token) > max_bytes:
        raise InvalidToken(reason="too_large")
    return token


def allowed_algorithms(names: Iterable[str]) -> frozenset[str]:
    """Return the header values that `names` allow; `EdDSA` and `Ed25519` are one algorithm.

    Raises:
        ConfigurationError: when there is none, or one is not supported. `none` is never supported.
    """
    if isinstance(names, str):
        raise ConfigurationError("Give the algorithms as a list, even when it is only one.")
    allowed: frozenset[str] = frozenset()
    for name in names:
        if name not in registry.SUPPORTED:
            known = ", ".join(sorted(registry.SUPPORTED))
            raise ConfigurationError(f"There is no signature algorithm {name!r} here; these exist: {known}.")
        allowed |= registry.names_of(name)
    if not allowed:
        raise ConfigurationError("Name at least one algorithm that a token may be signed with.")
    return allowed


class CompactVerifier:
    """Verifies compact JWS against one set of keys, and remembers the headers that it has proved.

    A server sends few different headers: one for each key and kind of token. What a raw header segment means
    is remembered once a signature over it was valid, so that nobody without a key can fill the memory, and
    the next token with the same segment costs one look-up instead of decoding and checking it.
    """

    __slots__ = ("_algorithms", "_keys", "_proved")

    def __init__(self, keys: JWKSet, algorithms: frozenset[str]) -> None:
        self._keys = keys
        self._algorithms = algorithms
        self._proved: dict[bytes, ProtectedHeader] = {}

    def verify(self, token: bytes) -> tuple[ProtectedHeader, bytes]:
        """Return the header and the payload of a token whose signature is right; the payload was not read before.

        The size must have been checked before, with `token_bytes`.

        Raises:
            InvalidToken: when anything is wrong.
        """
        signing_input, segment, payload, signature = _split(token)
        header = self._proved.get(segment)
        if header is not None:
            header.verify(signing_input, signature)
            return header, base64url.decode(payload)
        header = self._read_header(segment)
        header.verify(signing_input, signature)
        if len(self._proved) >= _MAX_REMEMBERED_HEADERS:
            self._proved.clear()
        self._proved[segment] = header
        return header, base64url.decode(payload)

    def _read_header(self, segment: bytes) -> ProtectedHeader:
        parameters = _read_parameters(segment, self._algorithms)
        key = self._keys.find(parameters.get("kid"), parameters["alg"])
        _check_allowed(key, self._algorithms)
        return ProtectedHeader(parameters, _media_type(parameters.get("typ")), key, key.verify_encoded)


def _split(token: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the signing input of a compact JWS and its segments: header, payload, signature.

    However many dots a hostile token has, it is cut at three of them at most.

    Raises:
        InvalidToken: when there are not three segments.
    """
    try:
        segment, payload, signature = token.split(b".", 3)
    except ValueError:
        raise InvalidToken(reason="not_three_segments") from None
    return token[: -1 - len(signature)], segment, payload, signature


def _read_parameters(segment: bytes, algorithms: frozenset[str]) -> dict[str, Any]:
    """Return the parameters of a header after checking all that needs no key."""
    parameters = _decode_header(segment)
    for name in _REFUSED_PARAMETERS:
        if name in parameters:
            raise InvalidToken(reason=f"header_{name}")
    alg = parameters.get("alg")
    if type(alg) is not str or alg not in algorithms:
        raise InvalidToken(reason="alg_not_allowed")
    kid = parameters.get("kid")
    if "kid" in parameters and not (type(kid) is str and 0 < len(kid) <= MAX_KID_LENGTH):
        raise InvalidToken(reason="header_kid")
    if "typ" in parameters and type(parameters["typ"]) is not str:
        raise InvalidToken(reason="header_typ")
    return parameters


def _check_allowed(key: VerificationKey, algorithms: frozenset[str]) -> None:
    """Refuse a key whose algorithm is not allowed although the name in the header is.

    `EdDSA` means Ed25519 or Ed448, and only the key tells which of them.
    """
    if not key.header_algorithms <= algorithms:
        raise InvalidToken(reason="alg_not_allowed")


def _decode_header(segment: bytes) -> dict[str, Any]:
    if len(segment) > MAX_HEADER_BYTES:
        raise InvalidToken(reason="header_too_large")
    try:
        return decode_object(base64url.decode(segment), max_bytes=MAX_HEADER_BYTES)
    except StrictJSONError as error:
        raise InvalidToken(reason=f"header_{error.reason}") from None


def _media_type(typ: str | None) -> str | None:
    """Return the media type in one spelling: case and `application/` do not count (RFC 7515 section 4.1.9)."""
    if typ is None or not typ.isascii():
        # Outside ASCII, lower case can turn another letter into one of ours.
        return typ
    return typ.lower().removeprefix("application/")
