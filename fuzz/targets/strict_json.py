"""`decode_object`: any bytes give an object or `StrictJSONError`, and another strict reader says the same."""

from typing import Final

from fuzz.forging import VALUES
from fuzz.judge import check_error, demand
from fuzz.strict_reader import read_strictly
from tokenward.jose.strict_json import StrictJSONError, decode_object

MAX_BYTES: Final = 2048
_LIMIT: Final = 1024
SEEDS: Final = (
    *(b'{"a":' + value + b"}" for value in VALUES),
    b'{"iss":"https://id.example","aud":["a","b"],"exp":1800000000,"x":{"y":[true,null,1.5e3]}}',
    b'{ "a" : 1 , "b" : "\\u00e9\\ud83d\\ude00" }',
    b'{"a": 1, "b": [1, 2, {"c": "d"}], "e": {}}',
)


def run(data: bytes) -> None:
    """Read `data` in both ways and compare."""
    try:
        value = decode_object(data, max_bytes=_LIMIT)
    except StrictJSONError as error:
        check_error(error)
        is_strict = len(data) <= _LIMIT and read_strictly(data) is not None
        demand(that=not is_strict, otherwise="a strict object was refused")
        return
    demand(that=len(data) <= _LIMIT, otherwise="a text was read that is too long")
    # Equal is not enough: 1, 1.0 and true are equal, 0.0 and -0.0 too, and the order counts.
    demand(that=repr(value) == repr(read_strictly(data)), otherwise="two readers differ")
