"""The token issuer: every token is born here.

Owns what an access token says (RFC 9068) and the shape of a token response (RFC 6749 section 5.1). Does not own
whether one may be issued: the caller brings a `Refreshed`, which says in which snapshot the session was alive.
"""

import os
from typing import NamedTuple

import msgspec

from tokenward.jose import base64url
from tokenward.server.accounts.application_claims import AddedClaims
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Refreshed
from tokenward.tokens.access_token import encode_access_token

# Those that access tokens can be signed with; each is counted from zero.
ALGORITHMS = ("ES256", "RS256", "HS256", "Ed25519")


class TokenResponse(NamedTuple):
    """What the client gets; `expires_in` in seconds, `sub` for whoever renders the user beside it.

    `session_expires_in` is in how many seconds the session ends, and its refresh token with it, if it is not refreshed.
    """

    access_token: str
    expires_in: int
    refresh_token: str
    scope: str
    sub: str
    session_expires_in: int


class TokenIssuer:
    """Issues access tokens for living sessions, signed by the ring's active key of `algorithm`.

    `issued` counts them by the algorithm that signed them.
    """

    def __init__(self, *, issuer: str, ring: KeyRing, algorithm: str, access_token_seconds: int) -> None:
        self._issuer = issuer
        self._ring = ring
        self._algorithm = algorithm
        self._access_token_seconds = access_token_seconds
        self.issued = dict.fromkeys(ALGORITHMS, 0)

    def issue(self, refreshed: Refreshed, added: AddedClaims | None = None) -> TokenResponse:
        """A token response for a session that was just started or refreshed.

        `iat` is the time read no later than the statement that saw the session alive, never the moment of signing,
        and `rsq` the head of the revocation log in that statement: so no token escapes a cut-off. `exp` never
        passes the session's own end. `added` are claims of the application's own, with a head of their own.
        """
        session = refreshed.session
        expires_at = min(refreshed.at + self._access_token_seconds, session.absolute_expires_at)
        claims = {
            "iss": self._issuer,
            "sub": session.sub,
            "aud": session.audience,
            "client_id": session.client_id,
            "exp": expires_at,
            "iat": refreshed.at,
            "jti": base64url.encode(os.urandom(16)).decode(),
            "scope": session.scope,
            "sid": sid_text(session.sid),
            "auth_time": session.auth_time,
            "amr": msgspec.json.decode(session.amr),
            "roles": refreshed.roles,
            "rsq": refreshed.rsq,
        }
        if added is not None:
            # The claims of a token that everybody trusts come last, so that none of them could be replaced.
            claims = {**added.claims, **claims, "rsq": min(added.n, refreshed.rsq)}
        key = self._ring.signing_key(self._algorithm)
        token = encode_access_token(claims, key)
        self.issued[key.alg] += 1
        return TokenResponse(
            token,
            expires_at - refreshed.at,
            refreshed.refresh_token,
            session.scope,
            session.sub,
            min(session.idle_expires_at, session.absolute_expires_at) - refreshed.at,
        )
