"""What an answer may be: a result, or our own error with nothing of the input in it."""

import re
from collections.abc import Iterable
from typing import Final

from tokenward.errors import Error, InvalidToken

CANARY: Final = "Canary7d1mK3rUQ0yq1"
"""What the forged tokens and keys say of themselves here and there, and no error may repeat."""

# Shorter pieces than this stand in a token by chance.
_PIECE: Final = 12
_SLUG: Final = re.compile(r"[a-z0-9_]{3,48}(: Expected `[^`]{1,80}`(, got `[a-z]{1,12}`)?)?")
# What an error about a key may repeat: how long something is, and names, which are no secrets.
_VARYING: Final = re.compile(r"[0-9]+|(?<=the kid ).*|(?<=of the kind ).*")
# There are about two hundred ways to be refused, each with the claims that it can be about. A text with a piece of the
# input in it is a new one each time.
_MOST_TEXTS: Final = 1000

_texts: set[str] = set()


class FoundError(AssertionError):
    """An answer that is not allowed."""


def demand(*, that: bool, otherwise: str) -> None:
    """Go on only when `that` is so.

    Raises:
        FoundError: with `otherwise`.
    """
    if not that:
        raise FoundError(otherwise)


def check_error(error: Error, pieces: Iterable[bytes] = ()) -> None:
    """Check that an error repeats nothing of what was sent, and that no foreign error is printed along with it.

    Raises:
        FoundError: when it does.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    demand(
        that=cause is None or isinstance(cause, Error),
        otherwise=f"{type(cause)} would be printed before the refusal",
    )
    shown = f"{error!r} {error} {error.__dict__}"
    if not isinstance(error, InvalidToken):
        shown = _VARYING.sub("", shown)
    if shown in _texts:
        return
    demand(that=CANARY not in shown, otherwise=f"an error repeats the input: {shown}")
    if isinstance(error, InvalidToken):
        demand(that=_SLUG.fullmatch(error.reason) is not None, otherwise=f"a reason is no slug: {shown}")
        demand(that=str(error) == InvalidToken.description, otherwise=f"a refusal says more: {shown}")
    for piece in pieces:
        text = piece.decode("latin-1")
        for start in range(len(text) - _PIECE + 1):
            part = text[start : start + _PIECE]
            # The fuzzer learns the words of our errors and puts them into its inputs.
            ours = part in shown and any(part in known for known in _texts)
            demand(that=ours or part not in shown, otherwise=f"an error repeats the input: {shown}")
    demand(that=len(_texts) < _MOST_TEXTS, otherwise=f"an error has ever new texts, at last: {shown}")
    _texts.add(shown)
