"""Whose request it is: the connection's own address, or what a trusted proxy says of it.

Addresses decide under which name a client is throttled and whether it may read the metrics, so a client that could
write its own would be throttled by nobody. One header is believed, the one that the settings name: proxies commonly
write one of the two and pass the other on as the client sent it.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address

from tokenward.errors import InvalidRequest
from tokenward.server.endpoints.messages import Header
from tokenward.server.endpoints.security import is_within

UNIX_PEER = "unix"
"""The address of a connection by a Unix socket. Whom the file's mode lets in is trusted as a proxy."""

FORWARDED = b"forwarded"
X_FORWARDED_FOR = b"x-forwarded-for"

UNREADABLE = "proxy.address_unreadable"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 calls it so
_PAIR = re.compile(rf'({_TOKEN})=({_TOKEN}|"((?:[^"\\\x00-\x1f\x7f]|\\[\t\x20-\x7e])*)")')
_BETWEEN = re.compile(r"[ \t]*([;,])[ \t;,]*|[ \t]*\Z")
_NODE_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?")
_HIDDEN = re.compile(r"(?:unknown|_[A-Za-z0-9._-]+)(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?", re.IGNORECASE)


def client_address(
    peer: str, headers: list[Header], trusted: tuple[IPv4Network | IPv6Network, ...], believed: bytes
) -> str:
    """The client's address; empty where a trusted proxy says that it does not tell.

    `believed` is the header that the proxies write. It is read from its end: each proxy appended the address it saw, so
    the last one that is not itself a trusted proxy is the client. What stands before it was written by the client and
    proves nothing. An unknown address is in no network, so it never counts as loopback.

    Raises:
        InvalidRequest: a trusted proxy passed on what cannot be read. Taking the proxy's address instead would give
            such a request the rights of the proxy.
    """
    if peer != UNIX_PEER and not is_within(peer, trusted):
        return peer
    text = b",".join(value for name, value in headers if name == believed).decode("latin-1")
    address: str | None = "" if peer == UNIX_PEER else peer
    for hop in reversed(_forwarded_for(text) if believed == FORWARDED else _x_forwarded_for(text)):
        address = _address(hop)
        if address is None or not is_within(address, trusted):
            break
    return address or ""


def _x_forwarded_for(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _forwarded_for(text: str) -> list[str]:
    """The `for` of each element (RFC 7239 section 4), `unknown` where it has none.

    The whole is parsed, strictly: with an open quote a client could swallow what the proxy appended.
    """
    hops: list[str | None] = []
    for starts_element, name, value in _pairs(text):
        if starts_element:
            hops.append(None)
        if name == "for":
            if hops[-1] is not None:
                raise _unreadable()
            hops[-1] = value
    return ["unknown" if hop is None else hop for hop in hops]


def _pairs(text: str) -> Iterator[tuple[bool, str, str]]:
    """Name and value of each pair, and whether it is the first of its element."""
    at, starts_element = len(text) - len(text.lstrip(" \t,;")), True
    while at < len(text):
        pair = _PAIR.match(text, at)
        between = None if pair is None else _BETWEEN.match(text, pair.end())
        if pair is None or between is None:
            raise _unreadable()
        value = pair[2] if pair[3] is None else re.sub(r"\\(.)", r"\1", pair[3])
        yield starts_element, pair[1].lower(), value
        starts_element = "," in between[0]
        at = between.end()


def _address(hop: str) -> str | None:
    """The address of a node without its port, or None where it is not told (RFC 7239 section 6)."""
    if _HIDDEN.fullmatch(hop):
        return None
    node = _NODE_PORT.fullmatch(hop)
    try:
        # Without brackets in `X-Forwarded-For`: an IPv6 address alone.
        return str(ip_address(hop if node is None else node[1] or node[2]))
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> InvalidRequest:
    msg = "A header in which proxies tell where a request came from cannot be read. Send none, or a well-formed one."
    return InvalidRequest(msg, reason=UNREADABLE)
