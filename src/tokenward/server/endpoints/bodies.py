"""From the bytes of a body to a typed value, refusing everything that is not exactly what was asked for."""

from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from tokenward.errors import Error, InvalidRequest
from tokenward.jose.strict_json import decode_object
from tokenward.protocol.errors import UNKNOWN_MEMBER, UNSUPPORTED_MEDIA_TYPE
from tokenward.server.endpoints.messages import Request

T = TypeVar("T", bound=msgspec.Struct)

_JSON = b"application/json"
_FORM = b"application/x-www-form-urlencoded"
_MAX_FIELDS = 20
_MAX_BODY_BYTES = 1 << 24  # The connection's own limit is far below; this one only bounds the parser.


class UnknownMember(Error):
    """The body has a member that means nothing here, so the sender meant something that would not happen."""

    code = UNKNOWN_MEMBER
    status = 400


class UnsupportedMediaType(Error):
    """The body is of a kind that this endpoint does not read."""

    code = UNSUPPORTED_MEDIA_TYPE
    status = 415


async def read_json(request: Request, body_type: type[T]) -> T:
    """The body as `body_type`, from `application/json` only.

    Raises:
        UnsupportedMediaType, StrictJSONError, UnknownMember, InvalidRequest: with what is wrong and where.
    """
    _check_media_type(request, (_JSON,))
    return _convert(decode_object(await request.body(), max_bytes=_MAX_BODY_BYTES), body_type)


async def read_json_if_any(request: Request, body_type: type[T]) -> T | None:
    """As `read_json`, but a request without a body is one too.

    Raises:
        UnsupportedMediaType, StrictJSONError, UnknownMember, InvalidRequest: with what is wrong and where.
    """
    body = await request.body()
    if not body:
        return None
    _check_media_type(request, (_JSON,))
    return _convert(decode_object(body, max_bytes=_MAX_BODY_BYTES), body_type)


async def read_json_or_form(
    request: Request, body_type: type[T], *, ignored: Iterable[str] = (), json_only: Iterable[str] = ()
) -> T:
    """The body as `body_type`, from JSON or a form.

    `ignored` names form fields that are dropped if they come, and `json_only` members that a form may not have.

    Raises:
        UnsupportedMediaType, StrictJSONError, UnknownMember, InvalidRequest: with what is wrong and where.
    """
    kind = _check_media_type(request, (_JSON, _FORM))
    body = await request.body()
    if kind == _JSON:
        return _convert(decode_object(body, max_bytes=_MAX_BODY_BYTES), body_type)
    fields = _decode_form(body, frozenset(ignored))
    for name in json_only:
        if name in fields:
            msg = f"A form cannot have the field {name}. Send the body as application/json."
            raise InvalidRequest(msg, reason="form with a member for JSON only")
    return _convert(fields, body_type, not_here=tuple(json_only))


def _check_media_type(request: Request, accepted: tuple[bytes, ...]) -> bytes:
    values = request.header_values(b"content-type")
    kind = values[0].partition(b";")[0].strip().lower() if len(values) == 1 else b""
    if kind not in accepted:
        wanted = " or ".join(one.decode() for one in accepted)
        msg = f"This endpoint reads {wanted}. Set the header Content-Type accordingly."
        raise UnsupportedMediaType(msg)
    return kind


def _decode_form(body: bytes, ignored: frozenset[str]) -> dict[str, object]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one too.
        msg = "The form is not well formed. Send name=value pairs joined by &, percent-encoded from UTF-8."
        raise InvalidRequest(msg, reason="malformed form") from None
    fields = dict(pairs)
    # `scope[]=a&scope[]=b` is how some frameworks repeat a field; others would read only one of them.
    if len(fields) != len(pairs) or any("[" in name for name in fields):
        msg = "The form names a field twice, or as a list. Send each field once, by its plain name."
        raise InvalidRequest(msg, reason="duplicate form field")
    return {name: value for name, value in fields.items() if name not in ignored}


def _convert(members: dict[str, object], body_type: type[T], *, not_here: tuple[str, ...] = ()) -> T:
    known = body_type.__struct_encode_fields__
    unknown = next((name for name in members if name not in known), None)
    if unknown is not None:
        names = ", ".join(name for name in known if name not in not_here)
        # Shown to the sender only, shortened and in ASCII; it does not go into the log.
        msg = f"The body has a member {unknown[:40]!a} that this endpoint does not know. It knows: {names}."
        raise UnknownMember(msg)
    try:
        return msgspec.convert(members, body_type)
    except msgspec.ValidationError as error:
        msg = f"The body does not fit: {_without_value(str(error))}. See the documentation of this endpoint."
        raise InvalidRequest(msg, reason="body of wrong shape") from None


def _without_value(text: str) -> str:
    """What msgspec says of a wrong value. Where one of some words is wanted it repeats the value, perhaps a secret."""
    if not text.startswith("Invalid enum value"):
        return text
    _, at, place = text.rpartition(" - at ")
    return f"Invalid value{at}{place}"
