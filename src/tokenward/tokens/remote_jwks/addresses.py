"""Which addresses keys may be fetched from: the ones that are configured, over TLS (RFC 8414 section 6.1)."""

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tokenward.errors import ConfigurationError

MAX_URL_LENGTH: Final = 2048
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[\w.-]*\w))(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class Address(NamedTuple):
    """A checked address, taken apart. `host` is lower-case and has no brackets; `target` is path and query."""

    url: str
    scheme: str
    host: str
    port: int
    target: str


def check_address(url: str, *, insecure_loopback_http: bool) -> Address:
    """Return the parts of `url`, which must be `https`, or `http` to this machine where that is allowed by name.

    Where the name leads is not checked here; the transport can.

    Raises:
        ConfigurationError: for another scheme, for user information, a fragment, or what two programs could read
            differently.
    """
    # A parser that drops a tab or reads a backslash as a slash sees another host than the next one does (B04).
    if type(url) is not str or not 0 < len(url) <= MAX_URL_LENGTH or not re.fullmatch(r"[!-\[\]-~]+", url):
        raise ConfigurationError("An address must be a string of at most 2048 printable ASCII characters.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(f"The address {url!r} is not a URL.") from None
    if "@" in parts.netloc or "#" in url:
        raise ConfigurationError("An address must have no user information and no fragment.")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None or (parts.path and not parts.path.startswith("/")):
        raise ConfigurationError(f"The address {url!r} has no host, or a malformed one.")
    host = (authority["name"] or _ipv6(authority["six"])).lower()
    if parts.scheme == "http" and not (insecure_loopback_http and host in LOOPBACK_HOSTS):
        raise ConfigurationError(
            f"The address {url!r} must begin with https://. Only for an address on this machine, "
            "`insecure_loopback_http=True` allows http."
        )
    if parts.scheme not in ("https", "http"):
        raise ConfigurationError(f"The address {url!r} must begin with https://.")
    port = int(authority["port"] or (443 if parts.scheme == "https" else 80))
    if not 0 < port < 65536:
        raise ConfigurationError(f"The address {url!r} has no port that exists.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(url, parts.scheme, host, port, target)


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ConfigurationError("An address names a malformed IPv6 address.") from None


def is_loopback(ip: str) -> bool:
    """Whether a resolved IP address is this machine."""
    return ipaddress.ip_address(ip.partition("%")[0]).is_loopback


def is_public(ip: str) -> bool:
    """Whether a resolved IP address is on the public internet, also by the IPv4 address that it stands for.

    Loopback, private, link-local, shared, multicast and reserved addresses are not: the metadata services of clouds
    and everything behind the firewall are there (B06).
    """
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None:
            tunnelled = address.sixtofour is not None or address.teredo is not None
            return address in _GLOBAL_UNICAST and address.is_global and not tunnelled
        address = inner
    return address.is_global and not address.is_multicast
