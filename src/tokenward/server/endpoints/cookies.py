"""Cookies of RFC 6265bis: read strictly, and set so that no other site, no script and no plain HTTP sees them."""

from tokenward.server.endpoints.messages import Header, Request

# A browser takes a cookie with this prefix only from the host itself, over TLS, for the whole host: a subdomain or
# somebody on the way of plain HTTP can plant none. Loopback counts as safe, so it is no different under `dev`.
_PREFIX = "__Host-"
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"


class Cookie:
    """A cookie of this server, by its name without the prefix."""

    def __init__(self, name: str) -> None:
        self._name = _PREFIX + name
        self._key = self._name.encode()

    def values(self, request: Request) -> list[str]:
        """What the request has under this name: any text, of which nothing is checked.

        A browser sends one at most, but for a partitioned cookie beside another. Only blanks and tabs around a name
        are no part of it: what trims other white space takes a cookie that a subdomain planted for one with the prefix.
        """
        found = []
        for header in request.header_values(b"cookie"):
            for pair in header.split(b";"):
                name, equals, value = pair.partition(b"=")
                if equals and name.strip(b" \t") == self._key:
                    found.append(value.strip(b" \t").decode("latin-1"))
        return found

    def set(self, value: str, max_age_seconds: int) -> Header:
        """The header that sets it. `value` must be of letters, digits, `-` and `_`: that is not checked."""
        return (
            b"set-cookie",
            f"{self._name}={value}; Max-Age={max_age_seconds}; {_ATTRIBUTES}".encode(),
        )

    def clear(self) -> Header:
        """The header that makes a browser forget it."""
        return self.set("", 0)
