"""Registered names in the spelling of their registries.

Claims of RFC 7519 section 4.1, RFC 8417, RFC 9068 section 2.2 and OpenID Connect Core, and the media types that
`typ` may say.
"""

from typing import Final

ISS: Final = "iss"
SUB: Final = "sub"
AUD: Final = "aud"
EXP: Final = "exp"
NBF: Final = "nbf"
IAT: Final = "iat"
JTI: Final = "jti"
CLIENT_ID: Final = "client_id"
SCOPE: Final = "scope"
SID: Final = "sid"
ROLES: Final = "roles"
CNF: Final = "cnf"
NONCE: Final = "nonce"
AZP: Final = "azp"
AUTH_TIME: Final = "auth_time"
ACR: Final = "acr"
AMR: Final = "amr"
AT_HASH: Final = "at_hash"
C_HASH: Final = "c_hash"
EVENTS: Final = "events"

RSQ: Final = "rsq"
"""Ours, not registered: the highest number of the revocation log when the token's session was seen alive."""

ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - a media type, not a secret
JWT_TYPE: Final = "jwt"
LOGOUT_TOKEN_TYPE: Final = "logout+jwt"  # noqa: S105 - a media type, not a secret
SECURITY_EVENT_TOKEN_TYPE: Final = "secevent+jwt"  # noqa: S105 - a media type, not a secret
CLIENT_ASSERTION_TYPE: Final = "client-authentication+jwt"
DPOP_PROOF_TYPE: Final = "dpop+jwt"
BEARER: Final = "Bearer"
