"""Claims as the application wants them: a dataclass, a TypedDict or a msgspec Struct of its own."""

import re
from collections.abc import Callable
from typing import Final, TypeVar, is_typeddict

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.tokens.verified_token import VerifiedToken

Claims = TypeVar("Claims")

_KINDS: Final = "`claims` must be a dataclass, a TypedDict or a msgspec Struct."
_PATH: Final = re.compile(r" - at `(?:key in )?(?P<path>\$[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
# What the values of JSON become.
_MADE: Final = (str, int, float, bool, list, dict, type(None))
# What says only which types were expected and found. Other messages repeat what the token says.
_ABOUT_TYPES: Final = re.compile(r"Expected `[^`]*`(?:, got `[^`]*`)?$")


def claims_reader(kind: type[Claims]) -> Callable[[bytes], Claims]:
    """Return the function that reads the JSON text of verified claims as `kind`; members it lacks are left out.

    Nothing is converted that JSON can say itself: the text "1" is no number. Only what was verified may be given.
    The function raises `InvalidToken`, whose `claim` is the path to the member at fault (`$.address.city`); also when
    `__post_init__` raises a ValueError or TypeError. What else that raises comes out as it is.

    Raises:
        ConfigurationError: when `kind` is no dataclass, TypedDict or Struct, or has a member that JSON cannot fill.
    """
    if not isinstance(kind, type):
        raise ConfigurationError(_KINDS)
    is_dataclass = hasattr(kind, "__dataclass_fields__")
    is_struct = issubclass(kind, msgspec.Struct)
    if not (is_dataclass or is_struct or is_typeddict(kind)):
        raise ConfigurationError(_KINDS)
    if issubclass(kind, VerifiedToken):
        raise ConfigurationError("A kind of token is given as `profile`; `claims` are a class of your own.")
    try:
        decode = msgspec.json.Decoder(kind).decode
        _check_readable(kind)
    except (TypeError, NameError) as error:
        raise ConfigurationError(f"`claims` cannot be read from JSON: {error}") from None

    def read(text: bytes) -> Claims:
        try:
            return decode(text)
        except msgspec.ValidationError as error:
            # What the class itself said stays out: it may repeat what the token says.
            refusal = _refusal(str(error).removeprefix(str(error.__cause__ or "")))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            refusal = InvalidToken(reason="claim_shape")
        raise refusal from None

    return read


def _check_readable(kind: type) -> None:
    """Check that JSON can fill every member: for any other type the library makes a decoder that refuses all.

    Raises:
        TypeError: when it cannot.
    """
    from msgspec.inspect import CustomType, type_info  # Takes long to import, and only typed claims need it.

    seen: set[int] = set()
    left: list[object] = [type_info(kind)]
    while left:
        part = left.pop()
        if isinstance(part, tuple):
            left.extend(part)
        elif isinstance(part, CustomType):
            if part.cls is not msgspec.UnsetType and not any(issubclass(made, part.cls) for made in _MADE):
                raise TypeError(f"nothing in JSON is a {part.cls.__name__}")
        elif isinstance(part, msgspec.Struct) and id(part) not in seen:
            # A description of a type; a class can be a member of itself.
            seen.add(id(part))
            left.extend(getattr(part, name) for name in part.__struct_fields__)


def _refusal(message: str) -> InvalidToken:
    found = _PATH.search(message)
    path = found["path"] if found else "$"
    said = message[: found.start()] if found else message
    missing = _MISSING.match(said)
    if missing:
        return InvalidToken(reason="claim_missing", claim=f"{path}.{missing['name']}")
    detail = f": {said}" if _ABOUT_TYPES.fullmatch(said) else ""
    return InvalidToken(reason=f"claim_shape{detail}", claim=path)
