"""What our tokens say, and how one is verified.

It owns the kinds of tokens, the access token, the verifier with its memory of keys, verified tokens and
revocations, and the Bearer scheme. It does no I/O: keys and revocations are handed in, by the key ring in
the server, by what follows the issuer in a guard. Signatures and JSON are in `tokenward.jose`; issuing is in
`tokenward.server`.

RFC 6750, RFC 8725 section 3, RFC 9068.
"""

from tokenward.tokens.access_token import AccessToken, encode_access_token
from tokenward.tokens.bearer import MissingToken, challenge, parse_authorization
from tokenward.tokens.profiles import ACCESS_TOKEN, Profile
from tokenward.tokens.revocation_set import RevocationRecord, RevocationSet
from tokenward.tokens.verifier import TokenVerifier

__all__ = [
    "ACCESS_TOKEN",
    "AccessToken",
    "MissingToken",
    "Profile",
    "RevocationRecord",
    "RevocationSet",
    "TokenVerifier",
    "challenge",
    "encode_access_token",
    "parse_authorization",
]
