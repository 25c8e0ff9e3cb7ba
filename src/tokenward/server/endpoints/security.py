"""What guards every request: the bearer guard, and the headers on each answer."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote_to_bytes

from tokenward.errors import InvalidRequest
from tokenward.server.endpoints.messages import Header, Request
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.revocation.log import RevocationLog
from tokenward.tokens.access_token import AccessToken
from tokenward.tokens.bearer import parse_authorization
from tokenward.tokens.verifier import TokenVerifier

SECURITY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    # Nothing here is a page: an answer that a browser shows loads and runs nothing, and nobody frames it.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
HSTS: Header = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")

_SECRET_PARAMETERS = (b"access_token=", b"refresh_token=", b"id_token=", b"token=", b"password=")


class BearerGuard:
    """Verifies the access token of a request, against keys and revocations as they are now.

    Before each verdict it asks the storage whether anything moved, so a token that a command in another process
    revoked is refused by the very next request.
    """

    def __init__(
        self, *, verifier: TokenVerifier[AccessToken], ring: KeyRing, revocations: RevocationLog
    ) -> None:
        self._verifier = verifier
        self._ring = ring
        self._revocations = revocations
        self._revision = -1

    async def check(self, request: Request) -> AccessToken:
        """The verified access token.

        Raises:
            MissingToken, InvalidRequest, InvalidToken: as RFC 6750 section 3.1 distinguishes them.
            StorageUnavailable: whether it was revoked cannot be known now.
        """
        token = parse_authorization(request.header_values(b"authorization"))
        await self.catch_up()
        return self._verifier.verify(token)

    async def catch_up(self) -> None:
        """Hold what the storage holds now: revocations, and the keys if the ring moved."""
        position = await self._revocations.catch_up()
        if position.ring_revision != self._revision:
            await self._ring.catch_up(position)
            self._verifier.replace_keys(self._ring.verification_keys)
            self._revision = self._ring.revision


def check_no_secret_in_query(query: bytes) -> None:
    """Refuse a token or password in a URL: it ends in histories, proxies' logs and Referer headers.

    Raises:
        InvalidRequest: whatever the endpoint, and although nobody would read it there.
    """
    # A name may be spelled with percent signs as well: access%5Ftoken.
    for parameter in (unquote_to_bytes(query) if b"%" in query else query).split(b"&"):
        if parameter.lower().startswith(_SECRET_PARAMETERS):
            msg = (
                "A token or password does not belong in a URL. Send an access token in the Authorization header; "
                "this one should be revoked, since URLs are logged."
            )
            raise InvalidRequest(msg, reason="secret in the query")


def is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        # A socket for both families names an IPv4 peer like this.
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
