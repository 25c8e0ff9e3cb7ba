"""Reading `WWW-Authenticate` for whether an API refuses the access token itself (RFC 6750, 3; RFC 9110, 11.6.1)."""

import re
from collections.abc import Iterable
from typing import Final

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar
_MAX_LENGTH: Final = 8192
# Either a parameter of the challenge before it, or the scheme of a new one, with its token68 if it has one.
_PART: Final = re.compile(
    rf'[\s,]*(?:(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_TOKEN}))'
    rf"|(?P<scheme>{_TOKEN})(?:[ ]+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$)))?)",
    re.ASCII,
)


def refuses_token(values: Iterable[str]) -> bool:
    """Whether one of the challenges is Bearer's and says `error="invalid_token"`.

    A missing token, a missing scope (`insufficient_scope`) and another scheme's challenge are not that; a fresh token
    would change nothing about them.
    """
    return any(_says_invalid_token(value) for value in values)


def _says_invalid_token(value: str) -> bool:
    if len(value) > _MAX_LENGTH:
        return False
    scheme, position = "", 0
    while (part := _PART.match(value, position)) is not None:
        position = part.end()
        if part["scheme"]:
            scheme = part["scheme"].lower()
        elif scheme == "bearer" and part["name"].lower() == "error":
            said = part["plain"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"])
            if said == "invalid_token":
                return True
    return False
