"""`parse_authorization`: any header values give a token of the allowed letters, or one of three errors (RFC 6750)."""

import re
from typing import Final

from fuzz.judge import check_error, demand
from tokenward.errors import InvalidRequest, InvalidToken
from tokenward.tokens.bearer import MissingToken, challenge, parse_authorization

MAX_BYTES: Final = 9000
SEEDS: Final = (
    *(
        b"Bearer abc.def.ghi",
        b"bearer  a=",
        b"BEARER a==",
        b"Bearer",
        b"Bearer ",
        b"Bearer\ta",
        b"Basic YTpi",
    ),
    *(
        b"Bearer a,b",
        b"Bearer a\x00b",
        b"Bearer a b",
        b"\nBearer a\nBearer b",
        b"\n",
        b"\n\n",
        b"Bearer =",
        b"Bearer a=b",
    ),
    b"Bearer " + b"a" * 8300,
)

_WHOLE: Final = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_LINE: Final = re.compile(r'Bearer( [a-z_]+="[\x20-\x7e]*"(, [a-z_]+="[\x20-\x7e]*")*)?')


def run(data: bytes) -> None:
    """Take the lines of `data` for header values; the first line break is a sign that there is more than one."""
    values = data.split(b"\n", 2)[1:] if data[:1] == b"\n" else [data]
    try:
        token = parse_authorization(values)
    except InvalidToken as error:
        check_error(error, [data[7:]])
        ours = values[0][:6].lower() == b"bearer" or len(data) > 8192
        demand(that=ours, otherwise="another scheme was taken for ours")
    except InvalidRequest:
        demand(that=len(values) == 2, otherwise="one header was taken for two")
    except MissingToken:
        demand(
            that=not any(_WHOLE.fullmatch(value) for value in values),
            otherwise="a bearer token was overlooked",
        )
    else:
        found = _WHOLE.fullmatch(values[0])
        demand(
            that=found is not None and found[1] == token.encode(),
            otherwise="this is not the token of the header",
        )
        demand(that=len(values) == 1, otherwise="one of two tokens was taken")
    text = data[:64].decode("latin-1")
    line = challenge(realm=text, error="invalid_token", error_description=text, scope=text)
    demand(that=_LINE.fullmatch(line) is not None, otherwise="a challenge is not one line of printable text")
