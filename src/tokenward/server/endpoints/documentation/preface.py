"""What holds for every operation, in words: the head of the description."""

PREFACE = """\
Every answer to a request carries `X-Request-Id`; the log has what happened under that id. `HEAD` is answered wherever
`GET` is. A path that is not here is answered with 404 `not_found`, and a method that a path does not have with 405
`method_not_allowed` and the header `Allow`.

An error is a problem document of RFC 9457 (`application/problem+json`) with the members `type`, `title`, `status`,
`code`, `detail` and `request_id`. Compare `code`, which is stable; `detail` is for people. What is refused before it is
a request (a head that is too long, too slow or not HTTP) is answered in the same form without `request_id`.

An access token travels in the header `Authorization: Bearer TOKEN` and nowhere else: a request with a token or a
password in its URL is refused. A body may have no member that is not described, and none twice. A request with an
`Origin` header that is neither this server's own nor in the setting `browser_origins` is refused by the paths under
`/api/v1/auth/`. Pages of the origins in that setting may read every answer (CORS), and no others.

With `"delivery": "cookie"` in a body that has `delivery`, the refresh token comes and goes in the cookie
`__Host-tokenward-refresh` and is no member of the answer. Such a request must be JSON and have an `Origin` as above and
the header `X-Tokenward: 1`, or the answer is 403. No cookie is read or set otherwise.

A list answers a page: `items`, and `next_cursor`, which is `null` at the end and else the `cursor` of the next page. It
refuses parameters that it does not know.

Under `/api/v1/admin/` the account of the token needs the role `admin`, now and when the token was issued.
"""

TAGS = {
    "Sign-in": "Register, sign in, stay signed in, sign out.",
    "Own account": "The account that is signed in, and where it is.",
    "Administration": "Accounts, sessions, keys, revocations and the audit trail of everybody.",
    "Discovery": "What clients and APIs need to know of this server.",
    "Operation": "What operators and their programs ask.",
}
"""What belongs together, and of what it tells."""


def tag_of(path: str) -> str:
    """Where a path belongs."""
    if path.startswith("/api/v1/auth/"):
        return "Sign-in"
    if path.startswith("/api/v1/users/me"):
        return "Own account"
    if path.startswith("/api/v1/admin/"):
        return "Administration"
    return (
        "Discovery" if path.startswith(("/.well-known/", "/openapi", "/docs", "/tokenward.")) else "Operation"
    )
