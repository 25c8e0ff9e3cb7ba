"""Claims as the application wants them: a dataclass, a TypedDict or a msgspec Struct of its own."""

import re
from collections.abc import Callable
from typing import Final, TypeVar, is_typeddict

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken

Claims = TypeVar("Claims")

_KINDS: Final = "`claims` must be a dataclass, a TypedDict or a msgspec Struct."
_PATH: Final = re.compile(r" - at `(?:key in )?(?P<path>\$[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
# What says only which types were expected and found. Other messages repeat what the token says.
_ABOUT_TYPES: Final = re.compile(r"Expected `[^`]*`(?:, got `[^`]*`)?$")


def claims_reader(kind: type[Claims]) -> Callable[[bytes], Claims]:
    """Return the function that reads the JSON text of verified claims as `kind`; members it lacks are left out.

    Nothing is converted that JSON can say itself: the text "1" is no number. Only what was verified may be given.
    The function raises `InvalidToken`, whose `claim` is the path to the member at fault (`$.address.city`).

    Raises:
        ConfigurationError: when `kind` is no dataclass, TypedDict or Struct, or has a member that JSON cannot fill.
    """
    if not isinstance(kind, type):
        raise ConfigurationError(_KINDS)
    is_dataclass = hasattr(kind, "__dataclass_fields__")
    is_struct = issubclass(kind, msgspec.Struct)
    if not (is_dataclass or is_struct or is_typeddict(kind)):
        raise ConfigurationError(_KINDS)
    try:
        decode = msgspec.json.Decoder(kind).decode
    except (TypeError, NameError) as error:
        raise ConfigurationError(f"`claims` cannot be read from JSON: {error}") from None

    def read(text: bytes) -> Claims:
        try:
            return decode(text)
        except msgspec.ValidationError as error:
            refusal = _refusal(str(error))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            refusal = InvalidToken(reason="claim_shape")
        raise refusal from None

    return read


def _refusal(message: str) -> InvalidToken:
    found = _PATH.search(message)
    path = found["path"] if found else "$"
    said = message[: found.start()] if found else message
    missing = _MISSING.match(said)
    if missing:
        return InvalidToken(reason="claim_missing", claim=f"{path}.{missing['name']}")
    detail = f": {said}" if _ABOUT_TYPES.fullmatch(said) else ""
    return InvalidToken(reason=f"claim_shape{detail}", claim=path)
