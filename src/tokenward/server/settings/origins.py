"""Origins of web pages (RFC 6454), as browsers write them into the header `Origin`."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

# Lower case, as browsers send it: an origin is compared byte by byte.
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)"
    r"(:(?P<port>[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST = 255
_LONGEST_SHOWN = 60


def origin_of(url: str) -> str:
    """The origin that a browser gives to pages of this `http` or `https` URL."""
    parts = urlsplit(url)
    host = _host(parts)
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"


def why_refused(origin: str, *, dev: bool) -> str:
    """What is wrong with an origin that pages may be listed by, as the end of "must …"; empty when all is well.

    `null` is the origin of every sandboxed frame and of many things more; it is nobody's.
    """
    written = _ORIGIN.fullmatch(origin) if len(origin) <= _LONGEST else None
    if written is None or not _is_canonical(origin):
        return (
            "list origins as browsers write them: a scheme, a host in lower case and ASCII, a port unless it is the "
            f"usual one, and nothing behind. {origin[:_LONGEST_SHOWN]!a} is none"
        )
    if written["scheme"] == "http" and not (dev and _is_loopback(written["host"])):
        # Whoever is on the network's way could put a script into a page that came by plain HTTP.
        return (
            f"list https origins, or http ones on loopback under dev. {origin[:_LONGEST_SHOWN]!a} is neither"
        )
    return ""


def _is_canonical(origin: str) -> bool:
    try:
        return origin_of(origin) == origin
    except ValueError:
        return False


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{ipaddress.IPv6Address(host)}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    # Browsers resolve the whole of .localhost to loopback (RFC 6761 section 6.3).
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
