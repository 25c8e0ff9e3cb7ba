"""Who is signed in, as a route of the application gets it, and what else a route may demand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from tokenward.errors import ConfigurationError, Error, InvalidRequest
from tokenward.protocol.errors import INSUFFICIENT_ROLE, INSUFFICIENT_SCOPE
from tokenward.tokens.access_token import AccessToken

C_co = TypeVar("C_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Principal(Generic[C_co]):
    """The account of a verified access token, which was not revoked a moment ago.

    `sub` names the account for ever; it is what to keep beside a row. `roles` are as they were when the token was
    issued: whoever takes a role away revokes the tokens that have it. `claims` are what the application added, of the
    type that it gave as `claims_type`; without one, all claims of the token, read-only.
    """

    sub: str
    roles: tuple[str, ...]
    claims: C_co
    token: AccessToken

    @property
    def scope(self) -> frozenset[str]:
        """The values of the token's scope."""
        return self.token.scope


class RoleMissing(Error):
    """The token is good, but its account lacks a role."""

    code = INSUFFICIENT_ROLE
    status = 403
    description = "Your account lacks the role that this needs."


class ScopeMissing(Error):
    """The token is good, but its scope does not reach so far (RFC 6750 section 3.1). `scope` is what is needed."""

    code = INSUFFICIENT_SCOPE
    status = 403
    description = "The scope of this access token does not reach so far."

    def __init__(self, scope: str) -> None:
        super().__init__(reason=f"scope lacks one of: {scope}")
        self.scope = scope


class Demands(NamedTuple):
    """What a route asks of a signed-in account: every one of these roles, and every value of this scope."""

    roles: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()

    @classmethod
    def of(cls, roles: Iterable[str], scope: Iterable[str]) -> "Demands":
        """The demands, once they can be ones.

        Raises:
            ConfigurationError: a text was given for a list of texts, whose letters would each be a demand.
        """
        if isinstance(roles, str) or isinstance(scope, str):
            raise ConfigurationError('Give roles and scope as lists: requires(roles=["admin"]).')
        return cls(tuple(roles), tuple(scope))

    def check(self, token: AccessToken) -> None:
        """Refuse a token that does not meet them.

        Raises:
            ScopeMissing, RoleMissing: it lacks one.
        """
        if not token.scope.issuperset(self.scope):
            raise ScopeMissing(" ".join(self.scope))
        if not set(self.roles).issubset(token.roles):
            raise RoleMissing(reason=f"lacks one of the roles {', '.join(self.roles)}")


def authorization_values(scope: Mapping[str, Any]) -> Sequence[bytes]:
    """All values of the `Authorization` header of an ASGI connection, the only place where a token is taken from.

    Raises:
        InvalidRequest: there is an access token in the URL too. The two could mean two users, and URLs are logged.
    """
    query: bytes = scope.get("query_string") or b""
    # A name may be spelled with percent signs as well: access%5Ftoken.
    for parameter in (unquote_to_bytes(query) if b"%" in query else query).split(b"&"):
        if parameter.lower().startswith(b"access_token="):
            msg = "An access token does not belong in a URL. Send it in the Authorization header."
            raise InvalidRequest(msg, reason="access token in the query")
    # Servers give names in lower case, as ASGI says. One that does not must not hide a second header.
    return [value for name, value in scope["headers"] if name.lower() == b"authorization"]
