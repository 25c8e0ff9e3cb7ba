"""The refresh token in a cookie instead of a body, and the mark of the device beside it.

A cookie is read and set only for a request that asks for `"delivery": "cookie"` and that no foreign page can make
(`browsers`). So there is one source of the token for each request, which the request itself names.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from tokenward.errors import InvalidRequest
from tokenward.server.endpoints.api.rendering import Tokens
from tokenward.server.endpoints.browsers import PageOrigins
from tokenward.server.endpoints.cookies import Cookie
from tokenward.server.endpoints.messages import NO_STORE, Header, Request, Response, json_response
from tokenward.server.keyring.device_key import DEVICE_KEPT_SECONDS
from tokenward.server.token_issuer import TokenResponse

Delivery: TypeAlias = Annotated[
    Literal["body", "cookie"],
    Meta(
        description="Where the refresh token comes from and goes to; in the body unless this says otherwise."
    ),
]

REFRESH_COOKIE = Cookie("tokenward-refresh")
DEVICE_COOKIE = Cookie("tokenward-device")


class CookieDelivery:
    """Reads what the cookies of a request hold, once the request may use them, and answers with cookies."""

    def __init__(self, pages: PageOrigins) -> None:
        self._pages = pages

    def check(self, request: Request, delivery: Delivery, refresh_token: str | None = None) -> bool:
        """Whether the request wants cookies, and may have them; `refresh_token` is what its body holds.

        Raises:
            OriginRefused, BrowserCheckFailed: a foreign page may have made the request.
            InvalidRequest: it brings a refresh token in the body as well.
        """
        if delivery != "cookie":
            return False
        self._pages.check_cookie_delivery(request)
        if refresh_token is not None:
            msg = 'With "delivery": "cookie" the refresh token comes in the cookie. Leave refresh_token out.'
            raise InvalidRequest(msg, reason="refresh token in body and cookie")
        return True

    def read_refresh_token(self, request: Request) -> str | None:
        """What stands in the cookie. Only for a request that `check` let through.

        Raises:
            InvalidRequest: there are several cookies of the name.
        """
        values = REFRESH_COOKIE.values(request)
        if len(values) > 1:
            msg = "The request has several cookies of the same name. Delete the cookies of this site."
            raise InvalidRequest(msg, reason="several refresh cookies")
        return values[0] if values else None

    def read_device(self, request: Request) -> str:
        """What stands in the cookie of the device; empty where there is none, or several."""
        values = DEVICE_COOKIE.values(request)
        return values[0] if len(values) == 1 else ""


def deliver(
    tokens: TokenResponse,
    answer: Tokens,
    *,
    in_cookie: bool,
    keep_cookie: bool = False,
    device: str = "",
) -> Response:
    """The answer that brings these tokens, the refresh token in its body or in the cookie.

    With `keep_cookie` the cookie that the browser has is the right one, and is not sent again: an answer that arrives
    late would put an old token in the place of a new one. `device` is set as well where it is not empty.
    """
    if not in_cookie:
        return json_response(answer)
    answer.refresh_token = msgspec.UNSET
    cookies: list[Header] = []
    if not keep_cookie:
        cookies.append(REFRESH_COOKIE.set(tokens.refresh_token, tokens.session_expires_in))
    if device:
        cookies.append(DEVICE_COOKIE.set(device, DEVICE_KEPT_SECONDS))
    return json_response(answer, headers=(*NO_STORE, *cookies))
