"""Several issuers at one API: each with its own keys, algorithms and audience (RFC 8725 section 3.8)."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose.jws import token_bytes
from tokenward.jose.jwt import unverified_issuer
from tokenward.tokens.verifier import TokenVerifier

Result = TypeVar("Result", covariant=True)


class Issuers(Generic[Result]):
    """Verifies a token with the verifier of the issuer that it names.

    The `iss` of a token that nobody has verified yet is a key to look up and nothing more: no address is made of it,
    and one that is not known costs neither a signature nor a request. The verifier then demands its own issuer, so
    the keys of one issuer never vouch for the tokens of another.

    Raises:
        ConfigurationError: when two verifiers are for one issuer, or there is none.
    """

    def __init__(self, verifiers: Iterable[TokenVerifier[Result]]) -> None:
        self._verifiers: dict[str, TokenVerifier[Result]] = {}
        for verifier in verifiers:
            if not isinstance(verifier, TokenVerifier):
                raise ConfigurationError("`Issuers` takes a list of TokenVerifier.")
            if verifier.issuer in self._verifiers:
                raise ConfigurationError(f"Two verifiers are for the issuer {verifier.issuer!r}.")
            self._verifiers[verifier.issuer] = verifier
        if not self._verifiers:
            raise ConfigurationError("`Issuers` needs at least one verifier.")
        self._max_token_bytes = max(verifier.max_token_bytes for verifier in self._verifiers.values())

    def verify(self, token: str | bytes) -> Result:
        """Return the token, verified by the verifier of its issuer.

        Raises:
            InvalidToken: when the issuer is not known, or its verifier refuses the token.
            KeysUnavailable: as `TokenVerifier.verify` does.
            ConfigurationError: as `TokenVerifier.verify` does.
        """
        data = token_bytes(token, self._max_token_bytes)
        return self._verifier_of(data).verify(data)

    async def verify_async(self, token: str | bytes) -> Result:
        """Return the token like `verify`, and wait for remote keys without holding up the event loop.

        Raises:
            InvalidToken: when the issuer is not known, or its verifier refuses the token.
            KeysUnavailable: as `TokenVerifier.verify_async` does.
            ConfigurationError: as `TokenVerifier.verify_async` does.
        """
        data = token_bytes(token, self._max_token_bytes)
        return await self._verifier_of(data).verify_async(data)

    def _verifier_of(self, data: bytes) -> TokenVerifier[Result]:
        verifier = self._verifiers.get(unverified_issuer(data))
        if verifier is None:
            raise InvalidToken(reason="issuer_unknown", claim="iss")
        return verifier
