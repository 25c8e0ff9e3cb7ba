"""DPoP proofs: the sender of a request shows that it holds a key (RFC 9449 sections 4.2 and 4.3)."""

import hashlib
from collections.abc import Iterable
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import base64url
from tokenward.jose.claims import check_string, check_time
from tokenward.jose.jws import MAX_TOKEN_BYTES, allowed_algorithms, verify_with_own_key
from tokenward.jose.jwt import decode_claims
from tokenward.protocol import names

_SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
DEFAULT_ALGORITHMS: Final = ("ES256", "ES384", "Ed25519", "RS256", "PS256")


class DPoPProof(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A verified proof. `jkt` is the thumbprint of the key that it shows: what the token's `cnf.jkt` must be.

    That a `jti` comes once only while the proof is good is for the caller to check.
    """

    jkt: str
    jti: str
    htm: str
    htu: str
    iat: float
    nonce: str | None = None


class DPoPProofVerifier:
    """Verifies DPoP proofs, each with the key that it brings along.

    It is the one place where a key out of a header is used: it proves who sends the request, and nothing about who
    that is. The token does, by naming the key.

    Args:
        algorithms: what a proof may be signed with; no HMAC.
        clock: tells the time.
        max_age_seconds: how long after `iat` a proof is good.
        leeway_seconds: how far the sender's clock may be ahead.
    """

    def __init__(
        self,
        *,
        algorithms: Iterable[str] = DEFAULT_ALGORITHMS,
        clock: Clock = SystemClock(),  # noqa: B008 - it has no state
        max_age_seconds: int = 60,
        leeway_seconds: int = 5,
    ) -> None:
        self._algorithms = allowed_algorithms(algorithms)
        if not _SYMMETRIC.isdisjoint(self._algorithms):
            raise ConfigurationError("A DPoP proof is signed with a private key; an HMAC proves nothing.")
        for name, value in (("max_age_seconds", max_age_seconds), ("leeway_seconds", leeway_seconds)):
            if type(value) is not int or not 0 <= value <= 300:
                raise ConfigurationError(f"`{name}` must be a whole number from 0 to 300.")
        self._now = clock.now
        self._max_age_seconds = max_age_seconds
        self._leeway = leeway_seconds

    def verify(
        self,
        proof: str | bytes,
        *,
        method: str,
        url: str,
        access_token: str | None = None,
        nonce: str | None = None,
    ) -> DPoPProof:
        """Return the proof after every check of RFC 9449 section 4.3 but the one of `jti`.

        Args:
            proof: the value of the one `DPoP` header. That there is only one is for the caller to check.
            method: the method of the request, as it came.
            url: the address of the request as the client sees it; query and fragment do not count.
            access_token: the token that came with the request, when `ath` must be its hash.
            nonce: what the server has given out, when the proof must repeat it.

        Raises:
            InvalidToken: when it is refused.
        """
        jws = verify_with_own_key(
            proof, typ=names.DPOP_PROOF_TYPE, algorithms=self._algorithms, max_bytes=MAX_TOKEN_BYTES
        )
        claims = decode_claims(jws.payload)
        jti = check_string(claims, names.JTI)
        htm, htu = check_string(claims, "htm"), check_string(claims, "htu")
        if htm != method:
            raise InvalidToken(reason="method_mismatch", claim="htm")
        if _address(htu) != _address(url):
            raise InvalidToken(reason="address_mismatch", claim="htu")
        iat = check_time(claims, names.IAT)
        now = self._now()
        if not now >= iat - self._leeway:  # Refuses NaN too.
            raise InvalidToken(reason="issued_in_the_future", claim=names.IAT)
        if not now < iat + self._max_age_seconds + self._leeway:
            raise InvalidToken(reason="expired", claim=names.IAT)
        _check_text(claims, names.NONCE, nonce)
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode(errors="surrogatepass")).digest()
            _check_text(claims, "ath", base64url.encode(digest).decode())
        told = check_string(claims, names.NONCE) if names.NONCE in claims else None
        return DPoPProof(jkt=jws.key.kid, jti=jti, htm=htm, htu=htu, iat=iat, nonce=told)


def _check_text(claims: dict[str, Any], name: str, expected: str | None) -> None:
    if expected is None:
        return
    if not compare_digest(check_string(claims, name).encode(), expected.encode(errors="surrogatepass")):
        raise InvalidToken(reason=f"{name}_mismatch", claim=name)


def _address(url: str) -> tuple[str, str, int, str]:
    """Return what of an address counts: scheme, host, port and path (RFC 3986 sections 6.2.2 and 6.2.3)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidToken(reason="address_mismatch", claim="htu") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise InvalidToken(reason="address_mismatch", claim="htu")
    if port is None:
        port = _DEFAULT_PORTS[parts.scheme]
    return parts.scheme, parts.hostname, port, parts.path or "/"
