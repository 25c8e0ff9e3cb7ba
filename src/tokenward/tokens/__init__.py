"""What tokens say, and how one is verified.

It owns the kinds of tokens (the profiles), the verifier with its memory of keys, verified tokens and revocations, keys
that are fetched from an issuer, and the Bearer scheme. Only `RemoteJWKSet` and `AsyncRemoteJWKSet` touch the network;
they and what they need are loaded when somebody uses them. Signatures and JSON are in `tokenward.jose`; issuing is in
`tokenward.server`.

RFC 6750, RFC 7523 section 3, RFC 8417, RFC 8725 section 3, RFC 9068, RFC 9449 section 4, OpenID Connect Core 1.0.
"""

from typing import TYPE_CHECKING, Any

from tokenward.tokens.access_token import AccessToken, encode_access_token
from tokenward.tokens.bearer import MissingToken, challenge, parse_authorization
from tokenward.tokens.client_assertion import ClientAssertion, InsecureUntypedClientAssertion
from tokenward.tokens.custom import Custom, CustomToken
from tokenward.tokens.event_tokens import InsecureUntypedLogoutToken, LogoutToken, SecurityEventToken
from tokenward.tokens.id_token import IDToken, IDTokenVerifier
from tokenward.tokens.issuers import Issuers
from tokenward.tokens.key_source import AsyncKeySource, KeySource, KeysUnavailable
from tokenward.tokens.provider_tokens import (
    Auth0AccessToken,
    CognitoAccessToken,
    EntraAccessToken,
    GoogleIDToken,
    InsecureUntypedAccessToken,
    KeycloakAccessToken,
    OktaAccessToken,
)
from tokenward.tokens.revocation_set import RevocationRecord, RevocationSet
from tokenward.tokens.verified_token import VerifiedToken
from tokenward.tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from tokenward.tokens.dpop_proof import DPoPProof, DPoPProofVerifier
    from tokenward.tokens.remote_jwks import AsyncRemoteJWKSet, RemoteJWKSet

__all__ = [
    "AccessToken",
    "AsyncKeySource",
    "AsyncRemoteJWKSet",
    "Auth0AccessToken",
    "ClientAssertion",
    "CognitoAccessToken",
    "Custom",
    "CustomToken",
    "DPoPProof",
    "DPoPProofVerifier",
    "EntraAccessToken",
    "GoogleIDToken",
    "IDToken",
    "IDTokenVerifier",
    "InsecureUntypedAccessToken",
    "InsecureUntypedClientAssertion",
    "InsecureUntypedLogoutToken",
    "Issuers",
    "KeySource",
    "KeycloakAccessToken",
    "KeysUnavailable",
    "LogoutToken",
    "MissingToken",
    "OktaAccessToken",
    "RemoteJWKSet",
    "RevocationRecord",
    "RevocationSet",
    "SecurityEventToken",
    "TokenVerifier",
    "VerifiedToken",
    "challenge",
    "encode_access_token",
    "parse_authorization",
]

# What takes long to import, and is not needed where the keys are at hand.
_LATER = {
    "AsyncRemoteJWKSet": "tokenward.tokens.remote_jwks",
    "DPoPProof": "tokenward.tokens.dpop_proof",
    "DPoPProofVerifier": "tokenward.tokens.dpop_proof",
    "RemoteJWKSet": "tokenward.tokens.remote_jwks",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
