"""Which web pages may send what: the look at `Origin`, and what a request must have that reads or sets a cookie.

A browser adds cookies to requests that any page makes it send. So where a cookie counts, the request must be one that
no foreign page can make: its `Origin`, which a page cannot choose, is this server's own or listed, and it carries a
header that a page may send to another origin only after asking (`cors`). The body is JSON for the same reason.
"""

from collections.abc import Iterable

from tokenward.errors import Error
from tokenward.protocol.errors import BROWSER_CHECK_FAILED, ORIGIN_REFUSED
from tokenward.server.endpoints.messages import Request

CUSTOM_HEADER = b"x-tokenward"
_CUSTOM_VALUE = b"1"


class OriginRefused(Error):
    """A page of another origin sent this request."""

    code = ORIGIN_REFUSED
    status = 403
    description = (
        "A page of another origin sent this request. Only pages of this server's own origin, and of those in its "
        "setting browser_origins, may do that."
    )


class BrowserCheckFailed(Error):
    """A request for cookie delivery that any page could have made a browser send."""

    code = BROWSER_CHECK_FAILED
    status = 403


class PageOrigins:
    """The origins whose pages may call this server: its own, and those that the settings list."""

    def __init__(self, own: str, listed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(origin.encode() for origin in (own, *listed))

    def check(self, request: Request) -> None:
        """Refuse a request that a browser sent for a page of another origin. Programs send no `Origin`.

        Raises:
            OriginRefused: the `Origin` header names an origin that is not allowed, or none (`null`).
        """
        for origin in request.header_values(b"origin"):
            if origin not in self._allowed:
                raise OriginRefused(reason="foreign Origin header")

    def check_cookie_delivery(self, request: Request) -> None:
        """Refuse a request for cookie delivery unless a page of an allowed origin sent it by script.

        Does not look at the `Content-Type`: only an endpoint that reads JSON may call this.

        Raises:
            OriginRefused: the `Origin` header names an origin that is not allowed.
            BrowserCheckFailed: it is missing or there are several, or the header `X-Tokenward` is not `1`.
        """
        self.check(request)
        if len(request.header_values(b"origin")) != 1:
            msg = 'A request with "delivery": "cookie" must have one Origin header, which browsers send by themselves.'
            raise BrowserCheckFailed(msg, reason="cookie delivery without Origin")
        if request.header_values(CUSTOM_HEADER) != [_CUSTOM_VALUE]:
            msg = 'A request with "delivery": "cookie" must have the header X-Tokenward: 1, once.'
            raise BrowserCheckFailed(msg, reason="cookie delivery without X-Tokenward")
