"""base64url without padding, strict and canonical (RFC 7515 section 2, RFC 4648 sections 3.5 and 5).

For every byte string there is exactly one text, and every other text is refused: padding, the standard
alphabet, white space, an impossible length, and non-zero bits after the last whole byte. A decoder that lets
these through gives one token many spellings, and a list of refused tokens can be walked around by respelling
one.
"""

from typing import Final

import msgspec

from tokenward.errors import InvalidToken

# The JSON library writes and reads base64 in twice the speed of the standard library, as a JSON string with
# the standard alphabet and padding. Both are exchanged around it.
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(bytes).decode

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# The letters of the other alphabet, padding, and what means something in a JSON string become a character
# that is in no alphabet. Everything else that is no letter of ours stays, and is refused too.
_FROM_URL: Final = bytes.maketrans(b'-_+/="\\', b"+/!!!!!")
_DASH, _LOW_LINE, _PLUS, _SLASH, _EQUALS, _QUOTE, _BACKSLASH = b'-_+/="\\'

# By length modulo 4: the padding and the quote to add, and the letters that may stand last. The other
# letters carry bits that belong to no byte. The text of a length with remainder 1 cannot exist.
_END: Final = (b'"', b'"', b'=="', b'="')
_LAST_LETTERS: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")


def encode(data: bytes) -> bytes:
    """Return `data` as base64url text, without padding."""
    text = _encode(data).strip(b'"=')
    # JSON in plain English has neither of the two letters that differ, and looking for them costs less than exchanging.
    return text.translate(_TO_URL) if _PLUS in text or _SLASH in text else text


def decode(text: bytes) -> bytes:
    """Return the bytes that `text` spells.

    The length is not limited here; whoever reads from outside limits it before.

    Raises:
        InvalidToken: when `text` is not the one canonical spelling of some byte string.
    """
    remainder = len(text) & 3
    if remainder and text[-1] not in _LAST_LETTERS[remainder]:
        raise InvalidToken(reason="base64url_not_canonical")
    if _DASH in text or _LOW_LINE in text:
        text = text.translate(_FROM_URL)
    elif _PLUS in text or _SLASH in text or _EQUALS in text or _QUOTE in text or _BACKSLASH in text:
        raise InvalidToken(reason="base64url_malformed")
    try:
        return _decode(b'"%b%b' % (text, _END[remainder]))
    except (msgspec.DecodeError, UnicodeError):
        raise InvalidToken(reason="base64url_malformed") from None
